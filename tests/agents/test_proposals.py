"""What people propose: the same queue, lock and stream as everybody's, on genes that they cannot have seen tested."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import Planner
from theodolite.canonical import canonical_json
from theodolite.claims import Author, Direction, Hypothesis
from theodolite.experiments import CampaignRun, Look, Setting
from theodolite.experiments.handed import HandedProposal
from theodolite.experiments.replay import verify_decisions
from theodolite.plans import Plan
from theodolite.store import EntryKind, HypothesisRow, Ledger, agent_view, diff, hypothesis_rows, verify
from theodolite.tools import get_tool


def question(setting: Setting, reference: str, place: int = 0) -> Hypothesis:
    """Return a person's claim about the axes of a model, at one of the places of the instrument."""
    tool = get_tool("geometry.axis_separation")
    places = list(tool.params.enumerate(setting.model_shape))
    return Hypothesis(
        claim=setting.claim(tool, reference),
        locus=places[place].locus(),
        direction=Direction.GREATER,
        tool=f"{tool.name}@{tool.version}",
        rationale="a person wondered",
        author=Author.PERSON,
    )


def hand_in(ledger: Ledger, campaign: str, proposed: Hypothesis, person: str = "Ada") -> int:
    content = canonical_json(HandedProposal(hypothesis=proposed).model_dump(mode="json"))
    return ledger.ops.hand_in(campaign, "proposal", person, content)


class Wondering(Planner):
    """Decoys alone, so that no support retires a block; a person hands something in while the round runs."""

    def __init__(self, asks: dict[int, tuple[str, ...]], decoys: bool = True) -> None:
        self._asks = asks
        self._decoys = decoys

    def propose(self, run: CampaignRun, looks: Any, slots: int) -> list[Hypothesis]:
        number = run.rounds_closed() + 1
        for reference in self._asks.get(number, ()):
            hand_in(run.ledger, run.setting.campaign_id, question(run.setting, reference))
        return super().propose(run, looks, slots)

    def _candidates(self, run: CampaignRun, looks: list[Look]) -> Any:
        found = super()._candidates(run, looks)
        return (item for item in found if not self._decoys or "decoy" in item.reference)


def plans(folder: Path) -> list[dict[str, Any]]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return [entry.payload["plan"] for entry in ledger.entries(kind=EntryKind.REGISTRATION)]


def of_people(rows: list[HypothesisRow]) -> list[HypothesisRow]:
    return [row for row in rows if row.author == "person"]


def sound(folder: Path) -> None:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger) == []


def test_what_is_proposed_before_anything_was_judged_takes_the_first_slots(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 4})
    with small_world.opened(tmp_path, spec) as run:
        number = hand_in(run.ledger, run.setting.campaign_id, question(run.setting, "program_1", place=3))
        campaign = run.setting.campaign_id
    small_world.run_in_process(tmp_path, spec)
    rows = small_world.rows(tmp_path)
    assert [(row.round, row.slot, row.author) for row in rows[:2]] == [(1, 1, "person"), (1, 2, "planner")]
    assert (rows[0].stream, rows[0].reused, rows[0].t) == ("main", False, 1)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        payload = next(ledger.entries(kind=EntryKind.HYPOTHESIS)).payload
        assert (payload["person"], payload["inbox"]) == ("Ada", number)
        assert ledger.ops.inbox(campaign) == []
    sound(tmp_path)


def test_what_a_person_proposes_after_a_judged_round_never_gets_the_block(small_world: Any, tmp_path: Path) -> None:
    """Statistics §0b rule 4, with one block for everything: the reused stream is what is left."""
    spec = small_world.spec(budget={"experiments": 5})
    executor = Wondering({1: ("program_1", "decoy_1")})
    small_world.run_in_process(tmp_path, spec, executor=executor)
    rows = small_world.rows(tmp_path)
    asked = of_people(rows)
    assert [(row.round, row.slot) for row in asked] == [(2, 1), (2, 2)], "a round of their own, on another footing"
    assert {(row.stream, row.reused) for row in asked} == {("main/reused", True)}
    assert {(row.stream, row.reused) for row in rows if row.author == "planner" and row.round < 2} == {("main", False)}
    assert {row.t for row in rows if row.stream == "main"} == set(
        range(1, 1 + sum(row.stream == "main" for row in rows))
    ), "nothing that a person proposed took a level of the main stream"
    sound(tmp_path)


