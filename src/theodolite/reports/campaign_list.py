"""The campaigns of a ledger, a page at a time: what came out, what it took, and how each stands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from theodolite.gates.stream import RuleName, StreamExhausted, level_at
from theodolite.reports.asked import asked
from theodolite.store import (
    BlockRow,
    CampaignRow,
    LeaseRow,
    Ledger,
    Life,
    Spending,
    StopReason,
    StreamRow,
    block_rows,
    spending,
    stream_rows,
)
from theodolite.store.campaign_facts import (
    Ends,
    Sessions,
    campaigns_before,
    count_campaigns,
    ends_of,
    sessions_of,
    split_of,
)
from theodolite.store.live import campaign_row, count_registered, outcomes_of

__all__ = ["CampaignLine", "CampaignList", "CampaignPage", "ErrorLevel", "Stands", "error_levels"]

NOTHING_SPENT = Spending(0, 0, 0, 0, 0.0, 0)


class Stands(StrEnum):
    """How a campaign stands."""

    RUNNING = "running"
    ELSEWHERE = "running on another machine"
    """A coordinator of another machine took it; whether it lives cannot be seen from here."""
    PEOPLE = "waiting for people"
    WAITING = "waiting"
    """It was stopped in good order, and goes on with the same command."""
    UNFINISHED = "left unfinished"
    """Its coordinator died."""
    STOPPED = "complete"
    OPENED = "opened"


@dataclass(frozen=True)
class ErrorLevel:
    """How far an error stream has come.

    Attributes
    ----------
    stream, rule, q, n_max
        Which, and what was locked of it; None where nothing was.
    t, supports
        Levels spent, and distinct claims supported.
    next_level
        The level that one more test would face; None where none is left, or nothing was locked.
    """

    stream: str
    rule: str | None
    q: float | None
    n_max: int | None
    t: int
    supports: int
    next_level: float | None

    @property
    def next_e(self) -> float | None:
        """The e-value that one more test would need, where levels are held against e-values."""
        return 1 / self.next_level if self.next_level and self.rule == "e-lond" else None


@dataclass(frozen=True)
class CampaignLine:
    """One campaign.

    Attributes
    ----------
    campaign, name, model, cells, seq
        Its id and its name, what it is about, and its row of the chain.
    outcomes
        Hypotheses by outcome.
    registered, budget
        Hypotheses registered, of how many; the budget is None where the file does not say.
    spent
        What language models have cost.
    seconds
        For how long it was run, over all sessions.
    levels
        Its error stream, and that of reused blocks once something was tested there.
    blocks, blocks_left
        Hold-out blocks of its split, and those that have not returned a support.
    stands, why
        How it stands, and why in words.
    first_at, last_at, last
        When its first and its last row were written, and which row is the last.
    """

    campaign: str
    name: str
    model: str
    cells: str
    seq: int
    outcomes: dict[str, int]
    registered: int
    budget: int | None
    spent: Spending
    seconds: float
    levels: tuple[ErrorLevel, ...]
    blocks: int
    blocks_left: int
    stands: Stands
    why: str
    first_at: str
    last_at: str
    last: int

    @property
    def hypotheses(self) -> int:
        """How many were proposed."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class CampaignPage:
    """Some campaigns, newest first; ``before`` is what the next page starts before, None on the last."""

    lines: tuple[CampaignLine, ...]
    before: int | None
    total: int


