"""The atlas of a model: at which places each family of instruments asked, what came out, and where none did.

Two views: places by family in one model and cells, in the order of the model's depth; and models and cells by family.
Only the place that a plan locked is told by a verdict. Other places that were looked at show what was seen there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from theodolite.reports.depth import Depth, depth_of, level_title
from theodolite.reports.looked_places import Estimate, estimates
from theodolite.store import Ledger
from theodolite.store.place_queries import CampaignInShort, campaigns_in_short, outcomes_by_model, outcomes_by_place

__all__ = ["OUTCOMES", "Atlas", "AtlasCell", "AtlasRow", "Level", "Scope", "Survey", "SurveyRow", "atlas", "survey"]

OUTCOMES = ("supported", "refuted", "inconclusive", "invalid", "error", "pending", "refused")
"""The outcomes in the order in which a cell tells them."""
_LOCKED = frozenset(OUTCOMES) - {"refused"}
_FAMILIES = 24
_UNFOLDED, _MOST_PLACES = 120, 300
"""A map of at most so many places shows them all; of one level so many are shown."""


@dataclass(frozen=True)
class Scope:
    """What a map is about.

    Attributes
    ----------
    model, cells
        Their names; None where the ledger has no such campaign.
    campaigns
        Ids of the campaigns in it, in the order in which they were opened.
    campaign, reference
        Whether only one campaign, or one reference, was asked for.
    """

    model: str | None
    cells: str | None
    campaigns: tuple[str, ...]
    campaign: str | None
    reference: str | None


@dataclass(frozen=True)
class AtlasCell:
    """One family at one place, or at all places of a level.

    Attributes
    ----------
    outcomes
        Hypotheses by outcome, none left out.
    estimate
        What was seen there on discovery genes; None where nothing was, and where a plan was locked at a single place.
    untried
        Places that were looked at and that no plan was locked for.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    estimate: Estimate | None = None
    untried: int = 0

    @property
    def tested(self) -> bool:
        """Whether any plan was locked here, or is about to be."""
        return not _LOCKED.isdisjoint(self.outcomes)


@dataclass(frozen=True)
class AtlasRow:
    """A place, or a level of places; ``cells`` are in the order of the families, None where nothing was looked at."""

    locus: str | None
    places: int
    cells: tuple[AtlasCell | None, ...]


@dataclass(frozen=True)
class Level:
    """A layer, the read-out, or what has no depth; ``rows`` is one row of all its places where it is folded."""

    level: str
    title: str
    rows: tuple[AtlasRow, ...]
    folded: bool
    left_out: int = 0


@dataclass(frozen=True)
class Atlas:
    """A map.

    Attributes
    ----------
    scope
        What it is about.
    families
        Its columns, by name.
    levels
        Its rows, from the embedding down.
    totals
        All places, by family.
    tried, looked
        Places at which a plan was locked, by family, and places that were looked at or tried.
    folded
        Whether levels are shown in place of places, for there are too many.
    families_left_out
        Families that have no column, for there are too many.
    """

    scope: Scope
    families: tuple[str, ...]
    levels: tuple[Level, ...]
    totals: tuple[AtlasCell, ...]
    tried: tuple[int, ...]
    looked: tuple[int, ...]
    folded: bool
    families_left_out: int = 0


@dataclass(frozen=True)
class SurveyRow:
    """One model in one set of cells: how many campaigns, and outcomes by family."""

    model: str
    cells: str
    campaigns: int
    outcomes: tuple[dict[str, int], ...]


@dataclass(frozen=True)
class Survey:
    """Models and cells by family; ``left_out`` are pairs that have no row, for there are too many."""

    families: tuple[str, ...]
    rows: tuple[SurveyRow, ...]
    left_out: int = 0
    families_left_out: int = 0


def scope_of(
    campaigns: Sequence[CampaignInShort],
    *,
    campaign: str | None = None,
    model: str | None = None,
    cells: str | None = None,
    reference: str | None = None,
) -> Scope:
    """Return what a map is about: what was asked for, and the model and cells of the newest campaign where it was not.

    A campaign has one model and one set of cells, and so goes before both.
    """
    wanted = {"campaign": campaign, "model": None if campaign else model, "cells": None if campaign else cells}
    given = {name: value for name, value in wanted.items() if value is not None}
    fit = [item for item in campaigns if all(getattr(item, name) == value for name, value in given.items())]
    if not fit:
        return Scope(model, cells, (), campaign, reference)
    newest = fit[-1]
    inside = [
        item.campaign
        for item in fit
        if (item.model, item.cells) == (newest.model, newest.cells) and campaign in (None, item.campaign)
    ]
    return Scope(newest.model, newest.cells, tuple(inside), campaign, reference)


