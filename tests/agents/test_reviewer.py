"""The offline reviewer: every lint has a plan or a record that draws it, clean ones draw none, and it never raises."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from theodolite.agents import LintReviewer
from theodolite.claims import Author, Covariate, ReviewerCap, Verdict
from theodolite.gates import Place, settle, spends
from theodolite.judgements import Effect, GateResult, Judgement, NullEvidence, Review
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger

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
SETS = (Covariate.DROPOUT, Covariate.MEAN, Covariate.VARIANCE)
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
    ("wrong_unit", "G3", "inconclusive", lambda plan: varied(plan, unit="cell")),
    ("wrong_unit", "G1", "inconclusive", lambda plan: varied(plan, families_in_block=7)),
    ("donor_leakage", "G1", "invalid", lambda plan: varied(plan, unit="donor", shared_cell_units=1)),
    ("donor_leakage", "G1", "invalid", lambda plan: varied(plan, unit="batch")),
    ("double_dipping", "G2", "invalid", lambda plan: varied(plan, selected_on="block-1")),
    (
        "double_dipping",
        "G2",
        "invalid",
        lambda plan: of_hypothesis(plan, parents=("small/look/1", "small/r01.s002/verdict")),
    ),
    ("cherry_picked_locus", "G2", "inconclusive", lambda plan: varied(plan, params={"layer": 2, "axis": 1})),
    ("cherry_picked_locus", "G2", "inconclusive", lambda plan: varied(plan, params={"layer": 1, "axis": 99})),
    ("cherry_picked_locus", "G5", "inconclusive", lambda plan: varied(plan, loci={})),
    ("label_leak", "G2", "invalid", lambda plan: varied(plan, sources={"score": ("reference:secreted",)})),
    (
        "label_leak",
        "G2",
        "invalid",
        lambda plan: varied(plan, sources={"mean_expression": ("atlas",), "reference": ("atlas",)}),
    ),
    (
        "own_embedding_covariate",
        "G4",
        "invalid",
        lambda plan: varied(plan, sources={"dropout": ("cells:blood", "model:planted")}),
    ),
    (
        "own_embedding_covariate",
        "G4",
        "invalid",
        lambda plan: of_claim(plan, adjustment=tuple(sorted((*SETS, Covariate.CO_EXPRESSION)))),
    ),
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
    plan = of_hypothesis(example_plan, tool="attention.edges@1", locus={"kind": "head", "layer": 1, "index": (1,)})
    plan = varied(plan, fitted={}, params={"layer": 1, "head": 1})
    assert REVIEWER.review_plan(plan).objections == ()


def test_hubs_may_be_counted_in_the_reference_and_in_the_scores(example_plan: Plan) -> None:
    plan = of_claim(example_plan, adjustment=tuple(sorted((*SETS, Covariate.DEGREE))))
    plan = varied(
        plan, sources={"degree": ("reference:secreted", "model:planted"), "reference": ("reference:secreted",)}
    )
    assert REVIEWER.review_plan(plan).objections == ()


@pytest.mark.parametrize(("unit", "shared"), [("homology family", 700), ("gene family", 700), ("donor", 0)])
def test_units_that_are_what_the_claim_generalises_over_are_fine(example_plan: Plan, unit: str, shared: int) -> None:
    assert REVIEWER.review_plan(varied(example_plan, unit=unit, shared_cell_units=shared)).objections == ()


def test_the_panel_follows_the_shape_from_catalogue_2_on(example_plan: Plan) -> None:
    incomplete = varied(example_plan, catalogue="2", null_panel=("family_block_swap",))
    (objection,) = REVIEWER.review_plan(incomplete).objections
    assert (objection.code, "stratified_labels" in objection.note) == ("wrong_null", True)


@pytest.mark.parametrize(
    ("kind", "rule", "draws", "enough"),
    [
        ("p", "r-lond", 99, True),
        ("p", "r-lond", 98, False),
        # The tenth test under e-LOND: p must reach the level over 1 + 1/2 + ... + 1/10, which is 2.93.
        ("p", "e-lond", 292, True),
        ("p", "e-lond", 291, False),
        # A bettor's wealth after n draws without exceedance stays far below n + 1.
        ("e", "e-lond", 99, False),
        ("e", "e-lond", 2_000, True),
    ],
)
def test_draws_that_cannot_reach_the_level_are_too_few(
    example_plan: Plan, kind: str, rule: str, draws: int, enough: bool
) -> None:
    level = example_plan.level.model_dump() | {"rule": rule, "provisional_t": 10, "provisional_alpha": 0.01}
    plan = varied(example_plan, evidence=kind, level=level, draws=draws)
    assert drawn(REVIEWER.review_plan(plan)) == ([] if enough else [("too_few_draws", "G6")])


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
        for gate in ("G0", "G1", "G2", "G6", "G12b", "G5")
    ]
    gates.append(GateResult(gate="G9", title="G9", number=0.3, threshold=0.2, passed=True, sentence="it passed"))
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


def test_what_spent_nothing_is_asked_for_its_hash_only(example_plan: Plan, clean_record: Judgement) -> None:
    unspent = clean_record.model_copy(update={"evidence": (), "p": 1.0})
    assert review_record(example_plan, unspent).objections == ()
    assert drawn(review_record(example_plan, unspent, "1" * 64)) == [("hash_mismatch", "G0")]


def with_first(record: Judgement, **changes: Any) -> Judgement:
    first, second = record.evidence
    return record.model_copy(update={"evidence": (first.model_copy(update=changes), second)})


def with_gate(record: Judgement, gate: str, **changes: Any) -> Judgement:
    gates = [item.model_copy(update=changes) if item.gate == gate else item for item in record.gates]
    return record.model_copy(update={"gates": tuple(gates)})


def with_effect(record: Judgement, part: str = "effect", **changes: Any) -> Judgement:
    return record.model_copy(update={part: getattr(record, part).model_copy(update=changes)})


def flipped(record: Judgement) -> Judgement:
    flipped = with_gate(with_effect(record, estimate=-0.3), "G9", number=-0.3)
    return with_effect(flipped, "gain", estimate=-0.3)


RECORD_LINTS = [
    ("wrong_null", "G3", "invalid", lambda record: record.model_copy(update={"evidence": record.evidence[:1]})),
    ("wrong_null", "G3", "invalid", lambda record: with_first(record, null="pair_shuffle")),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, draws=300)),
    ("degenerate_statistic", "G1", "inconclusive", lambda record: with_first(record, spread=0.0)),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, draws=2_001)),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, p=1e-300)),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, draws=300, stopped="exhausted")),
    ("too_few_draws", "G6", "inconclusive", lambda record: with_first(record, e=1e6)),
    ("degenerate_statistic", "G1", "inconclusive", lambda record: with_first(record, moved=0.02)),
    ("degenerate_statistic", "G1", "inconclusive", lambda record: with_first(record, log10_arrangements=0.0)),
    ("degenerate_statistic", "G1", "inconclusive", lambda record: with_effect(record, low=0.3, high=0.3)),
    ("sign_flip", "G9", "inconclusive", flipped),
    ("sign_flip", "G9", "inconclusive", lambda record: with_gate(record, "G9", number=-0.3)),
    ("sign_flip", "G5", "inconclusive", lambda record: with_effect(record, "gain", estimate=-0.3)),
    ("metric_switch", "G3", "inconclusive", lambda record: record.model_copy(update={"p": 1 / 2001})),
    ("metric_switch", "G3", "inconclusive", lambda record: with_first(record, e=1.0).model_copy(update={"e": 2.0})),
    ("metric_switch", "G9", "inconclusive", lambda record: with_gate(record, "G9", number=0.31)),
    ("metric_switch", "G9", "inconclusive", lambda record: with_gate(record, "G9", threshold=0.05)),
    ("metric_switch", "G9", "inconclusive", lambda record: with_effect(record, unit="Spearman correlation")),
    ("tie_artefact", "G1", "inconclusive", lambda record: with_gate(record, "G1", passed=False)),
    ("tie_artefact", "G1", "inconclusive", lambda record: record.model_copy(update={"gates": record.gates[2:]})),
    ("tie_artefact", "G1", "inconclusive", lambda record: record.model_copy(update={"largest_tie": 0.3})),
    ("hash_mismatch", "G0", "invalid", lambda record: with_gate(record, "G0", passed=False)),
]


@pytest.mark.parametrize(("code", "gate", "cap", "spoil"), RECORD_LINTS)
def test_each_defect_of_a_record_draws_its_objection(
    example_plan: Plan, clean_record: Judgement, code: str, gate: str, cap: str, spoil: Any
) -> None:
    review = review_record(example_plan, spoil(clean_record))
    assert drawn(review) == [(code, gate)]
    assert review.cap == cap


def test_draws_that_a_rule_ended_are_not_too_few(example_plan: Plan, clean_record: Judgement) -> None:
    stopped = with_first(clean_record, exceedances=10, draws=40, p=10 / 40, stopped="exceedances")
    stopped = stopped.model_copy(update={"p": 10 / 40})
    assert review_record(example_plan, stopped).objections == ()


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
        assert review_record(plan, judgement).objections == ()


LEDGERS = sorted(path.parent for path in (Path(__file__).parents[1] / "ledgers").glob("*/ledger.sqlite"))


@pytest.mark.parametrize("kept", LEDGERS, ids=lambda folder: folder.name)
def test_no_lint_fires_on_any_slot_of_a_kept_ledger(kept: Path, tmp_path: Path) -> None:
    shutil.copy(kept / "ledger.sqlite", tmp_path / "ledger.sqlite")
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        plans = {
            entry.subject: Plan.model_validate(entry.payload["plan"])
            for entry in ledger.entries(kind=EntryKind.REGISTRATION)
        }
        results = {entry.subject: entry.payload["prereg_sha256"] for entry in ledger.entries(kind=EntryKind.RESULT)}
        judgements = list(ledger.entries(kind=EntryKind.JUDGEMENT))
    assert len(judgements) >= 4
    for entry in judgements:
        plan, judgement = plans[entry.subject], Judgement.model_validate(entry.payload["judgement"])
        assert review_record(plan, judgement, results[entry.subject]).objections == ()


def test_a_person_may_name_a_place_that_no_look_led_to(judged: list[tuple[Plan, Judgement]]) -> None:
    plan = next(plan for plan, _ in judged if plan.places is None)

    def objections(author: Author) -> list[str]:
        asked = plan.hypothesis.model_copy(update={"parents": (), "author": author})
        return [item.code for item in REVIEWER.review_plan(plan.model_copy(update={"hypothesis": asked})).objections]

    assert objections(Author.PERSON) == []
    assert objections(Author.EXECUTOR) == ["cherry_picked_locus"]


@pytest.mark.parametrize("cap", get_args(ReviewerCap))
def test_a_review_can_only_lower(judged: list[tuple[Plan, Judgement]], cap: ReviewerCap) -> None:
    seen = set()
    for plan, judgement in judged:
        place = Place(t=1 if spends(judgement) else None, supports_before=0)
        settled = settle(plan, judgement, place, cap=cap, block_reused=plan.block.reused)
        assert settled.verdict.rank <= settled.machine_verdict.rank
        assert (
            settled.machine_verdict
            is settle(plan, judgement, place, cap="none", block_reused=plan.block.reused).verdict
        )
        if cap == "none":
            assert settled.verdict is settled.machine_verdict
        elif settled.machine_verdict is Verdict.SUPPORTED:
            assert settled.verdict.value == cap
        seen.add(settled.machine_verdict)
    assert Verdict.SUPPORTED in seen


@pytest.mark.parametrize(
    ("first", "draws", "objected"), [("futility", 999, False), ("futility", 300, True), (None, 999, True)]
)
def test_once_a_bettor_gave_up_against_one_null_the_others_need_no_more_than_999_draws(
    example_plan: Plan, clean_record: Judgement, first: str | None, draws: int, objected: bool
) -> None:
    other, second = clean_record.evidence
    p = 1 / (draws + 1)
    gave_up = other if first is None else other.model_copy(update={"stopped": "futility"})
    quick = second.model_copy(update={"draws": draws, "exceedances": 0, "p": p, "stopped": "exhausted"})
    record = clean_record.model_copy(update={"evidence": (gave_up, quick), "p": max(clean_record.p, p)})
    assert (("too_few_draws", "G6") in drawn(review_record(example_plan, record))) is objected
