"""Servers that can or say little change no verdict, and a budget that is spent ends a campaign in good order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, Asked, ChatServer, Player, failure, raw
from players import (
    capable,
    fair,
    lazy,
    number_of,
)
from stage import MODELS, Played, check_every_promise, rows_of

from theodolite.agents import assemble
from theodolite.agents.llm import ModelSettings, SettingsError
from theodolite.store import (
    EntryKind,
    budget_marks,
    model_call_rows,
    verify,
)

# --- servers -----------------------------------------------------------------------------------------------------


def text_only(asked: Asked) -> Answer:
    """A server as llama.cpp's once was: it knows neither functions nor formats."""
    return failure(400, "unsupported field") if asked.rung != "text" else capable(asked)


def nameless(asked: Asked) -> Answer:
    """A server that does not say what it used."""
    answer = capable(asked)
    content = json.loads(answer.body)
    del content["usage"]
    return raw(json.dumps(content))


def flaky(asked: Asked) -> Answer:
    """A server that breaks every third request, whatever is asked, the first time it comes."""
    fault = {0: failure(500), 1: failure(429), 2: Answer(then="reset"), 3: raw(b"{", declared=900)}
    seen = SEEN.setdefault(asked.text, len(SEEN))
    if seen >= 0 and number_of(asked, 3) == 0:
        SEEN[asked.text] = -1
        return fault[number_of(asked, 4)]
    return capable(asked)


SEEN: dict[str, int] = {}


@pytest.mark.parametrize("player", [text_only, nameless, flaky], ids=["text only", "without usage", "flaky"])
def test_a_poor_server_changes_no_claim_and_no_verdict(play: Callable[..., Played], player: Player) -> None:
    played, best = play(player, fair), play(capable, fair)
    check_every_promise(played)
    assert played.reason == best.reason
    for one, other in zip(rows_of(played), rows_of(best), strict=True):
        assert (one.hypothesis_id, one.verdict, one.p) == (other.hypothesis_id, other.verdict, other.p)
    with played.ledger as ledger:
        calls = model_call_rows(ledger)
        ends = Counter(call.outcome for call in calls)
        if player is text_only:
            # Found out once, in the first conversation.
            assert ends["rejected"] == 3
        if player is flaky:
            assert sum(ends[name] for name in ("server_error", "rate_limited", "connection", "bad_body")) > 0
        executors = [call for call in calls if call.role == "executor" and call.outcome == "ok"]
        assert all(call.estimated == (player is nameless) for call in executors)
        assert all(call.tokens_in > 500 for call in executors)


# --- budgets -----------------------------------------------------------------------------------------------------


def ticking() -> Callable[[], float]:
    """Return a clock that goes on by ten seconds whenever it is read."""
    hands = count(0, 10)
    return lambda: float(next(hands))


BUDGETS: dict[str, tuple[Player, dict[str, Any], str]] = {
    "tokens": (capable, {"tokens": 3500}, "tokens"),
    "one token": (capable, {"tokens": 1}, "tokens"),
    "money": (capable, {"money": 0.004}, "money"),
    "looks": (capable, {"looks": 2}, "no_candidates"),
    "repeats": (lazy, {"repeats": 2}, "repeats"),
    "one experiment": (capable, {"experiments": 1}, "budget"),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_that_is_spent_ends_the_campaign_after_the_call_that_spent_it(
    play: Callable[..., Played], name: str
) -> None:
    player, budget, reason = BUDGETS[name]
    played = play(player, fair, budget=budget)
    check_every_promise(played)
    assert played.reason.partition(":")[0] == reason
    with played.ledger as ledger:
        marks = [(mark.budget, mark.percent) for mark in budget_marks(ledger, played.campaign)]
        assert len(set(marks)) == len(marks)
        if reason in ("tokens", "money", "repeats"):
            assert (reason, 100) in marks
        if name == "one token":
            assert len(played.server.asked) == 1
        # What was registered is finished, whatever is spent: its levels are owed.
        assert ledger.count(EntryKind.VERDICT) == ledger.count(EntryKind.REGISTRATION)


def test_time_that_is_spent_ends_the_campaign(play: Callable[..., Played]) -> None:
    played = play(capable, fair, budget={"wall_time_s": 200}, clock=ticking())
    assert played.reason.startswith("wall_time: ")
    with played.ledger as ledger:
        assert verify(ledger).ok
        assert {mark.spent for mark in budget_marks(ledger, played.campaign) if mark.budget == "wall_time"} == {None}


def test_money_without_a_price_is_refused_before_anything_is_sent(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(budget={"experiments": 2, "money": 1.0}, agents=MODELS)
    with ChatServer(capable) as server, small_world.opened(tmp_path, spec) as run:
        with pytest.raises(SettingsError, match="the settings hold no price of"):
            assemble(run, settings=ModelSettings(base_url=server.url))
        assert server.asked == []
