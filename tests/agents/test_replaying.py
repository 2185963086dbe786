"""Replay: a recorded campaign is done again offline, to the same head hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import CampaignPaused, Planner, ReplayError, assemble, replay_campaign, run_campaign
from theodolite.calibration.plants import seal_round
from theodolite.claims import Verdict
from theodolite.experiments import prepare
from theodolite.experiments.dependence import dependence
from theodolite.experiments.invalidating import invalidate
from theodolite.experiments.nodes import named_nodes
from theodolite.experiments.replay import verify_decisions
from theodolite.store import CallStatus, EntryKind, Ledger, StopReason, hypothesis_rows

AGENTS = {"executor": "qwen3-32b", "reviewer": "llama-3.3"}
LOOK, CLAIM = "look_geometry_axis_separation", "claim_geometry_axis_separation"


@pytest.fixture
def player(models: Any) -> Any:
    """Return a model that answers one request in four in vain, by the length of the request."""

    def play(body: dict[str, Any]) -> Any:
        offered = models.offered(body)
        if "review_plan" in offered:
            return models.acting(
                "review_plan",
                objections=[],
                cap="none",
                likely_confound="hubs",
                predicted_verdict="inconclusive",
                confidence=0.5,
                controls=["shuffled_input"],
            )
        if "review_record" in offered:
            return models.acting("review_record", objections=[], cap="none")
        if models.turns(body) == 0:
            return models.acting(LOOK, layer=0, axis=1)
        if models.turns(body) == 1:
            return models.saying("Let me think about that.")
        taken = len(models.told(body, "proposals of this round")) + len(models.told(body, "tried hypotheses")["shown"])
        name = f"program_{1 + taken % 4}"
        return models.acting(
            CLAIM, place={"layer": 0, "axis": 1 + taken}, reference=name, direction="greater", rationale="why not"
        )

    return play


@pytest.fixture
def recorded(small_world: Any, models: Any, tmp_path: Path) -> Any:
    """Run a campaign with language models and return its specification; ``clock`` and ``wire`` may be replaced."""

    def run(answer: Any, sessions: int = 1, clock: Any = None, **overrides: Any) -> Any:
        content = {"budget": {"experiments": 3}, "agents": AGENTS} | overrides
        spec = small_world.spec("told", **content)
        for _ in range(sessions):
            with small_world.opened(tmp_path / "told", spec) as campaign:
                team = assemble(
                    campaign,
                    settings=models.settings(opens_after=2, probes=1),
                    wire=models.Wired(answer),
                    **({} if clock is None else {"clock": clock}),
                )
                try:
                    run_campaign(campaign, team.executor, team.reviewer, trials=seal_round, meter=team.meter)
                except CampaignPaused as paused:
                    assert paused.reason is StopReason.MODEL_UNAVAILABLE
        return spec

    return run


@pytest.fixture
def again(small_world: Any, tmp_path: Path) -> Any:
    """Replay a specification from the recorded ledger into a fresh folder."""

    def run(spec: Any, folder: str = "again") -> Any:
        setting = prepare(spec, small_world.workspace(tmp_path / folder))
        with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as original:
            return replay_campaign(setting, original, tmp_path / folder, small_world.runner(setting), trials=seal_round)

    return run


def test_a_campaign_with_models_ends_in_the_same_head(recorded: Any, again: Any, player: Any, tmp_path: Path) -> None:
    found = again(recorded(player))
    assert found.same_head
    assert found.differences == ()
    with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as original:
        assert found.head == original.head().hash
        assert found.calls == original.count(EntryKind.MODEL_CALL)


def test_a_campaign_without_models_does_too(recorded: Any, again: Any, player: Any) -> None:
    found = again(recorded(player, agents=None))
    assert found.same_head
    assert found.calls == 0


class Correcting(Planner):
    """Plans as ever; but between two rounds a person finds the instrument of the first support bad."""

    def propose(self, run: Any, looks: Any, slots: int) -> Any:
        if run.rounds_closed() == 1 and not run.ledger.count(EntryKind.INVALIDATION):
            (support, *_) = hypothesis_rows(run.ledger, verdict=Verdict.SUPPORTED)
            name = f"reference:{support.reference}"
            nodes = named_nodes(name, dependence(run.ledger).nodes())
            assert list(invalidate(run.ledger, nodes, name, reason="two genes were exchanged", person="Ada"))
        return super().propose(run, looks, slots)


@pytest.mark.parametrize("when", ["between two rounds", "after its end"])
def test_what_people_invalidated_is_taken_over_and_all_that_follows_from_it_is_done_again(
    small_world: Any, again: Any, tmp_path: Path, when: str
) -> None:
    spec = small_world.spec("told", budget={"experiments": 4})
    executor = Correcting() if when == "between two rounds" else Planner()
    small_world.run_in_process(tmp_path / "told", spec, executor=executor)
    with Ledger.open(tmp_path / "told" / "ledger.sqlite") as original:
        if when == "after its end":
            nodes = named_nodes("model:planted-model", dependence(original).nodes())
            assert list(invalidate(original, nodes, "model", reason="other weights", person="Ada"))
        assert verify_decisions(original, deep=True) == []
        assert any(row.invalid_because for row in hypothesis_rows(original))
    found = again(spec)
    assert found.differences == ()
    assert found.same_head


def test_failures_pauses_and_later_sessions_are_replayed(
    recorded: Any, again: Any, player: Any, models: Any, tmp_path: Path
) -> None:
    from theodolite.agents.llm import Reply

    calls = 0

    def flaky(body: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        # Every call of the first session fails; later one in five does.
        return Reply(CallStatus.SERVER_ERROR, 500, None, "500: no") if calls <= 3 or calls % 5 == 0 else player(body)

    spec = recorded(flaky, sessions=2)
    with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as original:
        statuses = [entry.payload["status"] for entry in original.entries(kind=EntryKind.MODEL_CALL)]
        assert statuses[:4] == ["server_error"] * 3 + ["ok"]
        assert original.count(EntryKind.STOP) == 1
    assert again(spec).same_head


def test_a_campaign_that_time_ended_is_replayed_without_a_clock(
    recorded: Any, again: Any, player: Any, tmp_path: Path
) -> None:
    ticks = iter(range(10_000))
    spec = recorded(player, clock=lambda: float(next(ticks)), budget={"experiments": 3, "wall_time_s": 12})
    with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as original:
        (stop,) = original.entries(kind=EntryKind.STOP)
        assert stop.payload["reason"] == "wall_time"
        marks = [entry.payload for entry in original.entries(kind=EntryKind.BUDGET) if "wall" in entry.id]
        assert marks[-1]["percent"] == 100
        assert all(mark["spent"] is None for mark in marks), "no clock in the chain"
    assert again(spec).same_head


def test_a_second_campaign_on_the_ledger_is_replayed_behind_the_first(recorded: Any, again: Any, player: Any) -> None:
    recorded(player, agents=None)
    spec = recorded(player)
    found = again(spec)
    assert found.same_head, "what stood before it is taken over as it is"


def test_a_changed_prompt_is_another_campaign(
    recorded: Any, again: Any, player: Any, small_world: Any, tmp_path: Path
) -> None:
    recorded(player)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "repair.md").write_text("Again. {{ problem }} {{ how }}", encoding="utf-8")
    agents = AGENTS | {"prompts": str(tmp_path / "own")}
    with pytest.raises(ReplayError, match="prompts"):
        again(small_world.spec("told", budget={"experiments": 3}, agents=agents))


def test_a_row_that_was_changed_is_where_the_replay_parts(
    recorded: Any, again: Any, player: Any, retold: Any, tmp_path: Path
) -> None:
    spec = recorded(player)

    def forged(entry: Any, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.MODEL_CALL and entry.payload["turn"] == 1:
            payload |= {"cost": 0.25, "priced": True}

    (tmp_path / "told").rename(tmp_path / "before")
    retold(tmp_path / "before", tmp_path / "told", forged)
    assert again(spec).same_head, "what a call was recorded to cost is taken from the record"

    def lie(entry: Any, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.HYPOTHESIS:
            payload["claim_text"] = "everything is supported"

    (tmp_path / "told").rename(tmp_path / "forged")
    retold(tmp_path / "before", tmp_path / "told", lie)
    found = again(spec, "once more")
    assert not found.same_head
    assert "claim_text" in str(found.differences[0])


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (EntryKind.VERDICT, {"conversation": "q-person"}),
        (EntryKind.JUDGEMENT, {"conversation": "q-person"}),
        (EntryKind.MODEL_CALL, {"tokens_in": 1, "tokens_out": 0}),
    ],
    ids=["a verdict said to be a person's", "a judgement said to be a person's", "tokens that were never counted"],
)
def test_a_forged_row_is_not_taken_over(
    recorded: Any, again: Any, player: Any, retold: Any, tmp_path: Path, kind: EntryKind, change: dict[str, Any]
) -> None:
    """What a replay takes from the record is as little as can be: else a forged row would confirm itself."""
    spec = recorded(player)

    def forged(entry: Any, payload: dict[str, Any]) -> None:
        if entry.kind is kind:
            payload |= change

    (tmp_path / "told").rename(tmp_path / "before")
    retold(tmp_path / "before", tmp_path / "told", forged)
    found = again(spec)
    assert not found.same_head
    assert found.differences
