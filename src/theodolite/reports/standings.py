"""How the campaigns of a ledger stand: rounds, slots, error streams, hold-out blocks, the last entries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from theodolite.agents import same_family
from theodolite.experiments.agents_spec import AgentsSpec
from theodolite.reports.described import DescriptionLine, description_lines
from theodolite.reports.verdict_table import count_outcomes, verdict_lines
from theodolite.store import (
    BlockRow,
    EntryKind,
    LeaseRow,
    Ledger,
    Spending,
    StreamRow,
    block_rows,
    budget_marks,
    campaign_rows,
    entry_counts,
    hypothesis_rows,
    model_call_rows,
    round_rows,
    spending,
    stream_rows,
)

__all__ = ["AgentsStanding", "CampaignStanding", "LastEntry", "Mark", "Standing", "standing"]


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
    seconds, last_end
        For how long it was run, over all sessions, and how the last session ended; None while it runs.
    agents
        What language models did; None in a campaign without any.
    descriptions
        What was described of the model on discovery genes.
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
    seconds: float
    last_end: str | None
    agents: AgentsStanding | None
    descriptions: tuple[DescriptionLine, ...]


@dataclass(frozen=True)
class Mark:
    """The highest mark that a budget has passed, in per cent; ``spent`` is None for time."""

    budget: str
    percent: int
    limit: float
    spent: float | None


@dataclass(frozen=True)
class AgentsStanding:
    """What language models did in a campaign.

    Attributes
    ----------
    executor, reviewer
        Who takes which role.
    warning
        Where both are of one family.
    spending
        Calls, tokens and money.
    outcomes
        Calls by how they ended.
    malformed, repeats
        Conversations without a usable answer, by code, and repeated actions.
    wishes
        Tools and references that an executor misses.
    marks
        Budgets that passed a mark.
    """

    executor: str
    reviewer: str
    warning: str | None
    spending: Spending
    outcomes: dict[str, int]
    malformed: dict[str, int]
    repeats: int
    wishes: tuple[str, ...]
    marks: tuple[Mark, ...]


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
    coordinators: tuple[LeaseRow, ...]
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
        coordinators=tuple(ledger.ops.leases()),
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
        seconds=ledger.ops.seconds_run(row.campaign),
        last_end=_last_end(ledger, row.campaign),
        agents=_agents(ledger, row),
        descriptions=tuple(description_lines(ledger, row.campaign)),
    )


def _last_end(ledger: Ledger, campaign: str) -> str | None:
    sessions = ledger.ops.sessions(campaign)
    if not sessions or sessions[-1].ended is None:
        return None
    return f"{sessions[-1].ended}: {sessions[-1].detail}"


def _agents(ledger: Ledger, row: Any) -> AgentsStanding | None:
    named = row.spec.get("agents") if isinstance(row.spec, dict) else None
    if not isinstance(named, dict):
        return None
    campaign = row.campaign
    unusable = Counter(
        str(entry.payload["code"]) for entry in ledger.entries(kind=EntryKind.MALFORMED, subject=campaign)
    )
    wishes = tuple(
        f"{entry.payload['what']} {entry.payload['name']!r}: {entry.payload['reason']}"
        for entry in ledger.entries(kind=EntryKind.WISH, subject=campaign)
    )
    highest = {mark.budget: mark for mark in budget_marks(ledger, campaign)}
    return AgentsStanding(
        executor=str(named["executor"]),
        reviewer=str(named["reviewer"]),
        warning=same_family(AgentsSpec.model_validate(named)),
        spending=spending(ledger, campaign),
        outcomes=dict(sorted(Counter(call.outcome for call in model_call_rows(ledger, campaign)).items())),
        malformed=dict(sorted(unusable.items())),
        repeats=entry_counts(ledger, campaign).get(EntryKind.REPEAT, 0),
        wishes=wishes,
        marks=tuple(Mark(mark.budget, mark.percent, mark.limit, mark.spent) for mark in highest.values()),
    )
