"""What a campaign may still spend: counted in the ledger, so that nothing is forgotten over a restart."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from theodolite.experiments import CampaignRun
from theodolite.store import (
    WARN_AT,
    BudgetName,
    EntryKind,
    Spending,
    StopReason,
    budget_marks,
    entry_counts,
    entry_id,
    spending,
)

__all__ = ["BudgetSpent", "Meter"]

_log = logging.getLogger(__name__)

_NAMES: tuple[BudgetName, ...] = ("wall_time", "tokens", "money", "experiments", "looks", "repeats")
_STOPS: dict[BudgetName, StopReason] = {
    "wall_time": StopReason.WALL_TIME,
    "tokens": StopReason.TOKENS,
    "money": StopReason.MONEY,
    "repeats": StopReason.REPEATS,
}
"""Budgets that end a campaign once they are spent. Experiments end it by themselves, and looks end looking only."""


class BudgetSpent(Exception):
    """No call may be sent any more.

    Attributes
    ----------
    reason
        Why.
    """

    def __init__(self, reason: StopReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass
class _Counted:
    """What the chain holds of a campaign up to a row."""

    seq: int = 0
    paid: Spending = field(default_factory=lambda: Spending(0, 0, 0, 0, 0.0, 0))
    rows: Counter[EntryKind] = field(default_factory=Counter)


class Meter:
    """Counts what a campaign has spent and writes a row when a budget passes 65, 85, 95 or 100 per cent.

    Rows say what was spent, but for time: a chain without clocks only says that the mark was passed.

    Parameters
    ----------
    run
        The campaign.
    clock
        Seconds from any origin.
    time_marks
        In a replay, the time marks that were recorded before; asked in place of the clock.
    warn
        Told of each mark.
    """

    def __init__(
        self,
        run: CampaignRun,
        *,
        clock: Callable[[], float] = time.monotonic,
        time_marks: Callable[[], int] | None = None,
        warn: Callable[[str], None] = lambda said: None,
    ) -> None:
        self._run = run
        self._clock = clock
        self._time_marks = time_marks
        self._warn = warn
        self._session: int | None = None
        self._since = 0.0
        self._marks: dict[BudgetName, int] | None = None
        self._counted = _Counted()

    def begin(self) -> None:
        """Start the clock of a session."""
        self._since = self._clock()
        if self._time_marks is None:
            campaign = self._run.setting.campaign_id
            self._session = self._run.ledger.ops.start_session(campaign)
            _log.info("campaign %s", campaign, extra={"event": "session_begins", "campaign": campaign})

    def end(self, reason: str, detail: str) -> None:
        """Stop the clock of a session and note why."""
        if self._session is not None:
            seconds = self._seconds()
            self._run.ledger.ops.update_session(self._session, seconds, ended=reason, detail=detail)
            self._session = None
            how = {"campaign": self._run.setting.campaign_id, "reason": reason, "seconds": round(seconds, 3)}
            _log.info("%s: %s", reason, detail, extra={"event": "session_ends", **how})

    def _seconds(self) -> float:
        return self._clock() - self._since

    @property
    def _metered(self) -> bool:
        spec = self._run.setting.spec
        return spec.agents is not None or any(spec.limit(name) is not None for name in _NAMES if name != "experiments")

    def spent(self, budget: BudgetName) -> float:
        """Return how much of a budget is spent, over all sessions."""
        self._follow()
        return self._amount(budget)

    def _amount(self, budget: BudgetName) -> float:
        run, ledger = self._run, self._run.ledger
        campaign = run.setting.campaign_id
        match budget:
            case "wall_time":
                if self._session is not None:
                    ledger.ops.update_session(self._session, self._seconds())
                return ledger.ops.seconds_run(campaign)
            case "tokens":
                return float(self._counted.paid.tokens)
            case "money":
                return self._counted.paid.cost
            case "experiments":
                return float(run.registered())
            case "looks":
                return float(self._counted.rows[EntryKind.LOOK])
            case "repeats":
                return float(self._counted.rows[EntryKind.REPEAT])

    def _follow(self) -> None:
        """Count what was appended since the last time; done before every call."""
        ledger, campaign, counted = self._run.ledger, self._run.setting.campaign_id, self._counted
        head = ledger.head().seq
        if head > counted.seq:
            counted.paid += spending(ledger, campaign, counted.seq)
            counted.rows.update(entry_counts(ledger, campaign, counted.seq))
            counted.seq = head

    def check(self) -> tuple[StopReason, str] | None:
        """Write the marks that budgets have passed since, and return why the campaign must end, if it must."""
        if not self._metered:
            return None
        self._follow()
        for budget in _NAMES:
            limit = self._run.setting.spec.limit(budget)
            if limit is not None:
                self._mark(budget, limit)
        for budget, reason in _STOPS.items():
            if self._passed.get(budget, 0) >= 100:
                return reason, self._words(budget)
        return None

    def guard(self) -> None:
        """Raise :class:`BudgetSpent` where no call may be sent any more; called before each."""
        found = self.check()
        if found is not None:
            raise BudgetSpent(*found)

    def left(self, budget: BudgetName) -> float | None:
        """Return what is left of a budget, None where it has no limit."""
        limit = self._run.setting.spec.limit(budget)
        return None if limit is None else max(limit - self.spent(budget), 0.0)

    @property
    def _passed(self) -> dict[BudgetName, int]:
        if self._marks is None:
            self._marks = {}
            for mark in budget_marks(self._run.ledger, self._run.setting.campaign_id):
                name: BudgetName = mark.budget  # type: ignore[assignment]
                self._marks[name] = max(mark.percent, self._marks.get(name, 0))
        return self._marks

    def _mark(self, budget: BudgetName, limit: float) -> None:
        passed = self._passed.get(budget, 0)
        if passed >= WARN_AT[-1]:
            return
        if budget == "wall_time" and self._time_marks is not None:
            share, spent = float(self._time_marks()), None
        else:
            amount = self._amount(budget)
            share, spent = 100 * amount / limit, None if budget == "wall_time" else amount
        due = [percent for percent in WARN_AT if passed < percent <= share]
        if not due:
            return
        campaign, percent = self._run.setting.campaign_id, due[-1]
        payload = {"budget": budget, "limit": limit, "percent": percent, "spent": spent}
        identifier = entry_id(campaign, EntryKind.BUDGET, name=f"{budget}-{percent}")
        self._run.ledger.append_once(EntryKind.BUDGET, identifier, campaign, payload)
        self._passed[budget] = percent
        self._warn(f"{percent} % of the budget of {_WORDS[budget]} is spent ({_in_units(budget, limit)} in all).")

    def _words(self, budget: BudgetName) -> str:
        limit = self._run.setting.spec.limit(budget) or 0.0
        return f"the budget of {_WORDS[budget]} is spent: {_in_units(budget, limit)}"


_WORDS: dict[BudgetName, str] = {
    "wall_time": "time",
    "tokens": "tokens",
    "money": "money",
    "experiments": "experiments",
    "looks": "looks",
    "repeats": "repeated actions",
}


def _in_units(budget: BudgetName, limit: float) -> str:
    match budget:
        case "wall_time":
            return f"{limit:,.0f} s"
        case "money":
            return f"${limit:,.2f}"
        case _:
            return f"{limit:,.0f} {_WORDS[budget]}"
