"""Defects that are there before anything is measured: leaks, nulls, selection, draws, covariates, units, places."""

from __future__ import annotations

from typing import Any, Final

from numpy.random import Generator
from pydantic import ValidationError

from theodolite.calibration.plants.forms import Form
from theodolite.calibration.plants.items import Item
from theodolite.claims import Covariate
from theodolite.gates.evidence import monte_carlo_p, resolves, wealth
from theodolite.judgements import NullEvidence
from theodolite.store import EntryKind, entry_id
from theodolite.tools import get_tool

__all__ = [
    "CHERRY_PICKED_LOCUS",
    "DONOR_LEAKAGE",
    "DOUBLE_DIPPING",
    "LABEL_LEAK",
    "OWN_EMBEDDING",
    "TOO_FEW_PLANNED",
    "WRONG_PANEL",
    "WRONG_UNIT",
]

_FEW_DRAWS: Final = (24, 12, 8, 4)
"""The shrinking draws of the hypothesis screens that this project replaces."""


def _with_source(item: Item, name: str, *ancestors: str) -> Item | None:
    if item.plan.sources is None:
        return None
    known = item.plan.sources.get(name, ())
    return item.with_plan(sources={**item.plan.sources, name: (*known, *ancestors)})


def _counted(item: Item) -> tuple[Covariate, ...]:
    return tuple(covariate for covariate in item.plan.hypothesis.claim.adjustment if covariate is not Covariate.DEGREE)


def _label_in_score(item: Item, rng: Generator) -> Item | None:
    return _with_source(item, "score", f"reference:{item.plan.hypothesis.claim.reference.name}")


def _origin_in_score(item: Item, rng: Generator) -> Item | None:
    ancestors = (item.plan.sources or {}).get("reference", ())
    return _with_source(item, "score", str(rng.choice(ancestors))) if ancestors else None


def _label_in_covariate(item: Item, rng: Generator) -> Item | None:
    covariates = _counted(item)
    if not covariates:
        return None
    chosen = covariates[int(rng.integers(len(covariates)))]
    return _with_source(item, chosen.value, f"reference:{item.plan.hypothesis.claim.reference.name}")


LABEL_LEAK: Final = (
    Form("the score derives from the reference itself", _label_in_score),
    Form("the score derives from what the reference was made of", _origin_in_score),
    Form("a covariate derives from the reference", _label_in_covariate),
)


def _without_null(item: Item, null: str) -> Item | None:
    kept = tuple(name for name in item.plan.null_panel if name != null)
    evidence = [found for found in item.judgement.evidence if found.null != null]
    if not evidence or len(kept) == len(item.plan.null_panel):
        return None
    return item.with_plan(null_panel=kept).with_evidence(evidence)


def _no_family_block(item: Item, rng: Generator) -> Item | None:
    return _without_null(item, "family_block_swap")


def _incomplete_panel(item: Item, rng: Generator) -> Item | None:
    beyond = [name for name in item.plan.null_panel if name in ("curveball", "coexpression_strata")]
    return _without_null(item, str(rng.choice(beyond))) if beyond else None


WRONG_PANEL: Final = (
    Form("the panel has no family block", _no_family_block),
    Form("the panel lacks a null of its shape", _incomplete_panel),
)


def _chosen_elsewhere(item: Item, rng: Generator) -> Item | None:
    if item.plan.selected_on is None:
        return None
    places = ("confirmation", item.plan.block.id.rpartition("/")[2], "all genes")
    return item.with_plan(selected_on=str(rng.choice(places)))


def _fit_missing(item: Item, rng: Generator) -> Item | None:
    variants = [variant for variant in item.plan.variants if variant in item.plan.fitted]
    if not get_tool(item.plan.hypothesis.tool.partition("@")[0]).fits or not variants:
        return None
    dropped = str(rng.choice(variants))
    return item.with_plan(fitted={name: sha for name, sha in item.plan.fitted.items() if name != dropped})


def _rests_on_the_block(item: Item, rng: Generator) -> Item | None:
    plan = item.plan
    kind = (EntryKind.JUDGEMENT, EntryKind.RESULT, EntryKind.VERDICT)[int(rng.integers(3))]
    told = entry_id(plan.campaign, kind, plan.round, plan.slot + int(rng.integers(1, 9)))
    return item.with_hypothesis(parents=(*plan.hypothesis.parents, told))


DOUBLE_DIPPING: Final = (
    Form("place and tail were chosen on confirmation units", _chosen_elsewhere),
    Form("a variant was fitted where it is tested", _fit_missing),
    Form("it rests on what the block showed", _rests_on_the_block),
)


def _few_planned(item: Item, rng: Generator) -> Item | None:
    plan = item.plan
    kind = plan.evidence or "p"
    few = [draws for draws in _FEW_DRAWS if not resolves(draws, plan.level.provisional_alpha, kind)]
    if not few:
        return None
    draws = int(rng.choice(few))
    changed = item.with_plan(draws=draws).with_evidence([_redrawn(found, draws) for found in item.judgement.evidence])
    told = item.gate("G6")
    if told is None:
        return changed
    return changed.with_gate("G6", sentence=told.sentence.replace(f"{plan.draws:,} draws", f"{draws:,} draws"))


def _redrawn(found: NullEvidence, draws: int) -> NullEvidence:
    share = found.exceedances / found.draws
    exceeding = min(draws, round(share * draws))
    return NullEvidence.model_validate(
        found.model_dump()
        | {
            "exceedances": exceeding,
            "draws": draws,
            "p": monte_carlo_p(exceeding, draws),
            "e": None if found.e is None else float(wealth(exceeding, draws)),
            "stopped": None if found.stopped is None else "exhausted",
        }
    )