def atlas(
    ledger: Ledger,
    *,
    campaign: str | None = None,
    model: str | None = None,
    cells: str | None = None,
    reference: str | None = None,
    level: str | None = None,
) -> Atlas:
    """Return the places of one model and cells by family of instruments, with what came out at each.

    Parameters
    ----------
    campaign, model, cells
        Which; see :func:`scope_of`.
    reference
        Only hypotheses and looks about this reference.
    level
        Only this level, place by place.
    """
    scope = scope_of(campaigns_in_short(ledger), campaign=campaign, model=model, cells=cells, reference=reference)
    if not scope.campaigns:
        return Atlas(scope, (), (), (), (), (), folded=False)
    outcomes: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for family, locus, outcome, number in outcomes_by_place(ledger, scope.campaigns, reference):
        outcomes[family, locus][outcome] = number
    seen = estimates(ledger, scope.campaigns, reference)
    cells_of = {place: _cell(outcomes.get(place, {}), seen.get(place)) for place in dict.fromkeys([*outcomes, *seen])}
    families = sorted({family for family, _ in cells_of})
    shown = tuple(families[:_FAMILIES])
    levels: defaultdict[str, dict[str, Depth]] = defaultdict(dict)
    for _, locus in cells_of:
        depth = depth_of(locus)
        levels[depth.level][locus] = depth
    if level is not None:
        levels = defaultdict(dict, {level: levels[level]} if level in levels else {})
    folded = level is None and sum(map(len, levels.values())) > _UNFOLDED
    by_family = [[cell for (of, _), cell in cells_of.items() if of == family] for family in shown]
    return Atlas(
        scope=scope,
        families=shown,
        levels=tuple(
            _level(name, places, shown, cells_of, folded=folded and len(places) > 1)
            for name, places in sorted(levels.items(), key=lambda item: min(item[1].values(), key=_order).order)
        ),
        totals=tuple(_together(own) for own in by_family),
        tried=tuple(sum(cell.tested for cell in own) for own in by_family),
        looked=tuple(map(len, by_family)),
        folded=folded,
        families_left_out=len(families) - len(shown),
    )


def survey(ledger: Ledger, *, most: int = 200) -> Survey:
    """Return every model and cells that campaigns asked about, by name, with outcomes by family."""
    campaigns = Counter((item.model, item.cells) for item in campaigns_in_short(ledger))
    counted: defaultdict[tuple[str, str], defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for model, cells, family, outcome, number in outcomes_by_model(ledger):
        counted[model, cells][family][outcome] = number
    families = sorted({family for own in counted.values() for family in own})
    shown = tuple(families[:_FAMILIES])
    names = sorted(campaigns)
    return Survey(
        families=shown,
        rows=tuple(
            SurveyRow(*pair, campaigns[pair], tuple(_in_order(counted[pair][family]) for family in shown))
            for pair in names[:most]
        ),
        left_out=max(len(names) - most, 0),
        families_left_out=len(families) - len(shown),
    )


def _order(depth: Depth) -> tuple[int, int, int, str]:
    return depth.order


def _in_order(outcomes: dict[str, int]) -> dict[str, int]:
    return {name: outcomes[name] for name in OUTCOMES if outcomes.get(name)}


def _cell(outcomes: dict[str, int], seen: Estimate | None) -> AtlasCell:
    cell = AtlasCell(_in_order(outcomes))
    # What was merely seen must not stand beside a verdict: it is of other genes, and of no locked plan.
    return cell if cell.tested or seen is None else AtlasCell(cell.outcomes, seen, 1)


def _together(cells: Iterable[AtlasCell]) -> AtlasCell:
    """Return several places as one cell: outcomes added up, and the largest estimate of those not tried."""
    outcomes: Counter[str] = Counter()
    largest: Estimate | None = None
    untried = 0
    for cell in cells:
        outcomes.update(cell.outcomes)
        untried += cell.untried
        seen = cell.estimate
        if seen is not None and (largest is None or abs(seen.effect or 0.0) > abs(largest.effect or 0.0)):
            largest = seen
    return AtlasCell(_in_order(outcomes), largest, untried)


def _level(
    name: str,
    places: dict[str, Depth],
    families: Sequence[str],
    cells_of: dict[tuple[str, str], AtlasCell],
    *,
    folded: bool,
) -> Level:
    ordered = sorted(places, key=lambda locus: places[locus].order)
    if folded:
        found = ([cells_of[family, locus] for locus in ordered if (family, locus) in cells_of] for family in families)
        row = AtlasRow(None, len(ordered), tuple(_together(own) if own else None for own in found))
        return Level(name, level_title(name), (row,), folded=True)
    rows = tuple(
        AtlasRow(locus, 1, tuple(cells_of.get((family, locus)) for family in families))
        for locus in ordered[:_MOST_PLACES]
    )
    return Level(name, level_title(name), rows, folded=False, left_out=max(len(ordered) - _MOST_PLACES, 0))
