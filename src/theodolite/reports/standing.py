"""How the campaigns of a ledger stand: rounds, slots, error streams, hold-out blocks, the last entries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from theodolite.reports.verdict_table import count_outcomes, verdict_lines
from theodolite.store import (
    BlockRow,
    LeaseRow,
    Ledger,
    StreamRow,
    block_rows,
    campaign_rows,
    hypothesis_rows,
    round_rows,
    stream_rows,
)

__all__ = ["CampaignStanding", "LastEntry", "Standing", "standing"]


@dataclass(frozen=True)
class CampaignStanding:
    """One campaign.

    Attributes
    ----------
    registered, budget
        Hypotheses registered, of how many; the budget is None where the file does not say.
    slots
        Number of slots by status (``proposed``, ``refused``, ``registered``, ``ran``, ``failed``, ``judged``,
        ``verdict``).
    outcomes
        Number of hypotheses by outcome.
    stopped
        Why it stopped; None if it has not.
    """

    campaign: str
    name: str
    model: str
    cells: str
    rounds_closed: int
    registered: int
    budget: int | None
    slots: dict[str, int]
    outcomes: dict[str, int]
    stopped: str | None


@dataclass(frozen=True)
class LastEntry:
    """One of the newest rows."""

    seq: int
    kind: str
    id: str
    at: str


@dataclass(frozen=True)
class Standing:
    """A ledger: its campaigns, what they share, and who is writing."""

    ledger: str
    entries: int
    head: str
    campaigns: tuple[CampaignStanding, ...]
    streams: tuple[StreamRow, ...]
    blocks: tuple[BlockRow, ...]
    blocks_in_split: int
    coordinator: LeaseRow | None
    last: tuple[LastEntry, ...]


def standing(ledger: Ledger, last: int = 5) -> Standing:
    """Return how a ledger stands, with its newest ``last`` entries."""
    head = ledger.head()
    blocks = tuple(block_rows(ledger))
    newest = list(ledger.entries(after=max(head.seq - last, 0)))
    return Standing(
        ledger=str(ledger.path),
        entries=head.seq,
        head=head.hash,
        campaigns=tuple(_campaign(ledger, row) for row in campaign_rows(ledger)),
        streams=tuple(stream_rows(ledger)),
        blocks=blocks,
        blocks_in_split=sum({row.split_sha256: row.k or 0 for row in blocks}.values()),
        coordinator=ledger.ops.lease(),
        last=tuple(LastEntry(entry.seq, entry.kind.value, entry.id, entry.at) for entry in newest[-last:]),
    )


def _campaign(ledger: Ledger, row: Any) -> CampaignStanding:
    slots = hypothesis_rows(ledger, row.campaign)
    counted = Counter(slot.status.value for slot in slots)
    budget = row.spec.get("budget") if isinstance(row.spec, dict) else None
    return CampaignStanding(
        campaign=row.campaign,
        name=row.name,
        model=row.model,
        cells=row.cells,
        rounds_closed=len(round_rows(ledger, row.campaign)),
        registered=sum(slot.prereg_sha256 is not None for slot in slots),
        budget=int(budget["experiments"]) if isinstance(budget, dict) and "experiments" in budget else None,
        slots=dict(sorted(counted.items())),
        outcomes=count_outcomes(verdict_lines(ledger, row.campaign)),
        stopped=None if row.stop_reason is None else f"{row.stop_reason}: {row.stop_detail}",
    )