class CampaignList:
    """Reads the campaigns of one ledger again and again; calls of language models are added up once.

    May be used by several threads.

    Parameters
    ----------
    ledger
        Opened for reading.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._paid: dict[str, tuple[int, Spending]] = {}
        self._lock = threading.Lock()

    def page(self, before: int | None = None, most: int = 25) -> CampaignPage:
        """Return campaigns, newest first.

        Parameters
        ----------
        before
            Only campaigns that were opened before this row of the chain.
        most
            How many.
        """
        rows = campaigns_before(self._ledger, before, most + 1)
        lines = self._lines(rows[:most])
        return CampaignPage(lines, lines[-1].seq if len(rows) > most else None, count_campaigns(self._ledger))

    def one(self, campaign: str) -> CampaignLine | None:
        """Return one campaign, None where the ledger has none of this id."""
        row = campaign_row(self._ledger, campaign)
        return None if row is None else self._lines([row])[0]

    def spent(self, campaign: str) -> Spending:
        """Return what the language models of a campaign have cost; only what was appended is added."""
        with self._lock:
            seq, paid = self._paid.get(campaign, (0, NOTHING_SPENT))
            head = self._ledger.head().seq
            if head > seq:
                paid += spending(self._ledger, campaign, seq)
                self._paid[campaign] = (head, paid)
            return paid

    def _lines(self, rows: Sequence[CampaignRow]) -> tuple[CampaignLine, ...]:
        ledger, names = self._ledger, [row.campaign for row in rows]
        ends, sessions = ends_of(ledger, rows), sessions_of(ledger, names)
        leases = {lease.campaign: lease for lease in ledger.ops.leases()}
        streams = {stream.stream: stream for stream in stream_rows(ledger)}
        blocks = block_rows(ledger)
        return tuple(
            self._line(row, ends[row.campaign], sessions.get(row.campaign), leases.get(row.campaign), streams, blocks)
            for row in rows
        )

    def _line(
        self,
        row: CampaignRow,
        ends: Ends,
        sessions: Sessions | None,
        lease: LeaseRow | None,
        streams: dict[str, StreamRow],
        blocks: list[BlockRow],
    ) -> CampaignLine:
        ledger, said = self._ledger, asked(row)
        budget = said.limits.get("experiments")
        split = split_of(ledger, row.campaign)
        own = [block for block in blocks if split is not None and block.split_sha256 == split]
        inside = max((block.k or 0 for block in own), default=0)
        outcomes = outcomes_of(ledger, row.campaign)
        stands, why = _stands(row, sessions, lease)
        return CampaignLine(
            campaign=row.campaign,
            name=row.name,
            model=row.model,
            cells=row.cells,
            seq=row.seq,
            outcomes=outcomes,
            registered=count_registered(ledger, row.campaign, outcomes),
            budget=None if budget is None else int(budget),
            spent=self.spent(row.campaign),
            seconds=0.0 if sessions is None else sessions.seconds,
            levels=() if said.stream is None else error_levels(streams, said.stream),
            blocks=inside,
            blocks_left=max(inside - sum(block.retired_in_round is not None for block in own), 0),
            stands=stands,
            why=why,
            first_at=ends.first_at,
            last_at=ends.last_at,
            last=ends.last,
        )


def error_levels(streams: dict[str, StreamRow], name: str) -> tuple[ErrorLevel, ...]:
    """Return how far an error stream has come, and its stream of reused blocks where that was used."""
    found = [streams[key] for key in (name, f"{name}/reused") if key in streams]
    return tuple(_level(stream) for stream in found if stream.t or stream.stream == name)


def _level(stream: StreamRow) -> ErrorLevel:
    following = None
    if stream.rule is not None and stream.q is not None and stream.n_max is not None:
        # None is left, or a rule of another version.
        with suppress(StreamExhausted, ValueError):
            rule = cast(RuleName, stream.rule)
            following = level_at(rule, stream.t + 1, stream.supports, stream.q, stream.n_max).alpha
    return ErrorLevel(stream.stream, stream.rule, stream.q, stream.n_max, stream.t, stream.supports, following)


def _stands(row: CampaignRow, sessions: Sessions | None, lease: LeaseRow | None) -> tuple[Stands, str]:
    if row.stop_reason is not None:
        return Stands.STOPPED, row.stop_detail or row.stop_reason
    if lease is not None:
        match lease.life:
            case Life.ALIVE:
                return Stands.RUNNING, f"{lease.name}, process {lease.pid} on {lease.host}"
            case Life.UNKNOWN:
                return Stands.ELSEWHERE, f"{lease.name}, process {lease.pid} on {lease.host}"
            case Life.STALE:
                return Stands.UNFINISHED, f"process {lease.pid} on {lease.host} is gone"
    if sessions is None:
        return Stands.OPENED, "nothing was run yet"
    if sessions.newest.ended is None:
        return Stands.UNFINISHED, "it was killed before it said how it ended"
    why = sessions.newest.detail or sessions.newest.ended
    return Stands.PEOPLE if sessions.newest.ended == StopReason.AWAITING_APPROVAL else Stands.WAITING, why
