"""Whole campaigns on the small world with players in the roles of language models, and what must hold of each."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_server import ChatServer, Player
from players import EXECUTOR, REVIEWER, cast

from theodolite.agents import assemble, run_campaign
from theodolite.agents.llm import ModelPrice, ModelSettings
from theodolite.claims import Verdict
from theodolite.data import Reference, load_programs
from theodolite.experiments.replay import verify_decisions
from theodolite.store import (
    EntryKind,
    HypothesisRow,
    Ledger,
    StopReason,
    budget_marks,
    entry_counts,
    hypothesis_rows,
    model_call_rows,
    spending,
    stream_rows,
    stream_state,
    verify,
)

__all__ = ["MODELS", "Played", "Stage", "check_every_promise", "rows_of", "settings_for"]

MODELS = {"executor": EXECUTOR, "reviewer": REVIEWER}


@dataclass
class Played:
    """A campaign that was played to its end."""

    folder: Path
    campaign: str
    reason: str
    server: ChatServer

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.folder / "ledger.sqlite", read_only=True)


class Stage:
    """Plays campaigns of a small world, each once for its players and its changes of the file."""

    def __init__(self, world: Any, folders: Callable[[], Path]) -> None:
        self._world = world
        self._folders = folders
        self._known: dict[str, Played] = {}

    def __call__(
        self,
        executor: Player,
        reviewer: Player,
        *,
        experiments: int = 3,
        trials: Any = None,
        alias: bool = False,
        clock: Callable[[], float] = time.monotonic,
        **changes: Any,
    ) -> Played:
        budget = {"experiments": experiments, **changes.pop("budget", {})}
        key = repr((executor, reviewer, budget, trials, alias, clock, changes))
        if key not in self._known:
            folder = self._folders()
            spec = self._world.spec(budget=budget, **{"agents": {**MODELS, "looks_a_claim": 3}, **changes})
            references = with_alias(self._world) if alias else None
            with (
                ChatServer(cast(executor, reviewer)) as server,
                self._world.opened(folder, spec, references=references) as run,
            ):
                team = assemble(run, settings=settings_for(server), clock=clock)
                reason = run_campaign(run, team.executor, team.reviewer, trials=trials, meter=team.meter)
            self._known[key] = Played(folder, run.setting.campaign_id, reason, server)
        return self._known[key]


def settings_for(server: ChatServer) -> ModelSettings:
    prices = {name: ModelPrice(input=1, output=2) for name in MODELS.values()}
    return ModelSettings(base_url=server.url, backoff_s=0, cool_down_s=0, timeout_s=60, prices=prices)


def with_alias(world: Any) -> list[Reference]:
    """Return the references of the world, and the first of them a second time under another name."""
    found = list(load_programs(world.folder / "references.yaml"))
    return [*found, dataclasses.replace(found[0], id="alias_1", title="something quite different")]


def check_every_promise(played: Played) -> list[HypothesisRow]:
    """Check what must hold whoever played; return the hypotheses."""
    with played.ledger as ledger:
        assert verify(ledger).problems == ()
        assert verify_decisions(ledger, deep=True) == []
        rows = hypothesis_rows(ledger)
        reason, _, detail = played.reason.partition(": ")
        assert StopReason(reason).final, detail
        for row in rows:
            if row.machine_verdict is not None and row.verdict is not None:
                assert row.verdict.rank <= row.machine_verdict.rank, f"{row.subject} was raised"
                assert row.verdict in (row.machine_verdict, Verdict.INCONCLUSIVE, Verdict.INVALID)
        check_credit(ledger, rows)
        check_budgets(ledger, played.campaign)
        check_calls(ledger, played)
        # Controls that were ordered on a plan with a result are rows, and no more than two a plan.
        ordered = Counter(entry.subject for entry in ledger.entries(kind=EntryKind.CONTROL))
        assert all(number <= 2 for number in ordered.values())
        for subject, _ in ordered.items():
            (plan_review,) = ledger.entries(kind=EntryKind.PLAN_REVIEW, subject=subject)
            assert set(controls_of(ledger, subject)) == set(plan_review.payload["controls"])
    return rows


def controls_of(ledger: Ledger, subject: str) -> list[str]:
    return [str(entry.payload["control"]) for entry in ledger.entries(kind=EntryKind.CONTROL, subject=subject)]


def check_credit(ledger: Ledger, rows: list[HypothesisRow]) -> None:
    """A stream counts the distinct claims that are supported, and no hypothesis is supported twice."""
    supported = [row for row in rows if row.verdict is Verdict.SUPPORTED]
    assert len({row.hypothesis_id for row in supported}) == len(supported)
    for stream in stream_rows(ledger):
        keys = {row.claim_key for row in supported if row.stream == stream.stream}
        assert set(stream_state(ledger, stream.stream)[1]) == keys


def check_budgets(ledger: Ledger, campaign: str) -> None:
    """No budget is exceeded by more than the call, or the action, that passed it."""
    (entry,) = ledger.entries(kind=EntryKind.CAMPAIGN)
    budget = entry.payload["spec"]["budget"]
    calls = model_call_rows(ledger, campaign)
    registered = ledger.count(EntryKind.REGISTRATION)
    assert registered <= budget["experiments"]
    dearest = max((call.tokens_in + call.tokens_out for call in calls), default=0)
    assert spending(ledger, campaign).tokens <= (budget.get("tokens") or 150_000 * budget["experiments"]) + dearest
    if budget.get("money") is not None:
        most = max((call.cost for call in calls), default=0.0)
        assert spending(ledger, campaign).cost <= float(budget["money"]) + most
    rows = entry_counts(ledger, campaign)
    assert rows.get(EntryKind.LOOK, 0) <= (budget.get("looks") or 20 * budget["experiments"])
    assert rows.get(EntryKind.REPEAT, 0) <= (budget.get("repeats") or 20) + 1
    for mark in budget_marks(ledger, campaign):
        assert mark.spent is not None
        assert mark.spent >= mark.limit * mark.percent / 100


def check_calls(ledger: Ledger, played: Played) -> None:
    """Every request that the server saw is a row, once, in the order in which it came; nothing unknown was called."""
    calls = model_call_rows(ledger)
    assert len(calls) == len(played.server.asked)
    assert len({call.id for call in calls}) == len(calls)
    assert {call.subject for call in calls} <= {played.campaign}
    assert not {entry.kind for entry in ledger.entries()} - set(EntryKind)
    authors = {entry.payload["hypothesis"]["author"] for entry in ledger.entries(kind=EntryKind.HYPOTHESIS)}
    assert authors <= {"executor"}


def rows_of(played: Played) -> list[HypothesisRow]:
    with played.ledger as ledger:
        return hypothesis_rows(ledger)
