"""What agents have spent, by query."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from sqlalchemy import case, func, select

from theodolite.store import tables
from theodolite.store.agent_records import CallStatus
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.queries import select_rows
from theodolite.store.schema import entry_table

__all__ = [
    "BudgetMark",
    "ModelCallRow",
    "Spending",
    "budget_marks",
    "entry_counts",
    "model_call_rows",
    "rejected_rungs",
    "spending",
]


@dataclass(frozen=True, slots=True)
class ModelCallRow:
    """One request to a language model; fields as in its record, whose status is ``outcome`` here.

    ``about`` is the slot that it was made for, or the sealed trial; None where it led to no row, and of persons' own.
    """

    id: str
    seq: int
    subject: str
    conversation: str
    turn: int
    attempt: int
    role: str
    model: str
    rung: str
    outcome: str
    http_status: int | None
    tokens_in: int
    tokens_out: int
    estimated: bool
    cost: float
    priced: bool
    about: str | None


@dataclass(frozen=True, slots=True)
class BudgetMark:
    """A budget passed a percentage; ``spent`` is None for time."""

    campaign: str
    budget: str
    percent: int
    seq: int
    limit: float
    spent: float | None


@dataclass(frozen=True, slots=True)
class Spending:
    """What the calls of a subject have cost.

    Attributes
    ----------
    calls
        Requests that were sent.
    tokens_in, tokens_out
        As servers said, or estimated.
    estimated
        Calls whose usage is an estimate.
    cost
        US dollars, of the calls whose model has a price.
    unpriced
        Calls whose model has none.
    """

    calls: int
    tokens_in: int
    tokens_out: int
    estimated: int
    cost: float
    unpriced: int

    @property
    def tokens(self) -> int:
        """Tokens of both directions."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: Spending) -> Spending:
        return Spending(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))


def model_call_rows(ledger: Ledger, subject: str | None = None, conversation: str | None = None) -> list[ModelCallRow]:
    """Return calls in the order of the entries, of a campaign, of one conversation, or all."""
    table = tables.model_call
    wanted = []
    if subject is not None:
        wanted.append(table.c.subject == subject)
    if conversation is not None:
        wanted.append(table.c.conversation == conversation)
    with ledger.read() as connection:
        return select_rows(connection, table, ModelCallRow, *wanted)


def spending(ledger: Ledger, subject: str, after: int = 0) -> Spending:
    """Return what the calls of a campaign have cost so far, or since the row ``after``."""
    column = tables.model_call.c
    query = select(
        func.count(),
        func.coalesce(func.sum(column.tokens_in), 0),
        func.coalesce(func.sum(column.tokens_out), 0),
        func.coalesce(func.sum(case((column.estimated, 1), else_=0)), 0),
        func.coalesce(func.sum(column.cost), 0.0),
        func.coalesce(func.sum(case((column.priced, 0), else_=1)), 0),
    ).where(column.subject == subject, column.seq > after)
    with ledger.read() as connection:
        return Spending(*connection.execute(query).one())


def entry_counts(ledger: Ledger, subject: str, after: int = 0) -> dict[EntryKind, int]:
    """Return how many entries of each kind have a subject, since the row ``after``."""
    column = entry_table.c
    query = select(column.kind, func.count()).where(column.subject == subject, column.seq > after).group_by(column.kind)
    with ledger.read() as connection:
        return {EntryKind(kind): count for kind, count in connection.execute(query)}


def budget_marks(ledger: Ledger, campaign: str) -> list[BudgetMark]:
    """Return the marks that budgets of a campaign have passed, in order."""
    with ledger.read() as connection:
        return select_rows(connection, tables.budget_mark, BudgetMark, tables.budget_mark.c.campaign == campaign)


def rejected_rungs(ledger: Ledger, subject: str, role: str, model: str, conversation: str) -> set[str]:
    """Return the rungs of structured output that a model's server had rejected before a conversation began.

    Each role climbs by itself: a server may reject a record of the hold-out block for its length or its words, and how
    an executor is asked must not tell.
    """
    column = tables.model_call.c
    began = select(func.min(column.seq)).where(column.subject == subject, column.conversation == conversation)
    query = select(column.rung).where(
        column.subject == subject,
        column.role == role,
        column.model == model,
        column.outcome == CallStatus.REJECTED.value,
        column.seq < func.coalesce(began.scalar_subquery(), 2**62),
    )
    with ledger.read() as connection:
        return set(connection.execute(query).scalars())