TOO_FEW_PLANNED: Final = (Form("the plan locks a handful of draws", _few_planned),)


def _model_covariate(item: Item, covariate: Covariate) -> Item | None:
    plan = item.plan
    if plan.sources is None or covariate not in plan.hypothesis.claim.adjustment:
        return None
    return item.with_plan(sources={**plan.sources, covariate.value: (f"model:{plan.hypothesis.claim.model.name}",)})


def _own_coexpression(item: Item, rng: Generator) -> Item | None:
    return _model_covariate(item, Covariate.CO_EXPRESSION)


def _fitted_as_coexpression(item: Item, rng: Generator) -> Item | None:
    if Covariate.CO_EXPRESSION not in item.plan.hypothesis.claim.adjustment:
        return None
    return item.with_plan(coexpression_sha256=item.plan.fitted.get("main", item.plan.model_sha256))


def _own_statistic(item: Item, rng: Generator) -> Item | None:
    covariates = [covariate for covariate in _counted(item) if covariate is not Covariate.CO_EXPRESSION]
    return _model_covariate(item, covariates[int(rng.integers(len(covariates)))]) if covariates else None


OWN_EMBEDDING: Final = (
    Form("co-expression is that of the model's own vectors", _own_coexpression),
    Form("the co-expression that is named is the model's artefact", _fitted_as_coexpression),
    Form("a gene statistic is read from the model", _own_statistic),
)


def _grouped(item: Item, unit: str, shared: int) -> Item | None:
    return None if item.plan.unit is None else item.with_plan(unit=unit, shared_cell_units=shared)


def _some_donors_shared(item: Item, rng: Generator) -> Item | None:
    return _grouped(item, "donor", int(rng.integers(1, 4)))


def _all_donors_shared(item: Item, rng: Generator) -> Item | None:
    return _grouped(item, "donor", int(rng.integers(8, 41)))


def _batches_shared(item: Item, rng: Generator) -> Item | None:
    return _grouped(item, str(rng.choice(("batch", "plate", "cell line"))), int(rng.integers(2, 9)))


def _speaks_of_donors(item: Item, rng: Generator) -> Item | None:
    if not item.plan.shared_cell_units:
        return None
    said = ("it will hold in donors that nobody has looked at", "the donors of the hold-out half repeat it")
    return _reasoned(item, str(rng.choice(said)))


def _reasoned(item: Item, said: str) -> Item:
    return item.with_hypothesis(rationale=f"{item.plan.hypothesis.rationale}; {said}")


DONOR_LEAKAGE: Final = (
    Form("some donors are in discovery and in confirmation", _some_donors_shared),
    Form("all donors are", _all_donors_shared),
    Form("batches stand for donors, and are shared", _batches_shared),
    Form("the reason given speaks of new donors, the plan shares all of them", _speaks_of_donors, in_words=True),
)


def _unit(item: Item, unit: str) -> Item | None:
    return None if item.plan.unit is None else item.with_plan(unit=unit)


def _unit_cell(item: Item, rng: Generator) -> Item | None:
    return _unit(item, "cell")


def _unit_pair(item: Item, rng: Generator) -> Item | None:
    return _unit(item, "gene" if item.plan.shape == "GeneScores" else "gene pair")


def _few_families(item: Item, rng: Generator) -> Item | None:
    return item.with_plan(families_in_block=int(rng.integers(2, 8)))


def _over_pairs(item: Item, rng: Generator) -> Item | None:
    said = ("every pair taken as one independent observation", "one value a cell, the cells taken as independent")
    return item.with_plan(estimand=f"{item.plan.estimand}, {rng.choice(said)}")


WRONG_UNIT: Final = (
    Form("the unit is the cell", _unit_cell),
    Form("the unit is the gene or the pair", _unit_pair),
    Form("many members of few families", _few_families),
    Form("the estimand counts pairs or cells as independent", _over_pairs, in_words=True),
)


def _no_look(item: Item, rng: Generator) -> Item | None:
    return item.with_hypothesis(parents=())


def _elsewhere(item: Item, rng: Generator) -> Item | None:
    plan = item.plan
    tool = get_tool(plan.hypothesis.tool.partition("@")[0])
    moved = [{**plan.params, name: value + 1} for name, value in plan.params.items() if isinstance(value, int)]
    for place in rng.permutation(len(moved)):
        params: dict[str, Any] = moved[int(place)]
        try:
            if tool.params(**params).locus() != plan.hypothesis.locus:
                return item.with_plan(params=params)
        except ValidationError:
            continue
    return None


def _baseline_placeless(item: Item, rng: Generator) -> Item | None:
    loci = item.plan.loci
    if not loci:
        return None
    dropped = str(rng.choice(sorted(loci)))
    return item.with_plan(loci={name: params for name, params in loci.items() if name != dropped})


def _strongest_of_many(item: Item, rng: Generator) -> Item | None:
    tried = int(rng.integers(12, 145))
    said = (
        f"of {tried} places that were tried it is the strongest on the hold-out genes too",
        f"the hold-out genes were tried at {tried} places, and this one stands out",
    )
    return _reasoned(item, str(rng.choice(said)))


CHERRY_PICKED_LOCUS: Final = (
    Form("no look at discovery units led to it", _no_look),
    Form("the tool reads another place than the claim names", _elsewhere),
    Form("a baseline has no best place of its own", _baseline_placeless),
    Form("the reason given is what the hold-out genes showed", _strongest_of_many, in_words=True),
)
