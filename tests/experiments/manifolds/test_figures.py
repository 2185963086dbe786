"""Figures of a latent space: rows of the ledger that a Vega-Lite viewer draws, made of the measurement alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from trees import rows_of

from theodolite.experiments.manifolds.figures import figure_of
from theodolite.measurements import AnchorLatents, load_measurement
from theodolite.store import EntryKind, Ledger


@pytest.fixture(scope="module")
def specs(trees: Any) -> dict[str, Any]:
    """Return the figures of the finished tree by view, as they are kept."""
    folder = trees.finished()
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return {
            entry.payload["view"]: json.loads(ledger.artefacts.get(entry.payload["artefact"]))
            for entry in rows_of(folder, EntryKind.FIGURE)
        }


def test_a_claim_has_a_figure_in_two_and_one_in_three_dimensions(specs: dict[str, Any]) -> None:
    assert list(specs) == ["two dimensions", "three dimensions"]
    for spec in specs.values():
        assert [panel["title"] for panel in spec["concat"]] == ["ruler", "branch", "donor", "error"]
    assert {param["name"] for param in specs["three dimensions"]["params"]} == {"azimuth", "elevation"}


def test_points_are_numbers_of_every_anchor(specs: dict[str, Any]) -> None:
    points = specs["two dimensions"]["data"]["values"]
    assert np.isfinite([[point[axis] for axis in ("x", "y", "z", "error", "ruler")] for point in points]).all()
    assert {point["judged"] for point in points} == {True, False}
    assert len({point["donor"] for point in points}) == 12


def test_they_are_vega_lite(specs: dict[str, Any]) -> None:
    altair = pytest.importorskip("altair")
    for spec in specs.values():
        altair.Chart.from_dict(spec, validate=True)


def test_a_view_that_is_none_or_anchors_without_a_ruler_are_refused(trees: Any) -> None:
    folder = trees.finished()
    (result,) = rows_of(folder, EntryKind.RESULT)
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        measured = load_measurement(ledger.artefacts.get(result.payload["measurements"]["main"]))
    assert isinstance(measured, AnchorLatents)
    with pytest.raises(ValueError, match="of anchors with a ruler"):
        figure_of(measured, "two dimensions", "title")


def test_a_confirmation_reads_no_row_that_it_judges(trees: Any) -> None:
    folder = trees.finished()
    (result,) = rows_of(folder, EntryKind.RESULT)
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        for name, sha256 in result.payload["measurements"].items():
            measured = load_measurement(ledger.artefacts.get(sha256))
            assert isinstance(measured, AnchorLatents)
            assert not (measured.read & measured.judged).any(), name
            assert measured.held[0].sum() == measured.judged.sum()
