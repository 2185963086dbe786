"""The loop: phases in order, reasons to stop, and nothing lost or paid twice whatever row it died after."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import NODES, LintReviewer, Planner, run_campaign
from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun, Look
from theodolite.store import EntryKind, Ledger, diff, hypothesis_rows, round_rows, verify

PHASES = [
    EntryKind.HYPOTHESIS,
    EntryKind.REGISTRATION,
    EntryKind.PLAN_REVIEW,
    EntryKind.RESULT,
    EntryKind.JUDGEMENT,
    EntryKind.RECORD_REVIEW,
    EntryKind.VERDICT,
    EntryKind.ROUND,
]
"""What each node of a round writes, in the order of ``NODES``, but for the two that wait for people."""


def kinds(folder: Path) -> list[EntryKind]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return [entry.kind for entry in ledger.entries()]


def test_every_phase_of_a_round_is_over_before_the_next_begins(small_world: Any) -> None:
    assert len(PHASES) == len([name for name in NODES if not name.startswith("approve_")])
    written = kinds(small_world.finished(2))
    rounds: list[list[EntryKind]] = [[]]
    for kind in written:
        if kind in PHASES:
            rounds[-1].append(kind)
        if kind is EntryKind.ROUND:
            rounds.append([])
    assert rounds.pop() == []
    assert len(rounds) == 3
    for phases in rounds:
        places = [PHASES.index(kind) for kind in phases]
        assert places == sorted(places)
        assert set(places) == set(range(len(PHASES)))


def test_looks_come_before_any_hypothesis_and_name_discovery_genes_only(small_world: Any) -> None:
    written = kinds(small_world.finished(1))
    assert max(i for i, kind in enumerate(written) if kind is EntryKind.LOOK) < written.index(EntryKind.HYPOTHESIS)
    with Ledger.open(small_world.finished(1) / "ledger.sqlite", read_only=True) as ledger:
        assert {entry.payload["split"] for entry in ledger.entries(kind=EntryKind.LOOK)} == {"discovery"}


def test_a_campaign_stops_when_its_budget_is_spent(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 3})
    assert small_world.run_in_process(tmp_path, spec) == "budget: all 3 experiments are registered"
    assert slots_of_rounds(tmp_path) == [2, 1]


def slots_of_rounds(folder: Path) -> list[int]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        slots = Counter(row.round for row in hypothesis_rows(ledger))
        return [slots[row.round] for row in round_rows(ledger)]


def test_a_finished_campaign_is_not_run_again(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 2})
    reason = small_world.run_in_process(tmp_path, spec)
    before = kinds(tmp_path)
    assert small_world.run_in_process(tmp_path, spec) == reason
    assert kinds(tmp_path) == before


def test_a_campaign_stops_when_its_blocks_are_spent_and_it_says_so(small_world: Any, tmp_path: Path) -> None:
    reason = small_world.run_in_process(tmp_path, small_world.spec(spent_blocks="stop"))
    assert reason.startswith("blocks_spent: ")
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        blocks = [entry.payload["plan"]["block"] for entry in ledger.entries(kind=EntryKind.REGISTRATION)]
    assert blocks
    assert not any(block["reused"] for block in blocks)


def test_a_campaign_stops_when_nothing_is_left_to_try(small_world: Any, tmp_path: Path) -> None:
    # A reference that is powered nowhere leaves the planner nothing to propose.
    spec = small_world.spec(tools=("geometry.axis_separation",), sesoi={"GeneScores": 0.01})
    assert small_world.run_in_process(tmp_path, spec).startswith("no_candidates: ")
    assert EntryKind.REGISTRATION not in kinds(tmp_path)


def test_a_campaign_whose_stream_has_no_level_left_says_so(small_world: Any, tmp_path: Path) -> None:
    class Decoys(Planner):
        """Proposes decoys alone, so that no support retires a block and opens the other stream."""

        def _candidates(self, run: CampaignRun, looks: Any) -> Any:
            found = super()._candidates(run, looks)
            return (item for item in found if "decoy" in item.reference and item.shape == "GeneScores")

    spec = small_world.spec(error={"n_max": 2}, sesoi={"GeneScores": 0.3}, budget={"experiments": 6})
    reason = small_world.run_in_process(tmp_path, spec, executor=Decoys())
    assert reason.startswith("exhausted: ")


def test_more_rounds_than_a_graph_may_take_steps(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 4}, round_size=1)
    assert small_world.run_in_process(tmp_path, spec).startswith("budget: ")
    assert slots_of_rounds(tmp_path) == [1] * 4
    # The default of the graph library, were all rounds steps of one run.
    assert 4 * len(NODES) > 25


class Killed(BaseException):
    """Stands for the death of the process: nothing catches it."""


class MortalLedger:
    """Lets a campaign die right after a row was committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def dies_after(self, kind: EntryKind, nth: int) -> None:
        append, seen = Ledger._append, Counter[EntryKind]()

        def append_and_die(ledger: Ledger, written: EntryKind, identifier: str, *rest: Any, once: bool) -> Any:
            new = not ledger.has(identifier)
            entry = append(ledger, written, identifier, *rest, once=once)
            seen[entry.kind] += new
            if new and entry.kind is kind and seen[kind] == nth:
                raise Killed
            return entry

        self._monkeypatch.setattr(Ledger, "_append", append_and_die)

    def lives(self) -> None:
        self._monkeypatch.undo()


