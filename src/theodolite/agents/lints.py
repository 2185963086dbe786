"""Lints: defects of a plan or of a record that code recognises from what is locked and what was recorded.

Each class of defect that can be told from typed fields is told here, every time, so that no reviewer's attention is
needed for it. What shows in words alone is left to reviewers that read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import ValidationError

from theodolite.claims import Author, Covariate, LocusKind
from theodolite.gates import LEAST_MOVED, MINIMUM_FAMILIES, baselines_for, panel_for
from theodolite.gates.catalogue2.panel import QUICK_DRAWS
from theodolite.gates.effects import UNIT
from theodolite.gates.evidence import resolves, wealth
from theodolite.gates.lint import LARGEST_TIE
from theodolite.gates.stream import harmonic
from theodolite.judgements import GateId, GateResult, Judgement, NullEvidence, Objection, ObjectionCode
from theodolite.measurements import Variant
from theodolite.plans import Plan
from theodolite.store import EntryKind
from theodolite.tools import Tool, closed_list_defect, get_tool

__all__ = ["plan_lints", "record_lints"]

_FAMILY_UNITS: Final = ("homology family", "gene family")
_CELL_GROUPS: Final = ("donor", "batch", "plate", "cell line")
"""Groups of cells that a claim may be said to hold across; none of them may then be in discovery and confirmation."""
_OF_THE_BLOCK: Final = frozenset(
    {
        EntryKind.RESULT.value,
        EntryKind.JUDGEMENT.value,
        EntryKind.RECORD_REVIEW.value,
        EntryKind.VERDICT.value,
    }
)
"""Entries that know what the hold-out block showed."""
_ROUNDING: Final = 1e-9

_Finding = tuple[ObjectionCode, GateId, str]


def plan_lints(plan: Plan) -> tuple[Objection, ...]:
    """Return what is wrong with a plan, before anything was measured."""
    if plan.shape == "AnchorLatents":
        return _objections(plan, (*_leaks(plan), *_anchored(plan)))
    return _objections(plan, (*_leaks(plan), *_choices(plan), *_panel(plan), *_units(plan)))


def record_lints(plan: Plan, judgement: Judgement, result_prereg: str) -> tuple[Objection, ...]:
    """Return what is wrong with a record, given its plan; where nothing was tested only the hashes are looked at."""
    found = list(_provenance(plan, judgement, result_prereg))
    if judgement.evidence and plan.shape == "AnchorLatents":
        found += [*_evidence(plan, judgement), *_signs(judgement)]
    elif judgement.evidence:
        found += [*_evidence(plan, judgement), *_effects(plan, judgement), *_ties(judgement)]
    return _objections(plan, found)


def _objections(plan: Plan, findings: Iterable[_Finding]) -> tuple[Objection, ...]:
    return tuple(Objection(code=code, gate=gate, evidence=plan.sha256, note=note) for code, gate, note in findings)


def _leaks(plan: Plan) -> Iterator[_Finding]:
    claim, sources = plan.hypothesis.claim, plan.sources or {}
    label = {*sources.get("reference", ()), f"reference:{claim.reference.name}"}
    for name, ancestors in sources.items():
        # Hubs are counted in the reference itself, which is what holding them fixed means.
        leaked = label.intersection(ancestors) if name not in ("reference", Covariate.DEGREE.value) else ()
        if leaked:
            yield "label_leak", "G2", f"{name} derives from {', '.join(sorted(leaked))}, as the label does"
    for covariate in claim.adjustment:
        models = [item for item in sources.get(covariate.value, ()) if item.startswith("model:")]
        if models and covariate is not Covariate.DEGREE:
            yield "own_embedding_covariate", "G4", f"{covariate.value} is computed from {', '.join(models)}, not counts"
    if Covariate.CO_EXPRESSION in claim.adjustment and (
        plan.coexpression_sha256 is None or plan.coexpression_sha256 in {plan.model_sha256, *plan.fitted.values()}
    ):
        yield "own_embedding_covariate", "G4", "the co-expression that is held fixed is not one of counts"


def _choices(plan: Plan) -> Iterator[_Finding]:
    hypothesis = plan.hypothesis
    tool = get_tool(hypothesis.tool.partition("@")[0])
    if tool.fits and not set(plan.variants) <= set(plan.fitted):
        yield "double_dipping", "G2", "the plan does not name a fit on discovery genes for each variant"
    if plan.selected_on not in (None, "discovery"):
        yield "double_dipping", "G2", f"locus, tail and fits were chosen on {plan.selected_on}"
    told = [parent for parent in hypothesis.parents if _OF_THE_BLOCK.intersection(parent.split("/"))]
    if told:
        yield "double_dipping", "G2", f"it rests on {', '.join(told)}, which knows what the block showed"
    yield from _anywhere(plan, tool) if hypothesis.locus.kind is LocusKind.ANY else _one_place(plan, tool)
    if plan.loci is not None and {*plan.loci} != {name for name in plan.variants if Variant.parse(name).baseline}:
        yield "cherry_picked_locus", "G5", "a baseline has no best place of its own to be compared at"


def _one_place(plan: Plan, tool: Tool) -> Iterator[_Finding]:
    hypothesis = plan.hypothesis
    # A person names a place beforehand, and is kept from blocks that were seen; agents choose theirs by looking.
    if not hypothesis.parents and hypothesis.author is not Author.PERSON:
        yield "cherry_picked_locus", "G2", "no look at the discovery split led to this locus"
    try:
        read = tool.params(**plan.params).locus()
    except ValidationError:
        read = None
    if read != hypothesis.locus:
        yield "cherry_picked_locus", "G2", f"the tool reads {read or 'no place'}, the claim is about {hypothesis.locus}"
    if plan.places is not None:
        yield "cherry_picked_locus", "G2", f"the plan lists places, the claim is about {hypothesis.locus} only"


def _anywhere(plan: Plan, tool: Tool) -> Iterator[_Finding]:
    """No look has to lead to a claim that leaves its place open, but every place of the instrument must be tried."""
    defect = closed_list_defect(tool, plan.places)
    if defect is not None:
        yield "cherry_picked_locus", "G2", defect
    if plan.params:
        yield "cherry_picked_locus", "G2", "the plan names one place beside the list"


def _panel(plan: Plan) -> Iterator[_Finding]:
    level = plan.level
    if "family_block_swap" not in plan.null_panel:
        yield "wrong_null", "G3", "no null of the panel moves whole gene families; paralogues break the rest"
    elif plan.catalogue != "1" and (missing := sorted(set(panel_for(plan.shape)) - set(plan.null_panel))):
        yield "wrong_null", "G3", f"the panel lacks {', '.join(missing)}, which this shape of claim must beat"
    beside = {variant.partition("(")[0] for variant in plan.variants}
    if "untrained" not in beside and baselines_for(plan.hypothesis.claim.relation):
        yield "wrong_null", "G5", "no untrained model is measured beside the trained one"
    kind = plan.evidence or "p"
    alpha = plan.null_alpha
    if level.rule == "e-lond" and kind == "p":
        alpha /= harmonic(level.provisional_t)
    if not resolves(plan.draws, alpha, kind):
        yield "too_few_draws", "G6", f"{plan.draws} draws cannot reach {level.provisional_alpha:.1e}"


def _anchored(plan: Plan) -> Iterator[_Finding]:
    """Defects of a plan about anchors, whose choices, panel and units are others than those of genes."""
    hypothesis = plan.hypothesis
    if plan.selected_on != "discovery":
        yield "double_dipping", "G2", f"the candidate was chosen on {plan.selected_on}"
    told = [parent for parent in hypothesis.parents if _OF_THE_BLOCK.intersection(parent.split("/"))]
    if told:
        yield "double_dipping", "G2", f"it rests on {', '.join(told)}, which knows what the block showed"
    if hypothesis.author is not Author.PERSON and not hypothesis.parents:
        yield "cherry_picked_locus", "G2", "no row of a search leads to the place that it claims"
    if missing := sorted(set(panel_for(plan.shape)) - set(plan.null_panel)):
        yield "wrong_null", "G3", f"the panel lacks {', '.join(missing)}, which this shape of claim must beat"
    if lacking := sorted(set(baselines_for(hypothesis.claim.relation)) - set(plan.variants)):
        yield "wrong_null", "G5", f"{', '.join(lacking)} is not measured beside the trained model"
    if plan.unit not in ("donor", "cells"):
        yield (
            "wrong_unit",
            "G3",
            f"the unit of exchangeability is the {plan.unit}; it must be the donor",
        )
    if plan.unit == "donor" and plan.shared_cell_units != 0:
        yield "donor_leakage", "G1", f"{plan.shared_cell_units} donors are in discovery and in confirmation"


def _signs(judgement: Judgement) -> Iterator[_Finding]:
    if judgement.effect.estimate < 0 and judgement.p < 0.05:
        yield "sign_flip", "G9", "the evidence is small-p but the effect points away from the claim"
    checked = _gate(judgement, "G1")
    if checked is None or checked.passed is not True:
        yield "tie_artefact", "G1", "anchors were tested although their coordinates were not cleared"


def _units(plan: Plan) -> Iterator[_Finding]:
    if not {Covariate.MEAN, Covariate.DROPOUT} <= set(plan.hypothesis.claim.adjustment):
        yield "wrong_unit", "G3", "the claim is not adjusted for expression level and dropout"
    if plan.unit in _CELL_GROUPS:
        if plan.shared_cell_units != 0:
            shared = "an unstated number" if plan.shared_cell_units is None else plan.shared_cell_units
            yield "donor_leakage", "G1", f"{shared} of the {plan.unit}s are in discovery and in confirmation"
    elif plan.unit is not None and plan.unit not in _FAMILY_UNITS:
        yield "wrong_unit", "G3", f"the unit of exchangeability is the {plan.unit}, not the homology family"
    if plan.families_in_block < MINIMUM_FAMILIES:
        yield (
            "wrong_unit",
            "G1",
            f"{plan.reference_in_block} items in {plan.families_in_block} families: the families count, "
            f"{MINIMUM_FAMILIES} are needed",
        )


def _gate(judgement: Judgement, gate: GateId) -> GateResult | None:
    return next((item for item in judgement.gates if item.gate == gate), None)


def _provenance(plan: Plan, judgement: Judgement, result_prereg: str) -> Iterator[_Finding]:
    if result_prereg != plan.sha256:
        yield "hash_mismatch", "G0", "the result names another plan than the one that was locked"
    lock = _gate(judgement, "G0")
    if judgement.evidence and lock is not None and lock.passed is not True:
        yield "hash_mismatch", "G0", "the result was tested although its hashes are not those of the plan"


def _evidence(plan: Plan, judgement: Judgement) -> Iterator[_Finding]:
    judged = [evidence.null for evidence in judgement.evidence]
    drawable = [null for null in plan.null_panel if null != "swap_in_depth" or not _without_depth(judgement)]
    if sorted(judged) != sorted(drawable):
        yield "wrong_null", "G3", f"nulls on record {sorted(judged)}, in the plan {sorted(plan.null_panel)}"
    # Once a bettor has given up against one null, the others are drawn to show how they stand, and no further.
    given_up = any(evidence.stopped == "futility" for evidence in judgement.evidence)
    for evidence in judgement.evidence:
        stopped_early = evidence.stopped in ("success", "futility", "exceedances")
        asked = min(plan.draws, QUICK_DRAWS) if given_up else plan.draws
        if evidence.draws > plan.draws or (evidence.draws < asked and not stopped_early):
            yield "too_few_draws", "G6", f"{evidence.null} has {evidence.draws} draws, the plan {plan.draws}"
        elif evidence.p < _least_p(evidence) * (1.0 - _ROUNDING) or _overstated(evidence):
            yield "too_few_draws", "G6", f"the draws of {evidence.null} do not give the evidence that is on record"
        if evidence.spread == 0:
            yield "degenerate_statistic", "G1", f"{evidence.null} gives the same statistic in every draw"
        elif evidence.moved < LEAST_MOVED or evidence.log10_arrangements <= 0:
            yield "degenerate_statistic", "G1", f"{evidence.null} hardly moves: its draws are the reference itself"
    if judgement.p < min(1.0, plan.explanations * max(evidence.p for evidence in judgement.evidence)):
        yield "metric_switch", "G3", "the p on record is smaller than the largest of the panel"
    least = min(evidence.e or 0.0 for evidence in judgement.evidence) / plan.explanations
    if judgement.e is not None and judgement.e > least:
        yield "metric_switch", "G3", "the e on record is larger than the smallest of the panel"


def _without_depth(judgement: Judgement) -> bool:
    """Return whether a gate says that nothing can be exchanged at equal depth, which supports nothing."""
    branches = _gate(judgement, "M5")
    return branches is not None and branches.passed is False and branches.number is None


def _least_p(evidence: NullEvidence) -> float:
    if evidence.stopped == "exceedances":
        return evidence.exceedances / evidence.draws
    return (evidence.exceedances + 1) / (evidence.draws + 1)


def _overstated(evidence: NullEvidence) -> bool:
    if evidence.e is None:
        return False
    return evidence.e > float(wealth(evidence.exceedances, evidence.draws)) * (1.0 + _ROUNDING)


def _effects(plan: Plan, judgement: Judgement) -> Iterator[_Finding]:
    effect, baseline, gain = judgement.effect, judgement.baseline, judgement.gain
    if effect.low == effect.high:
        yield "degenerate_statistic", "G1", "the effect has no spread over resamples: one class, or constant scores"
    if effect.estimate < 0 and judgement.p < 0.05 and not plan.hypothesis.claim.relation.of_no_effect:
        yield "sign_flip", "G9", "the evidence is small-p but the effect points away from the claim"
    if baseline is not None and gain is not None:
        expected = effect.estimate - baseline.estimate
        if expected * gain.estimate < 0 and abs(expected - gain.estimate) > _ROUNDING:
            yield "sign_flip", "G5", "the gain on record has the opposite sign of effect minus baseline"
    size = _gate(judgement, "G9")
    if size is not None and size.number is not None and size.number * effect.estimate < 0:
        yield "sign_flip", "G9", "the gate was given the effect with the opposite sign"
    elif size is not None and size.number != effect.estimate:
        yield "metric_switch", "G9", f"the gate was given {size.number!r}, the effect on record is {effect.estimate!r}"
    if size is not None and size.threshold != plan.sesoi:
        yield "metric_switch", "G9", f"held against {size.threshold!r}, the plan locked {plan.sesoi!r}"
    units = {item.unit for item in (effect, baseline, gain, judgement.raw) if item is not None}
    if units != {UNIT}:
        yield "metric_switch", "G9", f"measured in {', '.join(sorted(units))}, the plan locked {UNIT}"


def _ties(judgement: Judgement) -> Iterator[_Finding]:
    checked = _gate(judgement, "G1")
    if checked is None or checked.passed is not True:
        yield "tie_artefact", "G1", "the scores were tested although their ties and missing vectors were not cleared"
    if judgement.largest_tie is not None and judgement.largest_tie > LARGEST_TIE:
        share = 100 * judgement.largest_tie
        yield "tie_artefact", "G1", f"{share:.0f} % of the candidates have one score, as genes without a vector do"