def test_a_person_gets_an_untouched_block_while_there_is_one(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 7}, **small_world.two_blocks)
    executor = Wondering({1: ("decoy_1",), 3: ("decoy_2",)})
    small_world.run_in_process(tmp_path, spec, executor=executor)
    used = [
        (plan["hypothesis"]["author"], plan["block"]["id"][-7:], plan["block"]["reused"]) for plan in plans(tmp_path)
    ]
    assert used[:6] == [
        ("planner", "block-1", False),
        ("planner", "block-1", False),
        ("person", "block-2", False),
        ("planner", "block-1", False),
        ("planner", "block-1", False),
        ("person", "block-2", True),
    ]
    sound(tmp_path)
    # block-1 is open, and the person could have seen what was found on it: agents are told nothing of the claims.
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        view = agent_view(ledger, rows[0].campaign)
    assert not {row.hypothesis_id for row in of_people(rows)} & set(view.tried_hypotheses)
    assert {bit.round for bit in view.bits} == {row.round for row in rows if row.author == "planner"}


def test_a_person_who_gets_a_block_that_was_judged_is_found_by_verify(small_world: Any, tmp_path: Path) -> None:
    """The ledger of a campaign up to its second round, in which a person's name stands where the planner's stood."""
    spec = small_world.spec(budget={"experiments": 2}, round_size=1)
    small_world.run_in_process(tmp_path, spec, executor=Wondering({}))
    with (
        Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as told,
        Ledger.in_memory(artefacts=told.artefacts.folder) as forged,
    ):
        for entry in told.entries():
            payload = copy.deepcopy(entry.payload)
            second = entry.subject.endswith("/r02.s001")
            if second and entry.kind is EntryKind.HYPOTHESIS:
                payload["hypothesis"]["author"] = "person"
            if second and entry.kind is EntryKind.REGISTRATION:
                payload["plan"]["hypothesis"]["author"] = "person"
                payload["prereg_sha256"] = Plan.model_validate(payload["plan"]).sha256
            forged.append(entry.kind, entry.id, entry.subject, payload)
            if second and entry.kind is EntryKind.REGISTRATION:
                break
        found = [problem.what for problem in verify_decisions(forged)]
    assert found == ["a person proposed it after a test on its block was judged, and it is not marked as reused"]


def test_a_round_of_people_in_which_nothing_is_locked_does_not_end_the_campaign(
    small_world: Any, tmp_path: Path
) -> None:
    spec = small_world.spec(budget={"experiments": 4})
    executor = Wondering({1: ("too_small",)}, decoys=False)
    assert small_world.run_in_process(tmp_path, spec, executor=executor).startswith("budget: ")
    rows = small_world.rows(tmp_path)
    assert [row.status for row in of_people(rows)] == ["refused"]
    assert max(row.round for row in rows) >= 3


@pytest.mark.parametrize(
    ("kind", "nth"),
    [
        pytest.param(EntryKind.HYPOTHESIS, 1, id="its row is written, the inbox does not know"),
        pytest.param(EntryKind.HYPOTHESIS, 2, id="both are written"),
        pytest.param(EntryKind.HYPOTHESIS, 3, id="an agent's row is written", marks=pytest.mark.slow),
        pytest.param(EntryKind.REGISTRATION, 1, id="one of the round is locked"),
        pytest.param(EntryKind.JUDGEMENT, 1, id="one of the round is judged", marks=pytest.mark.slow),
    ],
)
def test_a_proposal_is_taken_up_once_whatever_row_the_campaign_died_after(
    small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: Any, kind: EntryKind, nth: int
) -> None:
    spec = small_world.spec(budget={"experiments": 3}, round_size=3)
    for folder in ("whole", "cut"):
        with small_world.opened(tmp_path / folder, spec) as run:
            for reference in ("program_1", "decoy_1"):
                hand_in(run.ledger, run.setting.campaign_id, question(run.setting, reference))
    small_world.run_in_process(tmp_path / "whole", spec)
    dies_after(kind, nth)
    with pytest.raises(BaseException, match="killed"):
        small_world.run_in_process(tmp_path / "cut", spec)
    monkeypatch.undo()
    for file in (tmp_path / "cut").glob("checkpoints/*"):
        file.unlink()
    small_world.run_in_process(tmp_path / "cut", spec)
    with (
        Ledger.open(tmp_path / "cut" / "ledger.sqlite", read_only=True) as cut,
        Ledger.open(tmp_path / "whole" / "ledger.sqlite", read_only=True) as whole,
    ):
        assert diff(cut, whole) == []
        assert verify(cut).ok
