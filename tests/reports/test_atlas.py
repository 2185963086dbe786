"""The atlas against an oracle that goes through every hypothesis and every look of the ledger."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.reports.atlas import OUTCOMES, Atlas, AtlasCell, atlas, survey
from theodolite.reports.depth import depth_of
from theodolite.reports.looked_places import place_in_words
from theodolite.store import Ledger, hypothesis_rows, look_rows
from theodolite.tools import get_tool

KEPT = sorted(path.parent for path in (Path(__file__).parents[1] / "ledgers").glob("*/ledger.sqlite"))


@pytest.fixture(params=["small", *(folder.name for folder in KEPT)])
def any_ledger(request: Any, small_world: Any, tmp_path: Path) -> Iterator[Ledger]:
    """Open a finished small campaign, and each ledger that an earlier version wrote."""
    if request.param == "small":
        path = small_world.finished() / "ledger.sqlite"
    else:
        path = tmp_path / "ledger.sqlite"
        shutil.copy(KEPT[0].parent / request.param / "ledger.sqlite", path)
        Ledger.open(path).close()
    with Ledger.open(path, read_only=True) as ledger:
        yield ledger


def cells_of(found: Atlas) -> dict[tuple[str, str], AtlasCell]:
    return {
        (family, row.locus): cell
        for level in found.levels
        for row in level.rows
        for family, cell in zip(found.families, row.cells, strict=True)
        if cell is not None and row.locus is not None
    }


def looked(ledger: Ledger, reference: str | None = None) -> dict[tuple[str, str], tuple[float, str] | None]:
    """Return the largest effect of each look, by the instrument's own word for its place."""
    found: dict[tuple[str, str], tuple[float, str] | None] = {}
    for look in look_rows(ledger):
        family = look.tool.partition("@")[0]
        place = str(get_tool(family).params(**look.params).locus())
        effects = [
            (float(said["effect"]), name)
            for name, said in look.effects.items()
            if said.get("effect") is not None and reference in (None, name)
        ]
        found[family, place] = max(effects, key=lambda item: abs(item[0]), default=None)
    return found


def test_each_cell_tells_every_outcome_of_its_place_with_its_number(any_ledger: Ledger) -> None:
    told = {place: cell.outcomes for place, cell in cells_of(atlas(any_ledger)).items() if cell.outcomes}
    counted: dict[tuple[str, str], Counter[str]] = {}
    for row in hypothesis_rows(any_ledger):
        counted.setdefault((row.family, row.locus), Counter())[row.outcome] += 1
    assert told == counted


def test_only_places_without_a_locked_plan_show_what_was_seen(any_ledger: Ledger) -> None:
    cells, seen = cells_of(atlas(any_ledger)), looked(any_ledger)
    locked = {(row.family, row.locus) for row in hypothesis_rows(any_ledger) if row.prereg_sha256 is not None}
    assert {place for place, cell in cells.items() if cell.estimate} == seen.keys() - locked
    for place in seen.keys() - locked:
        estimate, largest = cells[place].estimate, seen[place]
        assert estimate is not None and any_ledger.get(estimate.id) is not None
        assert (estimate.effect, estimate.reference) == (largest or (None, None))
    assert cells.keys() == seen.keys() | {(row.family, row.locus) for row in hypothesis_rows(any_ledger)}


def test_one_reference_leaves_its_own_hypotheses_and_effects(any_ledger: Ledger) -> None:
    for reference in sorted({row.reference for row in hypothesis_rows(any_ledger)})[:3]:
        rows = [row for row in hypothesis_rows(any_ledger) if row.reference == reference]
        cells, seen = cells_of(atlas(any_ledger, reference=reference)), looked(any_ledger, reference)
        told = Counter({(*place, word): n for place, cell in cells.items() for word, n in cell.outcomes.items()})
        assert told == Counter((row.family, row.locus, row.outcome) for row in rows)
        for place in seen.keys() - {(row.family, row.locus) for row in rows}:
            estimate, largest = cells[place].estimate, seen[place]
            assert estimate is not None and (estimate.effect, estimate.reference) == (largest or (None, None))


def test_rows_follow_the_depth_of_the_model_and_totals_add_up(any_ledger: Ledger) -> None:
    found = atlas(any_ledger)
    loci = [row.locus or "" for level in found.levels for row in level.rows]
    assert loci == sorted(loci, key=lambda locus: depth_of(locus).order) and len(set(loci)) == len(loci)
    rows = hypothesis_rows(any_ledger)
    for family, total, tried, places in zip(found.families, found.totals, found.tried, found.looked, strict=True):
        assert total.outcomes == Counter(row.outcome for row in rows if row.family == family)
        assert list(total.outcomes) == [name for name in OUTCOMES if name in total.outcomes]
        assert tried == len({row.locus for row in rows if row.family == family and row.prereg_sha256})
        assert total.untried == places - tried


def test_a_level_is_shown_place_by_place_and_others_left_out(any_ledger: Ledger) -> None:
    whole = atlas(any_ledger)
    for level in whole.levels:
        assert atlas(any_ledger, level=level.level).levels == (level,)
    assert atlas(any_ledger, level="no such level").levels == ()


def test_too_many_places_are_folded_into_levels(any_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = atlas(any_ledger)
    monkeypatch.setattr("theodolite.reports.atlas._UNFOLDED", 1)
    folded = atlas(any_ledger)
    assert folded.folded and [level.level for level in folded.levels] == [level.level for level in whole.levels]
    for small, large in zip(folded.levels, whole.levels, strict=True):
        (row,) = small.rows
        assert row.places == len(large.rows)
        for index, cell in enumerate(row.cells):
            inside = [found for each in large.rows if (found := each.cells[index]) is not None]
            summed = sum((Counter(found.outcomes) for found in inside), Counter[str]())
            assert (cell is None) == (not inside) and (cell is None or cell.outcomes == summed)
            sizes = [abs(found.estimate.effect or 0.0) for found in inside if found.estimate]
            if cell is not None and sizes:
                assert cell.estimate is not None and abs(cell.estimate.effect or 0.0) == max(sizes)
                assert cell.untried == len(sizes)


def test_models_and_cells_by_family(any_ledger: Ledger) -> None:
    found = survey(any_ledger)
    counted: dict[tuple[str, str, str], Counter[str]] = {}
    for row in hypothesis_rows(any_ledger):
        counted.setdefault((row.model, row.context, row.family), Counter())[row.outcome] += 1
    told = {
        (row.model, row.cells, family): outcomes
        for row in found.rows
        for family, outcomes in zip(found.families, row.outcomes, strict=True)
        if outcomes
    }
    assert told == counted


def test_what_is_not_in_the_ledger_has_an_empty_map(ledger: Ledger) -> None:
    for nothing in ({"campaign": "no"}, {"model": "no"}, {"cells": "no"}):
        found = atlas(ledger, **nothing)
        assert (found.families, found.levels, found.scope.campaigns) == ((), (), ())
    assert cells_of(atlas(ledger, reference="no")).keys() == looked(ledger).keys()
    with Ledger.in_memory() as empty:
        assert atlas(empty).scope.model is None and survey(empty).rows == ()


def test_an_instrument_that_is_not_loaded_shows_its_parameters() -> None:
    assert place_in_words("geometry.axis_separation@1", '{"axis":2,"layer":0}') == "layer 0 axis 2"
    assert place_in_words("other.tool@1", '{"axis":2,"layer":0}') == "axis 2, layer 0"
    assert place_in_words("geometry.axis_separation@1", '{"wrong":2}') == "wrong 2"
