"""A language model as reviewer: stateless, from a closed menu, behind the lints, and it can only lower."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import LintReviewer, ModelReviewer, assemble, run_campaign
from theodolite.agents.model_reviewer import CODES, CONTROLS
from theodolite.experiments.control_variants import VARIANT_OF
from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, gate_rows, hypothesis_rows, review_rows, verify

AGENTS = {"executor": "planner", "reviewer": "llama-3.3"}
FAIR = {
    "objections": [],
    "cap": "none",
    "likely_confound": "hubs",
    "predicted_verdict": "supported",
    "confidence": 0.6,
    "controls": [],
}
OBJECTION = {"code": "wrong_null", "gate": "G3", "cite": "record", "note": "the null keeps too little"}


@pytest.fixture
def reviewer_of(models: Any, small_world: Any, tmp_path: Path) -> Iterator[Any]:
    """Return a model reviewer whose answers are a function of the request, and its wire."""
    spec = small_world.spec("review", agents=AGENTS)
    with small_world.opened(tmp_path / "reviewer", spec) as run:

        def make(answer: Any) -> tuple[ModelReviewer, Any]:
            wire = models.Wired(answer)
            reviewer = assemble(run, settings=models.settings(), wire=wire).reviewer
            assert isinstance(reviewer, ModelReviewer)
            return reviewer, wire

        yield make


def answers(models: Any, *records: dict[str, Any], plan: dict[str, Any] = FAIR) -> Any:
    """Return a player: the plan's answer at stage I, and at stage II the given ones in turn."""

    def play(body: dict[str, Any]) -> Any:
        if "review_plan" in models.offered(body):
            return models.acting("review_plan", **plan)
        return models.acting("review_record", **records[min(models.turns(body), len(records) - 1)])

    return play


def test_the_plan_comes_first_then_the_record_and_the_executors_words_last(
    reviewer_of: Any, models: Any, judged: Any
) -> None:
    plan, judgement = judged[0]
    plain = {"objections": [], "cap": "none"}
    reviewer, wire = reviewer_of(answers(models, plain))
    first = reviewer.review_plan(plan)
    second = reviewer.review_record(plan, first, judgement, plan.sha256)
    stage_one, record, prose = (body["messages"] for body in wire.asked)
    words = plan.hypothesis.rationale
    assert words
    assert words not in str(stage_one)
    assert words not in str(record)
    assert words in prose[-1]["content"]
    assert "evidence" not in models.told(wire.asked[0], "plan").get("judgement", {})
    assert models.told(wire.asked[1], "record")["p"] is not None
    assert (first.stage, second.stage) == (1, 2)
    assert second.reviewer == reviewer.name
    assert second.confidence == first.confidence == 0.6


def test_it_is_stateless_the_same_item_makes_the_same_request(reviewer_of: Any, models: Any, judged: Any) -> None:
    plan, judgement = judged[0]
    reviewer, wire = reviewer_of(answers(models, {"objections": [], "cap": "none"}))
    for _ in range(2):
        reviewer.review_record(plan, reviewer.review_plan(plan), judgement, plan.sha256)
    assert len(wire.asked) == 3, "what is recorded is not asked again"


def test_its_objections_join_those_of_code_and_cite_by_hash(reviewer_of: Any, models: Any, judged: Any) -> None:
    plan, judgement = judged[0]
    reviewer, _ = reviewer_of(answers(models, {"objections": [OBJECTION], "cap": "inconclusive"}))
    first = reviewer.review_plan(plan)
    second = reviewer.review_record(plan, first, judgement, "0" * 64)
    assert [item.code for item in second.objections] == ["hash_mismatch", "wrong_null"]
    assert second.cap == "invalid", "the lower of both: code saw another plan's hash"
    assert len(second.objections[1].evidence) == 64


def test_what_it_said_of_the_record_stands_whatever_the_prose_says(reviewer_of: Any, models: Any, judged: Any) -> None:
    plan, judgement = judged[0]
    lowered, taken_back = {"objections": [OBJECTION], "cap": "invalid"}, {"objections": [], "cap": "none"}
    reviewer, _ = reviewer_of(answers(models, lowered, taken_back))
    second = reviewer.review_record(plan, reviewer.review_plan(plan), judgement, plan.sha256)
    assert second.cap == "invalid"
    assert [item.code for item in second.objections] == ["wrong_null"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cap": "supported"},
        {"cap": "invalid"},
        {"confidence": 1.7},
        {"confidence": "0.9junk"},
        {"predicted_verdict": "error"},
        {"controls": ["drop_the_ledger"]},
        {"controls": ["shuffled_input"] * 3},
        {"objections": [OBJECTION], "cap": "invalid"},
        {"objections": [OBJECTION | {"code": "looks_bad", "cite": "plan"}]},
        {"objections": [OBJECTION | {"gate": "G99", "cite": "plan"}]},
        {"verdict": "supported"},
    ],
    ids=[
        "raise",
        "uncited",
        "beyond 1",
        "junk",
        "error",
        "no menu",
        "too many",
        "no record yet",
        "code",
        "gate",
        "key",
    ],
)
def test_an_answer_outside_the_menu_leaves_the_lints_review(
    reviewer_of: Any, models: Any, judged: Any, wrong: dict[str, Any]
) -> None:
    plan, judgement = judged[0]
    reviewer, wire = reviewer_of(answers(models, plan=FAIR | wrong))
    first = reviewer.review_plan(plan)
    assert first == LintReviewer().review_plan(plan)
    assert len(wire.asked) == 3
    # It committed to nothing on the plan, so it is not shown the record.
    assert reviewer.review_record(plan, first, judgement, plan.sha256).reviewer == LintReviewer.name
    assert len(wire.asked) == 3


