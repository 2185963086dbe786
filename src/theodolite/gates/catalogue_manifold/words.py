"""Words of catalogue manifold-1: the order of its gates, the names of its nulls, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from theodolite.claims import Verdict
from theodolite.gates.catalogue2.discipline import margin_for
from theodolite.judgements import GateId, Judgement
from theodolite.plans import Plan

__all__ = ["GATE_ORDER", "next_step", "null_words"]

GATE_ORDER: Final[tuple[GateId, ...]] = (
    "G0", "G1", "G2", "G17", "G6", "G12b", "G7-", "G7+", "G3", "G8", "M1", "M2", "M3", "M4", "M5", "M7", "G9", "G5",
    "G15", "G12", "M6", "G10", "G11", "G16", "G13",
)  # fmt: skip
"""What must hold before a test, then what it showed, then what qualifies it. ``first_unmet`` follows this order."""

_NULLS: Final[Mapping[str, str]] = {
    "swap_in_donor": "anchors of a donor and tissue exchanged",
    "swap_in_branch": "stages of a branch exchanged within donors",
    "swap_in_depth": "branches exchanged at equal depth within donors",
}

_STEPS: Final[Mapping[GateId, str]] = {
    "G0": "Find which input changed after the lock, restore it and run the plan again.",
    "G1": "Mend the input that the first gate names, then register anew; nothing was spent.",
    "G2": "Fix the open choice on discovery donors and register the complete plan; nothing was spent.",
    "G6": "Raise the draws, or choose anchors of more stages a donor, which can be arranged in more ways.",
    "G7-": "What must fail does not fail: mend the fit or the ruler before anything is claimed of it.",
    "G7+": "An order of one and a half times the least that counts would be missed here: use more donors or stages.",
    "M1": "The fit tears neighbours apart: choose another fitter, or more latent dimensions, on discovery donors.",
    "M2": "Held-out rows do not land where the ruler has them: look at another place in the model, or let it rest.",
    "M3": "Within a branch the order is lost: claim that branches are told apart, or a ruler with more stages in each.",
    "M4": "Anchors of a donor could be exchanged at too little cost: replicate it on more donors.",
    "M5": "Depth alone may explain it: claim the order along depth, or take a ruler and donors with several branches.",
    "M7": "Other arrangements of these stages do as well: ask with a fitter that reads no ruler, or with more stages.",
    "G9": "The order is beyond chance but weak or uncertain: only more donors could show more.",
    "G5": "Expression, or a model that learned nothing, shows nearly as much: ask where training makes the difference.",
    "G15": "Anchors of other cells do not show it alike: use more cells an anchor, or leave it.",
    "G16": "Replicate on an unused block: this one was used before.",
}


def null_words(null: str) -> str:
    """Return what a null does, for a biologist."""
    return _NULLS[null]


def _to_power(plan: Plan) -> str:
    ratio = plan.minimum_detectable_effect / (margin_for(plan.hypothesis.claim.relation) * plan.sesoi)
    more = max(1, ceil(plan.reference_in_block * (ratio - 1)))
    return f"Extend the block by about {more} anchors, of more donors or stages, or pool blocks; nothing was spent."


def next_step(plan: Plan, judgement: Judgement, verdict: Verdict, unmet: GateId | None) -> str:
    """Return what a person could do next, in one sentence."""
    if verdict is Verdict.REFUTED:
        return (
            f"Closed: a correlation of {plan.sesoi:g} or more with the ruler is ruled out here at 95 %, over all pairs "
            "or within branches. Look at another place in the model, or let it rest."
        )
    if unmet is None:
        return "Register the same claim in another model or other cells to learn how far it carries."
    if unmet == "G12b":
        return _to_power(plan)
    if unmet in ("G3", "G8"):
        if judgement.effect.estimate >= plan.sesoi:
            return "The order is strong enough but not beyond this stream's level: replicate it on an unused block."
        return "Nothing beyond chance, and too uncertain to rule an order out: more donors would decide."
    return _STEPS.get(
        unmet, f"Answer the reviewer's objection with a control and register anew; this one stays {verdict.value}."
    )
