"""Figures of a slot are valid Vega-Lite, and their tables say the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import altair
import pytest

from theodolite.reports.slot_figures import slot_figures
from theodolite.reports.slot_lives import SlotLife, slot_life
from theodolite.store import Ledger, hypothesis_rows


@pytest.fixture(scope="module")
def lives(small_world: Any, trees: Any) -> list[SlotLife]:
    """Return the lives of a campaign about genes and of one about anchors."""
    found = []
    for folder in (small_world.finished(), trees.finished()):
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            found += [slot_life(ledger, row.subject) for row in hypothesis_rows(ledger)]
    return found


def drawn(life: SlotLife) -> Iterator[Any]:
    """Yield the figures of a life, each found valid."""
    for figure in slot_figures(life):
        altair.Chart.from_dict(figure.spec, validate=True)
        assert figure.caption and figure.rows and all(len(row) == len(figure.columns) for row in figure.rows)
        yield figure


def test_every_test_has_valid_figures_of_effect_nulls_and_controls(lives):
    for life in lives:
        assert {"effect", "nulls", "planted", "nothing"} <= {figure.name for figure in drawn(life)}


def test_the_effect_is_shown_on_the_scale_of_its_claim(lives):
    for life in lives:
        figure = next(figure for figure in drawn(life) if figure.name == "effect")
        chance = 0.0 if life.hypothesis.unit == "Spearman's rho" else 0.5
        assert figure.rows[0][:2] == ("the model", f"{life.hypothesis.effect + chance:.3f}")
        assert ("least effect that counts", f"{life.locked.sesoi + chance:.3f}", "", "") in figure.rows


def test_counting_is_said_to_end_early_only_where_it_does(lives):
    """A support about anchors is held to all thirty worlds, one about genes to as many as it takes."""
    for life in lives:
        caption = next(figure.caption for figure in drawn(life) if figure.name == "planted")
        assert ("once enough were found" in caption) == (life.locked.shape != "AnchorLatents")


def test_each_null_has_its_exceedances(lives):
    life = lives[0]
    figure = next(figure for figure in drawn(life) if figure.name == "nulls")
    assert [row[1] for row in figure.rows] == [f"{null.exceedances:,} of {null.draws:,}" for null in life.nulls]


def test_bettors_are_shown_by_their_wealth_also_one_that_gave_up(lives):
    life = lives[0]
    betting = replace(
        life,
        hypothesis=replace(life.hypothesis, evidence="e", e=0.0, multiplier=None),
        nulls=tuple(replace(null, e=0.0) for null in life.nulls),
    )
    figure = next(figure for figure in drawn(betting) if figure.name == "nulls")
    assert "gave up" in figure.caption and figure.rows[0][3] == "0"


def test_controls_that_a_reviewer_ordered_stand_beside_the_margin(lives):
    control = {"control": "untrained_again", "gain": "0.2", "low": "0.1", "passed": True}
    unmeasured = {"control": "shuffled_input", "gain": None, "low": None, "passed": None}
    figure = next(
        figure for figure in drawn(replace(lives[0], controls=(control, unmeasured))) if figure.name == "margin"
    )
    assert figure.rows[-1] == ("beyond “untrained again”", "0.200", "0.100", "")


def test_what_was_not_measured_has_no_figure(lives):
    assert slot_figures(replace(lives[0], judgement=None, nulls=(), gates=())) == []
