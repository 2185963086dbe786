"""G1 and G6 before any measurement, and G2: what a plan about anchors must fix before the block is seen."""

from __future__ import annotations

from typing import Final

from theodolite.claims import Direction, Relation
from theodolite.gates.anchors.panel import ANCHOR_NULLS
from theodolite.gates.catalogue2.discipline import ANCHOR_BASELINES, BASELINES, LEAST_UNTRAINED, REFITS
from theodolite.judgements import GateResult
from theodolite.plans import Plan

__all__ = [
    "LEAST_ANCHORS",
    "LEAST_UNITS",
    "NULL_BRANCH",
    "OPTIONAL",
    "PANEL",
    "RANDOM_OPERATOR",
    "REQUIRED",
    "UNITS",
    "minimum_counts",
    "selection_discipline",
]

LEAST_ANCHORS: Final = 12
LEAST_UNITS: Final = 6
"""Donors (or cells) of the block; of fewer nothing that is said holds of donors."""
UNITS: Final = ("donor", "cells")

NULL_BRANCH: Final = "null_branch(0)"
PANEL: Final = "panel"
RANDOM_OPERATOR: Final = "random_operator(0)"
REQUIRED: Final = ("main", *ANCHOR_BASELINES, *REFITS, NULL_BRANCH)
"""Variants measured beside every claim: the same for all campaigns, so that none can choose them. Those that are fitted
anew are anchors of cells drawn anew."""
OPTIONAL: Final = (RANDOM_OPERATOR, PANEL)
"""Where the object is an operator, and where there are cells in which the claim must fail."""


def minimum_counts(plan: Plan) -> GateResult:
    """Return G1 from a plan's counts: 12 judged anchors or more, of 6 donors or more."""
    anchors, units = plan.reference_in_block, plan.families_in_block
    enough = anchors >= LEAST_ANCHORS and units >= LEAST_UNITS
    sentence = (
        f"The block holds {anchors} anchors of {units} {_units(plan)}; a test needs {LEAST_ANCHORS} of {LEAST_UNITS}."
    )
    return GateResult(
        gate="G1",
        title="input",
        number=float(anchors),
        threshold=float(LEAST_ANCHORS),
        passed=enough,
        sentence=sentence if enough else f"Not testable here. {sentence}",
    )


def _units(plan: Plan) -> str:
    return "cell units" if plan.unit == "cells" else "donors"


def _defects(plan: Plan) -> list[str]:
    defects = []
    claim = plan.hypothesis.claim
    if plan.shape != "AnchorLatents" or claim.relation is not Relation.FOLLOWS:
        defects.append(f"this catalogue judges that anchors follow a ruler, not {claim.relation.value} of {plan.shape}")
    if plan.statistic != "spearman" or (plan.evidence or "p") != "p":
        defects.append("the statistic must be Spearman's correlation, and the evidence p")
    if plan.hypothesis.direction is not Direction.GREATER:
        defects.append("a space follows a ruler in one direction, and the plan names the other")
    if plan.selected_on != "discovery":
        defects.append(
            f"place, fitter and ruler were chosen on {plan.selected_on or 'an unnamed part'}, not on discovery"
        )
    if missing := [name for name in REQUIRED if name not in plan.variants]:
        defects.append(f"the variants lack {', '.join(missing)}")
    if other := [name for name in plan.variants if name not in (*REQUIRED, *OPTIONAL)]:
        defects.append(f"the variants hold {', '.join(other)}, which this catalogue does not know")
    if len(set(plan.variants)) != len(plan.variants):
        defects.append("a variant is listed twice")
    if plan.null_panel != ANCHOR_NULLS:
        defects.append(
            f"the null panel is {', '.join(plan.null_panel)}; the catalogue asks for {', '.join(ANCHOR_NULLS)}"
        )
    if plan.unit not in UNITS:
        defects.append(f"the unit of exchangeability is {plan.unit or 'not named'}; it must be {' or '.join(UNITS)}")
    if plan.places is not None:
        defects.append("it lists places; a claim about anchors names one, which the search chose on discovery donors")
    elif not plan.params:
        defects.append("it names no parameters of the place, the fitter and the ruler")
    own = plan.loci or {}
    if any(not own.get(name) for name in BASELINES[:LEAST_UNTRAINED]) or any(name not in plan.variants for name in own):
        defects.append("each untrained model needs its own best place, chosen on discovery donors")
    return defects


def selection_discipline(plan: Plan) -> GateResult:
    """Return G2: everything that was chosen was chosen before the block was seen, and the plan names it."""
    defects = _defects(plan)
    return GateResult(
        gate="G2",
        title="selection discipline",
        number=float(len(defects)),
        threshold=0.0,
        passed=not defects,
        sentence=f"The plan leaves a choice open: {'; '.join(defects)}."
        if defects
        else f"The place ({plan.hypothesis.locus}), the fitter and whatever it read were fixed on discovery donors.",
    )
