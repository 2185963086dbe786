"""People in the loop: what they approve, what they propose, and what neither can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.agents import CampaignPaused, Planner, replay_campaign
from theodolite.calibration.plants import seal_round
from theodolite.canonical import canonical_json
from theodolite.claims import ReviewerCap, Verdict
from theodolite.experiments import prepare
from theodolite.experiments.approvals import HandedApproval, awaited
from theodolite.experiments.previews import verdicts_if_approved
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.standing import cap_of
from theodolite.gates import Place, settle, spends
from theodolite.judgements import Judgement, Review, Settlement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, StopReason, diff, slot_id, verify


def say(folder: Path, approved: Callable[[Any], bool] = lambda item: True, person: str = "Ada") -> list[str]:
    """Hand in what a person says of everything that waits, and return what waited."""
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        waiting = awaited(ledger)
        for item in waiting:
            handed = HandedApproval(
                subject=item.subject, prereg_sha256=item.prereg_sha256, of=item.of, approved=approved(item)
            )
            ledger.ops.hand_in(item.campaign, "approval", person, canonical_json(handed.model_dump(mode="json")))
    return [f"{item.of} {item.subject.rpartition('/')[2]}" for item in waiting]


def pauses(small_world: Any, folder: Path, spec: Any, approved: Callable[[Any], bool] = lambda item: True) -> list[Any]:
    """Run a campaign to its end with a person who answers whenever it waits; return what it waited for."""
    waited: list[Any] = []
    for _ in range(20):
        try:
            small_world.run_in_process(folder, spec)
        except CampaignPaused as paused:
            assert paused.reason is StopReason.AWAITING_APPROVAL
            waited.append(say(folder, approved))
            continue
        return waited
    raise AssertionError("it never ended")


def entries(folder: Path, kind: EntryKind) -> list[Any]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return list(ledger.entries(kind=kind))


def sound(folder: Path) -> None:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=False) == []


def test_a_locked_plan_waits_for_a_person_and_then_the_same_command_goes_on(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 3}, approve="registrations")
    with pytest.raises(CampaignPaused, match=r"r01\.s001, r01\.s002 wait for a person; `theodolite approve"):
        small_world.run_in_process(tmp_path, spec)
    assert entries(tmp_path, EntryKind.RESULT) == []
    with pytest.raises(CampaignPaused):  # asking again changes nothing
        small_world.run_in_process(tmp_path, spec)
    waited = pauses(small_world, tmp_path, spec)
    assert waited == [["registration r01.s001", "registration r01.s002"], ["registration r02.s001"]]
    assert {entry.payload["person"] for entry in entries(tmp_path, EntryKind.APPROVAL)} == {"Ada"}
    sound(tmp_path)
    # Approved throughout, it finds what a campaign without people finds.
    small_world.run_in_process(tmp_path / "alone", small_world.spec(budget={"experiments": 3}))
    found = [(row.hypothesis_id, row.verdict, row.t) for row in small_world.rows(tmp_path)]
    assert found == [(row.hypothesis_id, row.verdict, row.t) for row in small_world.rows(tmp_path / "alone")]


@pytest.mark.parametrize("approve", ["registrations", "verdicts", "both"])
def test_the_checkpoint_file_may_be_deleted_while_it_waits(small_world: Any, tmp_path: Path, approve: str) -> None:
    spec = small_world.spec(budget={"experiments": 2}, approve=approve)
    pauses(small_world, tmp_path / "kept", spec)
    with pytest.raises(CampaignPaused):
        small_world.run_in_process(tmp_path / "cut", spec)
    for file in (tmp_path / "cut").glob("checkpoints/*"):
        file.unlink()
    pauses(small_world, tmp_path / "cut", spec)
    with (
        Ledger.open(tmp_path / "cut" / "ledger.sqlite", read_only=True) as cut,
        Ledger.open(tmp_path / "kept" / "ledger.sqlite", read_only=True) as kept,
    ):
        assert diff(cut, kept) == []


def test_a_plan_that_is_withdrawn_on_an_untouched_block_spends_nothing(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 2}, approve="registrations")
    pauses(small_world, tmp_path, spec, approved=lambda item: item.slot != 1)
    first, second = small_world.rows(tmp_path)
    assert (first.verdict, first.t, first.failure_phase, first.failure_code) == ("error", None, "approval", "withdrawn")
    assert second.t == 1
    assert [entry.subject for entry in entries(tmp_path, EntryKind.RESULT)] == [second.subject]
    assert [entry.subject for entry in entries(tmp_path, EntryKind.PLAN_REVIEW)] == [second.subject]
    sound(tmp_path)


def test_a_plan_that_is_withdrawn_after_a_judged_round_on_its_block_spends_its_level(
    small_world: Any, tmp_path: Path
) -> None:
    """Else a person who had seen the block could choose, by withdrawing the rest, what the stream is made of."""
    spec = small_world.spec(budget={"experiments": 2}, round_size=1, approve="registrations", sesoi={"GeneScores": 0.3})
    for _ in range(5):
        try:
            small_world.run_in_process(tmp_path, spec, executor=Decoys())
        except CampaignPaused:
            say(tmp_path, lambda item: item.round == 1)
    first, second = small_world.rows(tmp_path)
    assert first.block_id == second.block_id
    assert (second.verdict, second.stream, second.t) == ("error", "main", 2)
    sound(tmp_path)


class Decoys(Planner):
    """Proposes what is not there, so that no support retires the block."""

    def _candidates(self, run: Any, looks: Any) -> Any:
        return (item for item in super()._candidates(run, looks) if "decoy" in item.reference)


def test_a_verdict_that_is_not_approved_is_inconclusive_at_most(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 2}, approve="verdicts")
    waited = pauses(small_world, tmp_path, spec, approved=lambda item: item.slot != 1)
    assert waited == [["verdict r01.s001", "verdict r01.s002"]]
    first, second = small_world.rows(tmp_path)
    assert (first.machine_verdict, first.cap, first.verdict) == ("supported", "inconclusive", "inconclusive")
    assert (first.t, second.t) == (1, 2), "a verdict that is lowered spends as any other"
    assert second.verdict == second.machine_verdict
    sound(tmp_path)


def test_what_people_are_shown_before_is_what_is_recorded_after(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 2}, approve="verdicts")
    with pytest.raises(CampaignPaused):
        small_world.run_in_process(tmp_path, spec)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        campaign = awaited(ledger)[0].campaign
        shown = verdicts_if_approved(ledger, campaign, 1)
    pauses(small_world, tmp_path, spec)
    recorded = {
        entry.subject: Settlement.model_validate(entry.payload["settlement"])
        for entry in entries(tmp_path, EntryKind.VERDICT)
    }
    assert recorded == {slot_id(campaign, 1, slot): settlement for slot, settlement in shown.items()}


APPROVED_OR_NOT: tuple[ReviewerCap, ...] = ("none", "inconclusive")
"""What a person can leave of a verdict."""


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_approval_ever_raises_a_verdict(judged: list[tuple[Plan, Judgement]], data: st.DataObject) -> None:
    plan, judgement = judged[data.draw(st.integers(0, len(judged) - 1))]
    said: ReviewerCap = data.draw(st.sampled_from(["none", "inconclusive", "invalid"]))
    advisory = data.draw(st.booleans())
    controls = data.draw(st.lists(st.sampled_from(APPROVED_OR_NOT), max_size=2))
    people = data.draw(st.lists(st.sampled_from(APPROVED_OR_NOT), min_size=1, max_size=1))
    reviewed = None if data.draw(st.booleans()) else review(said)
    place = Place(t=data.draw(st.integers(1, 10)) if spends(judgement) else None, supports_before=0)

    def verdict(binding: list[ReviewerCap]) -> Verdict:
        held = cap_of(reviewed, advisory=advisory, binding=binding)
        return settle(plan, judgement, place, cap=held.cap, block_reused=False, advisory=held.advisory).verdict

    before, after = verdict(controls), verdict([*controls, *people])
    assert after.rank <= before.rank
    assert after == before or people == ["inconclusive"]


def review(cap: ReviewerCap) -> Review:
    return Review(
        stage=2,
        objections=(),
        likely_confound="none",
        predicted_verdict="supported",
        confidence=0.5,
        cap=cap,
        reviewer="somebody",
    )


def test_what_ran_without_its_approval_is_reported(small_world: Any, tmp_path: Path, retold: Any) -> None:
    spec = small_world.spec(budget={"experiments": 1}, approve="both")
    pauses(small_world, tmp_path / "told", spec)
    with (
        Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as told,
        Ledger.in_memory(artefacts=told.artefacts.folder) as forged,
    ):
        for entry in told.entries():
            if entry.kind is not EntryKind.APPROVAL:
                forged.append(entry.kind, entry.id, entry.subject, entry.payload)
        found = [problem.what for problem in verify_decisions(forged)]
    assert found == [
        "it ran, but no person had approved its registration",
        "it is recorded, but no person had approved its verdict",
    ]


def test_a_campaign_with_approvals_replays_to_its_head(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 3}, approve="both")
    pauses(small_world, tmp_path / "told", spec, approved=lambda item: (item.of, item.slot) != ("registration", 2))
    with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as told:
        setting = prepare(spec, small_world.workspace(tmp_path / "again"))
        replayed = replay_campaign(setting, told, tmp_path / "again", small_world.runner(setting), trials=seal_round)
    assert replayed.differences == ()
    assert replayed.same_head


@pytest.mark.parametrize("kind", [EntryKind.APPROVAL, EntryKind.FAILURE])
def test_an_approval_is_written_once_whatever_row_the_campaign_died_after(
    small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: Any, kind: EntryKind
) -> None:
    spec = small_world.spec(budget={"experiments": 2}, approve="registrations")

    def answers(item: Any) -> bool:
        return item.slot != 1

    pauses(small_world, tmp_path / "whole", spec, answers)
    with pytest.raises(CampaignPaused):
        small_world.run_in_process(tmp_path / "cut", spec)
    say(tmp_path / "cut", answers)
    dies_after(kind, 1)
    with pytest.raises(BaseException, match="killed"):
        small_world.run_in_process(tmp_path / "cut", spec)
    monkeypatch.undo()
    small_world.run_in_process(tmp_path / "cut", spec)
    with (
        Ledger.open(tmp_path / "cut" / "ledger.sqlite", read_only=True) as cut,
        Ledger.open(tmp_path / "whole" / "ledger.sqlite", read_only=True) as whole,
    ):
        assert diff(cut, whole) == []
