"""The offline reviewer: every lint has a plan or a record that draws it, clean ones draw none, and it never raises."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from theodolite.agents import LintReviewer
from theodolite.claims import Covariate, ReviewerCap, Verdict
from theodolite.gates import settle, spends
from theodolite.judgements import Effect, GateResult, Judgement, NullEvidence, Review
from theodolite.plans import Plan

REVIEWER = LintReviewer()


def varied(plan: Plan, **changes: Any) -> Plan:
    return Plan.model_validate(plan.model_dump() | changes)


def of_hypothesis(plan: Plan, **changes: Any) -> Plan:
    return varied(plan, hypothesis=plan.hypothesis.model_dump() | changes)


def of_claim(plan: Plan, **changes: Any) -> Plan:
    return of_hypothesis(plan, claim=plan.hypothesis.claim.model_dump() | changes)


def drawn(review: Review) -> list[tuple[str, str]]:
    return [(objection.code, objection.gate) for objection in review.objections]


def test_a_clean_plan_draws_nothing_and_a_likely_confound_is_named(example_plan: Plan) -> None:
    review = REVIEWER.review_plan(example_plan)
    assert (review.stage, review.objections, review.cap) == (1, (), "none")
    assert review.predicted_verdict is Verdict.SUPPORTED
    assert "expression" in review.likely_confound
    assert review.reviewer == REVIEWER.name


RANDOM = "random_embedding(1)"
PLAN_LINTS = [
    ("wrong_null", "G3", "invalid", lambda plan: varied(plan, null_panel=("stratified_labels",))),
    ("double_dipping", "G2", "invalid", lambda plan: varied(plan, fitted={})),
    ("double_dipping", "G2", "invalid", lambda plan: varied(plan, fitted={"main": "0" * 64})),
    ("cherry_picked_locus", "G2", "inconclusive", lambda plan: of_hypothesis(plan, parents=())),
    ("too_few_draws", "G6", "inconclusive", lambda plan: varied(plan, draws=20)),
    (
        "wrong_null",
        "G5",
        "invalid",
        lambda plan: varied(plan, variants=("main", RANDOM), fitted={"main": "0" * 64, RANDOM: "0" * 64}),
    ),
    ("wrong_unit", "G3", "inconclusive", lambda plan: of_claim(plan, adjustment=(Covariate.MEAN,))),
    ("wrong_unit", "G3", "inconclusive", lambda plan: of_claim(plan, adjustment=(Covariate.DROPOUT,))),
]


@pytest.mark.parametrize(("code", "gate", "cap", "spoil"), PLAN_LINTS)
def test_each_defect_of_a_plan_draws_its_objection(
    example_plan: Plan, code: str, gate: str, cap: str, spoil: Any
) -> None:
    plan = spoil(example_plan)
    review = REVIEWER.review_plan(plan)
    assert drawn(review) == [(code, gate)]
    assert review.cap == cap
    assert review.predicted_verdict is Verdict.INCONCLUSIVE
    assert all(objection.evidence == plan.sha256 and objection.note for objection in review.objections)


def test_a_fit_of_another_variant_does_not_stand_in_for_the_missing_one(example_plan: Plan) -> None:
    plan = varied(example_plan, fitted={"main": "0" * 64, "untrained(2)": "0" * 64})
    assert drawn(REVIEWER.review_plan(plan)) == [("double_dipping", "G2")]


def test_a_tool_that_fits_nothing_needs_no_fit(example_plan: Plan) -> None:
    plan = varied(of_hypothesis(example_plan, tool="attention.edges@1"), fitted={})
    assert REVIEWER.review_plan(plan).objections == ()


def test_an_underpowered_plan_is_predicted_to_show_nothing(example_plan: Plan) -> None:
    review = REVIEWER.review_plan(varied(example_plan, minimum_detectable_effect=0.25))
    assert (review.predicted_verdict, review.cap) == (Verdict.INCONCLUSIVE, "none")


def evidence(null: str, **changes: Any) -> NullEvidence:
    fields: dict[str, Any] = {
        "null": null, "exceedances": 3, "draws": 2_000, "p": 4 / 2001, "seed": 7, "moved": 0.8,
        "log10_arrangements": 40.0, "spread": 0.05,
    }  # fmt: skip
    return NullEvidence(**(fields | changes))


@pytest.fixture
def clean_record() -> Judgement:
    effect = Effect(estimate=0.3, low=0.2, high=0.4, unit="AUROC - 0.5")
    gates = [
        GateResult(gate=gate, title=gate, number=None, threshold=None, passed=True, sentence="it passed")
        for gate in ("G0", "G1", "G2", "G6", "G12b", "G9", "G5")
    ]
    return Judgement(
        effect=effect,
        baseline=effect.model_copy(update={"estimate": 0.0}),
        gain=effect,
        evidence=(evidence("family_block_swap"), evidence("stratified_labels")),
        p=4 / 2001,
        gates=tuple(gates),
    )


def review_record(plan: Plan, judgement: Judgement, prereg: str | None = None) -> Review:
    return REVIEWER.review_record(plan, REVIEWER.review_plan(plan), judgement, prereg or plan.sha256)


def test_a_clean_record_draws_nothing(example_plan: Plan, clean_record: Judgement) -> None:
    review = review_record(example_plan, clean_record)
    assert (review.stage, review.objections, review.cap) == (2, (), "none")


def with_first(record: Judgement, **changes: Any) -> Judgement:
    first, second = record.evidence
    return record.model_copy(update={"evidence": (first.model_copy(update=changes), second)})


RECORD_LINTS = [
    ("wrong_null", "G3", "invalid", lambda record: record.model_copy(update={"evidence": record.evidence[:1]})),
    ("wrong_null", "G3", "invalid", lambda record: with_first(record, null="pair_shuffle")),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, draws=300)),
    ("degenerate_statistic", "G1", "inconclusive", lambda record: with_first(record, spread=0.0)),
    (
        "sign_flip",
        "G9",
        "inconclusive",
        lambda record: record.model_copy(update={"effect": record.effect.model_copy(update={"estimate": -0.3})}),
    ),
    ("metric_switch", "G3", "inconclusive", lambda record: record.model_copy(update={"p": 1 / 2001})),
]


@pytest.mark.parametrize(("code", "gate", "cap", "spoil"), RECORD_LINTS)
def test_each_defect_of_a_record_draws_its_objection(
    example_plan: Plan, clean_record: Judgement, code: str, gate: str, cap: str, spoil: Any
) -> None:
    review = review_record(example_plan, spoil(clean_record))
    assert drawn(review) == [(code, gate)]
    assert review.cap == cap


def test_a_result_of_another_plan_is_a_hash_mismatch(example_plan: Plan, clean_record: Judgement) -> None:
    review = review_record(example_plan, clean_record, prereg="1" * 64)
    assert (drawn(review), review.cap) == ([("hash_mismatch", "G0")], "invalid")


def test_what_was_objected_to_the_plan_stands_against_the_record(example_plan: Plan, clean_record: Judgement) -> None:
    plan = of_hypothesis(example_plan, parents=())
    first = REVIEWER.review_plan(plan)
    second = REVIEWER.review_record(plan, first, clean_record, plan.sha256)
    assert second.objections == first.objections != ()
    assert second.cap == first.cap == "inconclusive"
    assert second.likely_confound == first.likely_confound


def test_the_same_record_always_draws_the_same_review(judged: list[tuple[Plan, Judgement]]) -> None:
    for plan, judgement in judged:
        assert review_record(plan, judgement) == review_record(plan, judgement)


def test_plans_and_records_of_real_campaigns_draw_nothing(judged: list[tuple[Plan, Judgement]]) -> None:
    assert judged
    for plan, judgement in judged:
        assert REVIEWER.review_plan(plan).objections == ()
        if spends(judgement):
            assert review_record(plan, judgement).objections == ()


@pytest.mark.parametrize("cap", get_args(ReviewerCap))
def test_a_review_can_only_lower(judged: list[tuple[Plan, Judgement]], cap: ReviewerCap) -> None:
    seen = set()
    for plan, judgement in judged:
        t = 1 if spends(judgement) else None
        settled = settle(plan, judgement, t=t, supports_before=0, cap=cap, block_reused=plan.block.reused)
        assert settled.verdict.rank <= settled.machine_verdict.rank
        assert (
            settled.machine_verdict
            is settle(plan, judgement, t=t, supports_before=0, cap="none", block_reused=plan.block.reused).verdict
        )
        if cap == "none":
            assert settled.verdict is settled.machine_verdict
        elif settled.machine_verdict is Verdict.SUPPORTED:
            assert settled.verdict.value == cap
        seen.add(settled.machine_verdict)
    assert Verdict.SUPPORTED in seen
