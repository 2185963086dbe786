"""How the campaign that runs in a ledger stands right now, for a view that looks every second or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from theodolite.agents.stop_requests import INBOX_KIND, StopAt, read_stop
from theodolite.reports.asked import Asked, asked
from theodolite.store import (
    BlockRow,
    BudgetName,
    CampaignRow,
    JobRow,
    LeaseRow,
    Ledger,
    Life,
    SessionRow,
    Spending,
    StreamRow,
    block_rows,
    round_count,
    spending,
)
from theodolite.store.live import (
    RowLine,
    campaign_row,
    count_jobs,
    count_looks,
    count_registered,
    count_repeats,
    newest_campaign,
    newest_rows,
    newest_session,
    outcomes_of,
    running_jobs,
    slots_by_state,
    streams_of,
    verdicts_by_word,
)

__all__ = ["Budget", "CampaignNow", "StopAsked", "Watched", "Watcher", "coordinator_of"]

_ROWS, _JOBS = 8, 16
_BUDGETS: tuple[BudgetName, ...] = ("experiments", "wall_time", "tokens", "money", "looks", "repeats")


@dataclass(frozen=True)
class Budget:
    """How much of a budget is used; ``limit`` is None where only the use is counted. Time moves without a change."""

    name: str
    used: float
    limit: float | None


@dataclass(frozen=True)
class StopAsked:
    """Who asked the coordinator to stop, and where."""

    person: str
    stop: StopAt


@dataclass(frozen=True)
class CampaignNow:
    """The campaign that runs, or the last that ran.

    Attributes
    ----------
    campaign, name
        Its id and its name; the name is empty until its row is written.
    round, rounds_closed
        The round under way or next, counted from 1, and how many are closed.
    slots
        How many slots of that round stand how.
    jobs, running
        Jobs of the campaign by state, and those that a worker has, whose signs of life are no change.
    budgets
        Those of experiments and whatever else is limited, time left out.
    streams, blocks, blocks_left
        Error streams, hold-out blocks of the split, and those that have not returned a support.
    stopped
        Why it stopped for good; None if it has not.
    session
        The stretch of time under way, or the last.
    verdicts
        How many slots ended how; counted at the end only.
    wall_time
        Seconds of all sessions, and their limit.
    """

    campaign: str
    name: str
    round: int
    rounds_closed: int
    slots: dict[str, int]
    jobs: dict[str, int]
    running: tuple[JobRow, ...] = field(compare=False)
    budgets: tuple[Budget, ...]
    streams: tuple[StreamRow, ...]
    blocks: int
    blocks_left: int
    stopped: str | None
    session: SessionRow | None = field(compare=False)
    verdicts: dict[str, int] | None = None
    wall_time: Budget | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Watched:
    """A ledger at one moment; two are equal where nothing but time has passed.

    Attributes
    ----------
    ledger, entries
        Which, and how many rows it has.
    coordinator
        Who runs it, or did when killed, and whether that process lives; None where nobody does.
    beside
        Other campaigns that run on the same ledger.
    stop_asked
        What the coordinator was asked; None where nobody asked.
    campaign
        None in a ledger in which none was run.
    last
        The newest rows.
    over
        Whether nothing runs.
    at
        When.
    """

    ledger: str
    entries: int
    coordinator: LeaseRow | None
    beside: tuple[str, ...]
    stop_asked: StopAsked | None
    campaign: CampaignNow | None
    last: tuple[RowLine, ...]
    over: bool
    at: str = field(compare=False)


def coordinator_of(everybody: Sequence[LeaseRow], campaign: str | None = None) -> LeaseRow | None:
    """Return who runs a campaign, or did when killed; without one, who lives and began last, else who was killed last.

    Maintenance comes after campaigns.
    """
    wanted = [row for row in everybody if campaign is None or row.campaign == campaign]
    rank = {Life.ALIVE: 2, Life.UNKNOWN: 1, Life.STALE: 0}
    return max(wanted, key=lambda row: (rank[row.life], row.campaign is not None, row.at), default=None)


@dataclass
class _Chain:
    """What follows from the chain of a campaign alone; asked again when it has grown."""

    seq: int = -1
    campaign: str = ""
    row: CampaignRow | None = None
    asked: Asked | None = None
    paid: Spending = field(default_factory=lambda: Spending(0, 0, 0, 0, 0.0, 0))
    paid_seq: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    last: tuple[RowLine, ...] = ()


class Watcher:
    """Looks at one ledger again and again; what the chain says is asked only when it has grown.

    Parameters
    ----------
    ledger
        Opened for reading.
    campaign
        Which of its campaigns; the one that was started last of those that run, or ran, where not given.
    """

    def __init__(self, ledger: Ledger, campaign: str | None = None) -> None:
        self._ledger = ledger
        self._wanted = campaign
        self._chain = _Chain()

    def look(self) -> Watched:
        """Return how the ledger stands."""
        ledger = self._ledger
        everybody = ledger.ops.leases()
        held = coordinator_of(everybody, self._wanted)
        over = held is None or held.life is Life.STALE
        campaign = None if held is None or over else held.campaign
        if campaign is None and over:
            campaign = self._wanted or newest_campaign(ledger)
        head = ledger.head().seq
        self._follow(campaign, head)
        return Watched(
            ledger=str(ledger.path),
            entries=head,
            coordinator=held,
            beside=tuple(row.campaign for row in everybody if row.alive and row.campaign and row != held),
            stop_asked=None if held is None or campaign is None else self._stop_asked(campaign, held),
            campaign=None if campaign is None else self._campaign(campaign, over=over),
            last=self._chain.last,
            over=over,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _stop_asked(self, campaign: str, lease: LeaseRow) -> StopAsked | None:
        asked = []
        for item in self._ledger.ops.inbox(campaign, INBOX_KIND, waiting=False):
            handed = read_stop(item)
            if handed is not None and handed.meant_for(lease):
                asked.append(StopAsked(item.person, handed.stop))
        return max(asked, key=lambda item: item.stop.rank, default=None)

    def _follow(self, campaign: str | None, head: int) -> None:
        """Ask what the chain says, if it has grown."""
        ledger = self._ledger
        if campaign != self._chain.campaign:
            self._chain = _Chain(campaign=campaign or "")
        chain = self._chain
        if head == chain.seq:
            return
        chain.last = tuple(newest_rows(ledger, _ROWS))
        if campaign is not None:
            # Its row also says that it has stopped.
            chain.row = campaign_row(ledger, campaign)
            if chain.row is not None and chain.asked is None:
                chain.asked = asked(chain.row)
            closed = round_count(ledger, campaign)
            stopped = chain.row is not None and chain.row.stop_reason is not None
            number = max(closed, 1) if stopped else closed + 1
            blocks = _of_split(block_rows(ledger))
            chain.facts = {
                "name": "" if chain.row is None else chain.row.name,
                "round": number,
                "rounds_closed": closed,
                "slots": slots_by_state(ledger, campaign, number),
                "budgets": self._budgets(campaign),
                "streams": self._streams(),
                "blocks": blocks[0],
                "blocks_left": blocks[1],
                "stopped": f"{chain.row.stop_reason}: {chain.row.stop_detail}" if chain.row and stopped else None,
            }
        chain.seq = head

    def _streams(self) -> tuple[StreamRow, ...]:
        said = self._chain.asked
        return () if said is None or said.stream is None else tuple(streams_of(self._ledger, said.stream))

    def _budgets(self, campaign: str) -> tuple[Budget, ...]:
        ledger, chain = self._ledger, self._chain
        if chain.asked is None:
            return ()
        if chain.asked.executor is not None:
            # Calls are added up once; after that, only what was appended.
            head = ledger.head().seq
            chain.paid += spending(ledger, campaign, chain.paid_seq)
            chain.paid_seq = head
        found = []
        for name in _BUDGETS:
            limit = chain.asked.limits.get(name)
            if name != "wall_time" and limit is not None:
                found.append(Budget(name, self._used(name, campaign), limit))
        return tuple(found)

    def _used(self, name: BudgetName, campaign: str) -> float:
        match name:
            case "experiments":
                return float(count_registered(self._ledger, campaign, outcomes_of(self._ledger, campaign)))
            case "tokens":
                return float(self._chain.paid.tokens)
            case "money":
                return self._chain.paid.cost
            case "looks":
                return float(count_looks(self._ledger, campaign))
            case _:
                return float(count_repeats(self._ledger, campaign))

    def _campaign(self, campaign: str, *, over: bool) -> CampaignNow:
        ledger, said = self._ledger, self._chain.asked
        session = newest_session(ledger, campaign)
        seconds = ledger.ops.seconds_run(campaign)
        if session is not None and session.ended is None and not over:
            began = datetime.fromisoformat(session.started_at)
            seconds += max((datetime.now(UTC) - began).total_seconds() - session.seconds, 0.0)
        return CampaignNow(
            campaign=campaign,
            **self._chain.facts,
            jobs=count_jobs(ledger, campaign),
            running=tuple(running_jobs(ledger, campaign, _JOBS)),
            session=session,
            verdicts=verdicts_by_word(ledger, campaign) if over else None,
            wall_time=Budget("wall_time", seconds, None if said is None else said.limits.get("wall_time")),
        )


def _of_split(blocks: list[BlockRow]) -> tuple[int, int]:
    """Return how many hold-out blocks the split has, and how many of them are open."""
    inside = sum({row.split_sha256: row.k or 0 for row in blocks}.values())
    retired = sum(row.retired_in_round is not None for row in blocks)
    return inside, max(inside - retired, 0)
