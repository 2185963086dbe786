"""The offline reviewer: deterministic lints on the plan, then on the machine record. It can lower, never raise."""

from __future__ import annotations

from theodolite.claims import Covariate, ReviewerCap, Verdict
from theodolite.judgements import Judgement, Objection, Review
from theodolite.plans import Plan
from theodolite.tools import get_tool

__all__ = ["LintReviewer"]

_CONFOUND = {
    "axis_coordinate": "expression level: the axis may order genes by how much they are expressed",
    "axis_window_proximity": "hub genes: genes near the centre are close to everything",
    "attention_weight": "attractive genes: some genes draw attention whatever asks",
}

_FATAL = {"label_leak", "wrong_null", "double_dipping", "own_embedding_covariate", "hash_mismatch"}
"""Defects after which a result says nothing; the others leave it undecided."""


def _cap(objections: list[Objection]) -> ReviewerCap:
    if any(objection.code in _FATAL for objection in objections):
        return "invalid"
    return "inconclusive" if objections else "none"


class LintReviewer:
    """A reviewer of code: stateless, the same plan or record always draws the same objections."""

    name = "lint reviewer 1"

    def review_plan(self, plan: Plan) -> Review:
        """Stage I: see the plan only, object, and commit to the likeliest confound."""
        found: list[Objection] = []

        def object_to(code: str, gate: str, note: str) -> None:
            found.append(Objection.model_validate({"code": code, "gate": gate, "evidence": plan.sha256, "note": note}))

        tool = get_tool(plan.hypothesis.tool.partition("@")[0])
        if "family_block_swap" not in plan.null_panel:
            object_to("wrong_null", "G3", "no null of the panel moves whole gene families; paralogues break the rest")
        if tool.fits and not set(plan.variants) <= set(plan.fitted):
            object_to(
                "double_dipping",
                "G2",
                "the plan does not name a fit on discovery genes for each variant",
            )
        if not plan.hypothesis.parents:
            object_to("cherry_picked_locus", "G2", "no look at the discovery split led to this locus")
        if (plan.draws + 1) * plan.level.provisional_alpha < 1:
            object_to("too_few_draws", "G6", f"{plan.draws} draws cannot reach {plan.level.provisional_alpha:.1e}")
        if "untrained" not in {variant.partition("(")[0] for variant in plan.variants}:
            object_to("wrong_null", "G5", "no untrained model is measured beside the trained one")
        if not {Covariate.MEAN, Covariate.DROPOUT} <= set(plan.hypothesis.claim.adjustment):
            object_to("wrong_unit", "G3", "the claim is not adjusted for expression level and dropout")
        powered = plan.minimum_detectable_effect <= plan.sesoi
        return Review(
            stage=1,
            objections=tuple(found),
            likely_confound=_CONFOUND.get(plan.hypothesis.claim.object, "a gene property that the score follows"),
            predicted_verdict=Verdict.SUPPORTED if powered and not found else Verdict.INCONCLUSIVE,
            cap=_cap(found),
            reviewer=self.name,
        )

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        """Stage II: see the machine record; carries stage I's objections on, for they were never answered."""
        found = list(first.objections)

        def object_to(code: str, gate: str, note: str) -> None:
            found.append(Objection.model_validate({"code": code, "gate": gate, "evidence": plan.sha256, "note": note}))

        if result_prereg != plan.sha256:
            object_to("hash_mismatch", "G0", "the result names another plan than the one that was locked")
        judged = {evidence.null: evidence for evidence in judgement.evidence}
        if set(judged) != set(plan.null_panel):
            object_to("wrong_null", "G3", f"nulls on record {sorted(judged)}, in the plan {sorted(plan.null_panel)}")
        for evidence in judgement.evidence:
            if evidence.draws != plan.draws:
                object_to("too_few_draws", "G6", f"{evidence.null} has {evidence.draws} draws, the plan {plan.draws}")
            if evidence.spread == 0:
                object_to("degenerate_statistic", "G1", f"{evidence.null} gives the same statistic in every draw")
        if judgement.effect.estimate < 0 and judgement.p < 0.05:
            object_to("sign_flip", "G9", "the evidence is small-p but the effect points away from the claim")
        if judgement.p < max((evidence.p for evidence in judgement.evidence), default=0.0):
            object_to("metric_switch", "G3", "the p on record is smaller than the largest of the panel")
        return Review(
            stage=2,
            objections=tuple(found),
            likely_confound=first.likely_confound,
            predicted_verdict=first.predicted_verdict,
            cap=_cap(found),
            reviewer=self.name,
        )
