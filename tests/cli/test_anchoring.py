"""Anchors that campaigns make by themselves: what cannot work is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.cli.anchoring import ANCHOR_VARIABLE, refuse_unfit_anchor
from theodolite.cli.errors import UserError


def test_a_file_elsewhere_will_do_and_so_does_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ANCHOR_VARIABLE, raising=False)
    refuse_unfit_anchor(tmp_path / "mine.theodolite")
    monkeypatch.setenv(ANCHOR_VARIABLE, str(tmp_path / "anchors"))
    refuse_unfit_anchor(tmp_path / "mine.theodolite")


@pytest.mark.parametrize(
    ("place", "said"), [("mine.theodolite/anchors", "inside of the workspace"), ("no/such/anchors", "make its folder")]
)
def test_a_file_that_cannot_serve_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    monkeypatch.setenv(ANCHOR_VARIABLE, str(tmp_path / place))
    with pytest.raises(UserError, match=said):
        refuse_unfit_anchor(tmp_path / "mine.theodolite")
