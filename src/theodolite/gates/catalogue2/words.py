"""Words of catalogue 2: the order of its gates, the names of its nulls, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from theodolite.claims import Verdict
from theodolite.gates.catalogue2.discipline import margin_for
from theodolite.judgements import GateId, Judgement
from theodolite.plans import Plan

__all__ = ["GATE_ORDER", "next_step", "null_words", "things"]

GATE_ORDER: Final[tuple[GateId, ...]] = (
    "G0", "G1", "G2", "G17", "G6", "G12b", "G7-", "G7+", "G3", "G8", "G9", "G4", "G5", "G14", "G15", "G12", "G10",
    "G11", "G16", "G13",
)  # fmt: skip
"""What must hold before a test, then what it showed, then what qualifies it. ``first_unmet`` follows this order."""

_NULLS: Final[Mapping[str, str]] = {
    "family_block_swap": "whole gene families swapped",
    "stratified_labels": "labels moved between genes of like expression",
    "curveball": "targets traded between regulators, every degree kept",
    "coexpression_strata": "pairs exchanged for others of like co-expression",
}
_THINGS: Final[Mapping[str, str]] = {
    "GeneScores": "member genes",
    "PairScores": "reference pairs",
    "BipartiteScores": "regulator-target pairs",
}


def null_words(null: str) -> str:
    """Return what a null does, for a biologist."""
    return _NULLS[null]


def things(plan: Plan) -> str:
    """Return what the reference of a plan consists of."""
    return _THINGS[plan.shape]


def _to_power(plan: Plan) -> str:
    ratio = plan.minimum_detectable_effect / (margin_for(plan.hypothesis.claim.relation) * plan.sesoi)
    more = max(1, ceil(plan.reference_in_block * (ratio**2 - 1)))
    return f"Extend the reference by about {more} {things(plan)} in the block, or pool blocks; nothing was spent."


_STEPS: Final[Mapping[GateId, str]] = {
    "G0": "Find which input changed after the lock, restore it and run the plan again.",
    "G1": "Mend the input that the first gate names, then register anew; nothing was spent.",
    "G2": "Fix the open choice on discovery units and register the complete plan; nothing was spent.",
    "G6": "Raise the draws, or choose a reference that can be arranged in more ways.",
    "G7-": "References that are null by construction come out too small in p here: mend the instrument or its nulls.",
    "G7+": "An effect of one and a half times the least that counts would be missed here: use a larger reference.",
    "G9": "The effect is beyond chance but small or uncertain: only a larger reference could show more.",
    "G4": "Co-expression and gene statistics explain too much of it: claim the part that is left, or leave it.",
    "G5": "A model that learned nothing of this shows nearly as much: ask where training makes the difference.",
    "G14": "Claim that the model encodes this, and leave its use open.",
    "G15": "Other seeds do not show it alike: claim a feature that all five dictionaries show, or leave it.",
    "G16": "Replicate on an unused block: this one was used before.",
}


_STEPS_WITHIN: Final[Mapping[GateId, str]] = {
    "G7-": _STEPS["G7-"],
    "G7+": "A reference without any change would often be missed here: use a larger reference.",
    "G3": "A change that counts is not ruled out at this stream's level: a larger reference would decide.",
    "G8": "A change that counts is not ruled out at this stream's level: a larger reference would decide.",
    "G9": "The change is too uncertain, or too near what counts, to be called none: a larger reference would decide.",
}
"""For a claim of no effect, where other steps would speak of one."""


def next_step(plan: Plan, judgement: Judgement, verdict: Verdict, unmet: GateId | None) -> str:
    """Return what a person could do next, in one sentence."""
    within = plan.hypothesis.claim.relation.of_no_effect
    if verdict is Verdict.REFUTED and within:
        return f"Closed: it changes by {plan.sesoi:g} or more, at 95 %. Claim the change itself, in its direction."
    if verdict is Verdict.REFUTED and plan.places is not None:
        return f"Closed: an effect of {plan.sesoi:g} or more is ruled out at every place, in this direction, at 95 %."
    if verdict is Verdict.REFUTED:
        return (
            f"Closed: an effect of {plan.sesoi:g} or more is ruled out here at 95 %. Look at another place in the "
            "model, or let it rest."
        )
    if unmet is None and within:
        return "Read it beside a supported claim that the reference stands high: an untrained model is stable too."
    if unmet is None:
        return "Register the same claim in another model or other cells to learn how far it carries."
    if unmet == "G12b":
        return _to_power(plan)
    if within and unmet in _STEPS_WITHIN:
        return _STEPS_WITHIN[unmet]
    if unmet in ("G3", "G8"):
        if judgement.effect.estimate >= plan.sesoi:
            return "The effect is large enough but not beyond this stream's level: replicate it on an unused block."
        return "Nothing beyond chance, and too uncertain to rule an effect out: a larger reference would decide."
    return _STEPS.get(
        unmet, f"Answer the reviewer's objection with a control and register anew; this one stays {verdict.value}."
    )
