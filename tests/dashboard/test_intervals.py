"""Drawings of a page share a ruler with chance in the middle, and stay inside their frame."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from theodolite.dashboard.intervals import MARGIN, WIDTH, rulers
from theodolite.reports.listed import ListedHypothesis
from theodolite.reports.verdict_table import VerdictLine

_LINE = VerdictLine(
    subject="c/r01.s001", campaign="c", slot="r01.s001", claim="", family="", outcome="refuted", tags=(), effect=None,
    low=None, high=None, p=None, level=None, e=None, required=None, first_unmet=None, unmet_sentence=None,
    next_step=None,
)  # fmt: skip
_ROW: Any = SimpleNamespace()


def _item(effect: float, low: float, high: float, scale: str = "AUROC", least: float | None = 0.1) -> ListedHypothesis:
    return ListedHypothesis(_ROW, replace(_LINE, effect=effect, low=low, high=high, scale=scale), None, least)


def test_chance_is_in_the_middle_and_the_widest_interval_fits() -> None:
    items = [_item(0.52, 0.48, 0.56), _item(0.7, 0.6, 0.78)]
    ruler = rulers(items)["AUROC"]
    assert (ruler.first, ruler.chance, ruler.last) == (0.2, 0.5, 0.8)
    drawn = ruler.draw(items[0])
    assert drawn is not None and drawn.zone is not None
    assert drawn.low < WIDTH / 2 < drawn.effect < drawn.high
    assert drawn.zone[0] + drawn.zone[1] == WIDTH


def test_scales_have_rulers_of_their_own() -> None:
    items = [_item(0.52, 0.48, 0.56), _item(-0.1, -0.95, 0.9, "rho")]
    found = rulers(items)
    assert (found["rho"].first, found["rho"].last) == (-1.0, 1.0)
    assert found["rho"].draw(items[0]) is None


def test_what_was_not_measured_needs_no_ruler() -> None:
    assert rulers([ListedHypothesis(_ROW, _LINE, None, None)]) == {}


def test_a_number_beyond_all_bounds_stays_in_the_frame() -> None:
    item = _item(float("inf"), float("-inf"), float("inf"), least=None)
    drawn = rulers([item])["AUROC"].draw(item)
    assert drawn is not None
    assert (drawn.low, drawn.high, drawn.zone) == (MARGIN, WIDTH - MARGIN, None)