@pytest.mark.parametrize("cap", ["none", "inconclusive", "invalid"])
def test_where_it_says_nothing_usable_of_the_record_what_it_said_of_the_plan_stands_under_its_own_name(
    reviewer_of: Any, models: Any, judged: Any, cap: str
) -> None:
    """Else its objections would be counted, and bind, as those of code, whose record is another."""
    plan, judgement = judged[0]
    said = FAIR | {"objections": [OBJECTION | {"code": "sign_flip", "cite": "plan"}], "cap": cap}
    reviewer, _ = reviewer_of(answers(models, {"nothing": "usable"}, plan=said))
    second = reviewer.review_record(plan, reviewer.review_plan(plan), judgement, plan.sha256)
    assert second.reviewer == reviewer.name
    assert second.cap == cap
    assert [item.code for item in second.objections] == ["sign_flip"]
    assert second.code_cap == "none", "code has nothing against it"
    mistaken = reviewer.review_record(plan, reviewer.review_plan(plan), judgement, "0" * 64)
    assert mistaken.code_cap == "invalid", "code saw another plan's hash, whatever the model is worth"


def test_the_menus_are_those_of_the_vocabulary() -> None:
    from typing import get_args

    from theodolite.judgements import ObjectionCode
    from theodolite.store import ControlName

    assert set(CODES) == set(get_args(ObjectionCode))
    assert set(CONTROLS) == set(VARIANT_OF) == set(get_args(ControlName))


@pytest.mark.parametrize("manner", ["hostile", "forger", "rubber stamp"])
def test_over_a_whole_campaign_verdicts_are_only_lowered(
    small_world: Any, models: Any, tmp_path: Path, manner: str
) -> None:
    lowered = {"objections": [OBJECTION], "cap": "invalid"}
    record = {
        "hostile": lowered,
        "forger": {"verdict": "supported", "p": 0},
        "rubber stamp": {"objections": [], "cap": "none"},
    }[manner]
    spec = small_world.spec("review", agents=AGENTS)
    with small_world.opened(tmp_path, spec) as run:
        wire = models.Wired(answers(models, record))
        team = assemble(run, settings=models.settings(), wire=wire)
        run_campaign(run, team.executor, team.reviewer, meter=team.meter)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = [row for row in hypothesis_rows(ledger) if row.verdict is not None]
        assert "supported" in {row.machine_verdict for row in rows}
        assert all(row.verdict.rank <= row.machine_verdict.rank for row in rows)
        assert ("supported" in {row.verdict for row in rows}) is (manner != "hostile")
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


@pytest.fixture
def ordered(small_world: Any, models: Any) -> Any:
    """Run a campaign of one instrument whose reviewer orders the same controls on every plan."""

    def run(folder: Path, tool: str, *controls: str) -> None:
        plan = FAIR | {"controls": list(controls)}
        spec = small_world.spec("controls", agents=AGENTS, tools=[tool], budget={"experiments": 2})
        with small_world.opened(folder, spec) as campaign:
            wire = models.Wired(answers(models, {"objections": [], "cap": "none"}, plan=plan))
            team = assemble(campaign, settings=models.settings(), wire=wire)
            run_campaign(campaign, team.executor, team.reviewer, meter=team.meter)

    return run


def test_ordered_controls_are_run_judged_by_code_and_bind(ordered: Any, tmp_path: Path) -> None:
    # The cells of this world are shuffled within genes as they are: attention is no other on cells shuffled again.
    ordered(tmp_path, "attention.edges", "untrained_again", "shuffled_input")
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        controls = list(ledger.entries(kind=EntryKind.CONTROL))
        assert len(controls) == 2 * len(rows)
        assert {entry.payload["variant"] for entry in controls} == {"untrained(3)", "shuffled_input(0)"}
        mine = [entry.payload for entry in controls if entry.subject == rows[0].subject]
        assert {item["control"]: item["passed"] for item in mine} == {"untrained_again": True, "shuffled_input": False}
        assert rows[0].machine_verdict == "supported"
        assert rows[0].verdict == "inconclusive"
        reviewed = next(gate for gate in gate_rows(ledger, rows[0].subject) if gate.gate == "G13")
        assert reviewed.passed is False
        assert review_rows(ledger, rows[0].subject)[0].controls == ["untrained_again", "shuffled_input"]
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


def test_a_control_that_changes_nothing_is_no_control(ordered: Any, tmp_path: Path) -> None:
    # The embedding, averaged over cells, is the same whatever order the values of a gene come in.
    ordered(tmp_path, "geometry.axis_separation", "shuffled_input")
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        controls = [entry.payload for entry in ledger.entries(kind=EntryKind.CONTROL)]
        assert [item["passed"] for item in controls] == [None, None]
        assert "leaves what is read" in controls[0]["sentence"]
        assert {row.verdict for row in hypothesis_rows(ledger)} == {"supported"}
        assert verify_decisions(ledger, deep=True) == []


def test_a_control_that_was_rewritten_is_found(ordered: Any, tmp_path: Path, retold: Any) -> None:
    ordered(tmp_path / "told", "attention.edges", "shuffled_input")

    def forged(entry: Any, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.CONTROL:
            payload["passed"] = True

    retold(tmp_path / "told", tmp_path / "retold", forged)
    with Ledger.open(tmp_path / "retold" / "ledger.sqlite", read_only=True) as ledger:
        shallow = [str(problem) for problem in verify_decisions(ledger)]
        assert any("settlement does not follow" in problem for problem in shallow), "the cap is missing its reason"
        deep = [str(problem) for problem in verify_decisions(ledger, deep=True)]
        assert any("passed" in problem for problem in deep)
