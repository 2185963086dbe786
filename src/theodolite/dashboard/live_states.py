"""How a campaign, or the list of campaigns, stands right now: what pages begin with and live streams replace."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from theodolite.dashboard.templating import environment
from theodolite.reports.campaign_list import CampaignLine, CampaignList, CampaignPage
from theodolite.reports.row_words import STATE_WORDS, STOP_WORDS
from theodolite.reports.verdict_table import OUTCOMES
from theodolite.reports.watching import Budget, Watched, Watcher
from theodolite.store import Ledger, Life
from theodolite.store.campaign_facts import calls_by_status

__all__ = ["ALL_CAMPAIGNS", "LiveStates", "NowOfCampaign"]

ALL_CAMPAIGNS = ""
"""The topic of the list of campaigns; any other is a campaign's id."""

_MOST_WATCHED, _STEP = 64, 10.0
_LIST, _CAMPAIGN = "campaign_rows.html", "campaign_state.html"
_BUDGET_WORDS = {
    "experiments": "hypotheses registered",
    "wall_time": "time",
    "tokens": "tokens of language models",
    "money": "money for language models",
    "looks": "looks at discovery genes",
    "repeats": "repeated actions",
}


@dataclass(frozen=True)
class NowOfCampaign:
    """One campaign right now: its line of the list, what a live view looks at, and calls that did not end well."""

    line: CampaignLine
    seen: Watched
    failed_calls: dict[str, int]


class LiveStates:
    """Looks at campaigns for pages and streams, in whichever thread; what was added up once is kept.

    Parameters
    ----------
    ledger
        Opened for reading.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._campaigns = CampaignList(ledger)
        self._watchers: OrderedDict[str, Watcher] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, before: int | None = None) -> CampaignPage:
        """Return a page of the list of campaigns."""
        return self._campaigns.page(before)

    def now(self, campaign: str) -> NowOfCampaign | None:
        """Return how a campaign stands, None where there is none of this id."""
        line = self._campaigns.one(campaign)
        if line is None:
            return None
        failed = calls_by_status(self._ledger, campaign) if line.spent.calls else {}
        with self._lock:
            watcher = self._watchers.setdefault(campaign, Watcher(self._ledger, campaign))
            self._watchers.move_to_end(campaign)
            if len(self._watchers) > _MOST_WATCHED:
                self._watchers.popitem(last=False)
            return NowOfCampaign(line, watcher.look(), failed)

    def fragment(self, topic: str) -> str:
        """Return the part of a page that changes, as HTML; empty for a campaign that is not there."""
        template = environment.get_template(_CAMPAIGN if topic else _LIST)
        # No term is explained in it: numbers of explanations would be given twice in a page.
        shared = {"path": "", "fresh": count(1).__next__}
        if topic == ALL_CAMPAIGNS:
            return template.render(**list_values(self.page()), **shared)
        now = self.now(topic)
        return "" if now is None else template.render(**state_values(now), **shared)


def list_values(listed: CampaignPage) -> dict[str, Any]:
    """Return what the template of the rows of the list needs."""
    return {"listed": listed, "outcome_names": OUTCOMES}


def state_values(now: NowOfCampaign) -> dict[str, Any]:
    """Return what the template of a campaign's live part needs."""
    seen, campaign = now.seen, now.seen.campaign
    running = not seen.over
    return {
        "line": now.line,
        "seen": seen,
        "campaign": campaign,
        "running": running,
        "failed_calls": now.failed_calls,
        "outcomes": {name: now.line.outcomes.get(name, 0) for name in OUTCOMES},
        "coordinator": _coordinator(seen),
        "stop_words": STOP_WORDS,
        "slots": {} if campaign is None else _worded(campaign.slots),
        "jobs": {} if campaign is None else _worded(campaign.jobs),
        "ages": {} if campaign is None else {job.job_id: _age(job.started_at, seen.at) for job in campaign.running},
        "budgets": () if campaign is None else _budgets((*campaign.budgets, campaign.wall_time), running=running),
    }


def _worded(counts: Mapping[str, int]) -> dict[str, int]:
    return {STATE_WORDS.get(name, name): counts[name] for name in sorted(counts)}


def _budgets(budgets: tuple[Budget | None, ...], *, running: bool) -> tuple[dict[str, Any], ...]:
    shown = []
    for budget in budgets:
        if budget is not None and (budget.limit is not None or budget.used):
            # Time moves on in steps, so that a page is not replaced every second for nothing else.
            used = _stepped(budget.used) if running and budget.name == "wall_time" else budget.used
            shown.append({"name": budget.name, "words": _BUDGET_WORDS[budget.name], "used": used, "of": budget.limit})
    return tuple(shown)


def _stepped(seconds: float) -> float:
    return seconds if seconds < _STEP else seconds // _STEP * _STEP


def _age(since: str | None, now: str) -> float | None:
    if since is None:
        return None
    passed = (datetime.fromisoformat(now) - datetime.fromisoformat(since).astimezone(UTC)).total_seconds()
    return max(passed, 0.0) // _STEP * _STEP


def _coordinator(seen: Watched) -> str | None:
    """Return whether whoever runs the campaign lives, in a word; None where nobody runs it."""
    words = {
        Life.ALIVE: "alive",
        Life.STALE: "gone: `theodolite run` continues",
        Life.UNKNOWN: "on another machine, so that it cannot be told whether it lives",
    }
    return None if seen.coordinator is None else words[seen.coordinator.life]
