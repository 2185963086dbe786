"""The offline reviewer: deterministic lints on the plan, then on the machine record. It can lower, never raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from theodolite.agents.lints import plan_lints, record_lints
from theodolite.claims import ReviewerCap, Verdict
from theodolite.judgements import Judgement, Objection, Review
from theodolite.plans import Plan

__all__ = ["LintReviewer"]

_CONFOUND = {
    "axis_coordinate": "expression level: the axis may order genes by how much they are expressed",
    "axis_window_proximity": "hub genes: genes near the centre are close to everything",
    "anchor_manifold": "depth of counts: stages whose cells have more counts lie apart whatever they are",
    "feature_value": "expression level: a feature may be active at the tokens of genes that are expressed alike",
    "attention_weight": "attractive genes: some genes draw attention whatever asks",
    "attention_to_regulator": "well-studied regulators: their targets are many and highly expressed",
}

_FATAL = {
    "label_leak",
    "wrong_null",
    "double_dipping",
    "own_embedding_covariate",
    "donor_leakage",
    "hash_mismatch",
}
"""Defects after which a result says nothing; the others leave it undecided."""

_CONFIDENCE: Final = 0.4
"""What it gives to a verdict that it predicts from power and lints alone; stated, never fitted."""


def _cap(objections: Sequence[Objection]) -> ReviewerCap:
    if any(objection.code in _FATAL for objection in objections):
        return "invalid"
    return "inconclusive" if objections else "none"


class LintReviewer:
    """A reviewer of code: stateless, the same plan or record always draws the same objections."""

    name = "lint reviewer 2"

    def review_plan(self, plan: Plan) -> Review:
        """Stage I: see the plan only, object, and commit to the likeliest confound."""
        found = plan_lints(plan)
        powered = plan.minimum_detectable_effect <= plan.sesoi
        return Review(
            stage=1,
            objections=found,
            likely_confound=_CONFOUND.get(plan.hypothesis.claim.object, "a gene property that the score follows"),
            predicted_verdict=Verdict.SUPPORTED if powered and not found else Verdict.INCONCLUSIVE,
            confidence=_CONFIDENCE,
            cap=_cap(found),
            reviewer=self.name,
        )

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        """Stage II: see the machine record; carries stage I's objections on, for they were never answered."""
        found = (*first.objections, *record_lints(plan, judgement, result_prereg))
        return Review(
            stage=2,
            objections=found,
            likely_confound=first.likely_confound,
            predicted_verdict=first.predicted_verdict,
            confidence=first.confidence,
            cap=_cap(found),
            reviewer=self.name,
        )