@pytest.fixture(scope="module")
def undisturbed(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    small_world.run_in_process(folder, small_world.spec(budget={"experiments": 3}))
    return folder


OTHER_DEATHS = [
    (EntryKind.STREAM, 1), (EntryKind.CAMPAIGN, 1), (EntryKind.SPLIT, 1), (EntryKind.FIT, 1), (EntryKind.FIT, 12),
    (EntryKind.FIT, 23), (EntryKind.LOOK, 3), (EntryKind.HYPOTHESIS, 3), (EntryKind.REGISTRATION, 2),
    (EntryKind.RESULT, 2), (EntryKind.REVIEW_TRIAL, 1), (EntryKind.VERDICT, 2), (EntryKind.ROUND, 2),
    (EntryKind.STOP, 1),
]  # fmt: skip
"""Of the fits, the first are co-expression, the twelfth and the last tell where a baseline does best."""
DEATHS = [
    *[pytest.param("deleted", kind, 1, id=f"{kind.value} 1, checkpoints deleted") for kind in PHASES],
    *[
        pytest.param("deleted", kind, nth, id=f"{kind.value} {nth}, checkpoints deleted", marks=pytest.mark.slow)
        for kind, nth in OTHER_DEATHS
    ],
    *[
        pytest.param("kept", kind, 1, id=f"{kind.value} 1, checkpoints kept", marks=pytest.mark.slow)
        for kind in (EntryKind.CAMPAIGN, *PHASES, EntryKind.STOP)
    ],
]


@pytest.mark.parametrize(("checkpoints", "kind", "nth"), DEATHS)
def test_a_campaign_that_died_after_any_row_ends_in_the_same_ledger(
    small_world: Any,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: EntryKind,
    nth: int,
    checkpoints: str,
) -> None:
    spec = small_world.spec(budget={"experiments": 3})
    workspace = small_world.private_workspace(tmp_path)
    mortal, ran = MortalLedger(monkeypatch), Counter[str]()
    with small_world.opened(workspace, spec) as run:
        runner = small_world.runner(run.setting)
    mortal.dies_after(kind, nth)
    with pytest.raises(Killed):
        small_world.run_in_process(workspace, spec, runner=runner)
    mortal.lives()
    ran += runner.ran
    if checkpoints == "deleted":
        for file in tmp_path.glob("checkpoints/*"):
            file.unlink()
    successor = small_world.runner(run.setting)
    small_world.run_in_process(workspace, spec, runner=successor)
    ran += successor.ran
    with (
        Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger,
        Ledger.open(undisturbed / "ledger.sqlite", read_only=True) as expected,
    ):
        assert diff(ledger, expected) == []
        assert verify(ledger).ok
    assert ran
    assert set(ran.values()) == {1}, "a job was run twice"


class Counting:
    """Counts what an agent is asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._executor, self._reviewer = Planner(), LintReviewer()

    def propose(self, run: CampaignRun, looks: list[Look], slots: int) -> list[Hypothesis]:
        self.asked[f"propose {run.rounds_closed() + 1}"] += 1
        return self._executor.propose(run, looks, slots)

    def review_plan(self, plan: Any) -> Any:
        self.asked[f"plan {plan.round}.{plan.slot}"] += 1
        return self._reviewer.review_plan(plan)

    def review_record(self, plan: Any, *rest: Any) -> Any:
        self.asked[f"record {plan.round}.{plan.slot}"] += 1
        return self._reviewer.review_record(plan, *rest)


@pytest.mark.parametrize(
    "kind", [EntryKind.PLAN_REVIEW, EntryKind.RECORD_REVIEW, EntryKind.REVIEW_TRIAL, EntryKind.ROUND]
)
def test_no_agent_is_asked_twice_for_what_is_on_record(
    small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: EntryKind
) -> None:
    spec, agents, mortal = small_world.spec(budget={"experiments": 3}), Counting(), MortalLedger(monkeypatch)
    mortal.dies_after(kind, 1)
    with pytest.raises(Killed):
        small_world.run_in_process(tmp_path, spec, executor=agents, reviewer=agents)
    mortal.lives()
    for file in tmp_path.glob("checkpoints/*"):
        file.unlink()
    small_world.run_in_process(tmp_path, spec, executor=agents, reviewer=agents)
    assert set(agents.asked.values()) == {1}
    assert {"propose 1", "propose 2", "plan 1.1", "plan 1.2", "plan 2.1"} <= set(agents.asked)


def test_a_campaign_that_has_stopped_leaves_no_checkpoints(small_world: Any, tmp_path: Path) -> None:
    small_world.run_in_process(tmp_path, small_world.spec(budget={"experiments": 2}))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_what_an_executor_proposes_beyond_its_slots_is_not_taken(small_world: Any, tmp_path: Path) -> None:
    class Greedy(Planner):
        """Returns everything it knows."""

        def propose(self, run: CampaignRun, looks: Any, slots: int) -> list[Hypothesis]:
            return super().propose(run, looks, slots + 4)

    spec = small_world.spec(budget={"experiments": 2})
    with small_world.opened(tmp_path, spec) as run:
        run_campaign(run, Greedy(), LintReviewer())
        assert run.registered() == 2


def test_a_reviewer_may_only_lower_what_the_loop_records(small_world: Any, tmp_path: Path) -> None:
    class Hostile(LintReviewer):
        """Objects to everything."""

        def review_record(self, *record: Any) -> Any:
            return super().review_record(*record).model_copy(update={"cap": "invalid"})

    spec = small_world.spec(budget={"experiments": 2})
    small_world.run_in_process(tmp_path, spec, reviewer=Hostile())
    rows = small_world.rows(tmp_path)
    assert "supported" in {row.machine_verdict for row in rows}
    assert {row.verdict for row in rows} == {"invalid"}


def test_a_round_that_uses_up_the_budget_is_finished_after_an_interrupt(small_world: Any, tmp_path: Path) -> None:
    class Interrupted(LintReviewer):
        """Stands for a person who presses Ctrl-C once every plan of the last round is locked."""

        def review_plan(self, plan: Any) -> Any:
            raise KeyboardInterrupt

    spec = small_world.spec(budget={"experiments": 3}, round_size=3)
    with pytest.raises(KeyboardInterrupt):
        small_world.run_in_process(tmp_path / "cut", spec, reviewer=Interrupted())
    assert small_world.run_in_process(tmp_path / "cut", spec).startswith("budget: ")
    small_world.run_in_process(tmp_path / "whole", spec)
    with (
        Ledger.open(tmp_path / "cut" / "ledger.sqlite", read_only=True) as cut,
        Ledger.open(tmp_path / "whole" / "ledger.sqlite", read_only=True) as whole,
    ):
        assert diff(cut, whole) == []
        assert whole.count("verdict") == 3
