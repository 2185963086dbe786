"""What the entries of language models and budgets mean to the typed tables."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from theodolite.claims import Author
from theodolite.store import tables
from theodolite.store.agent_records import BudgetRecord, ModelCallRecord
from theodolite.store.chain import Entry
from theodolite.store.kinds import EntryKind, campaign_of
from theodolite.store.records import HypothesisRecord

__all__ = ["AGENT_HANDLERS", "proposed_by_model", "reviewed_by_model", "tried_on_model"]

_OWN = ("id", "seq", "subject", "outcome", "about")
_CALL = tuple(column.name for column in tables.model_call.columns if column.name not in _OWN)

_MADE = tables.model_call.c
_OF: BindParameter[str] = bindparam("of")
_NEWEST = select(_MADE.conversation, _MADE.role, _MADE.about).where(_MADE.subject == _OF).order_by(_MADE.seq.desc())
_LAST = _NEWEST.limit(1)
_TALK = (
    update(tables.model_call)
    .where(_MADE.subject == _OF, _MADE.conversation == bindparam("talk"), _MADE.about.is_(None))
    .values(about=bindparam("what"))
)
_SPENT = select(_MADE.cost, _MADE.tokens_in, _MADE.tokens_out).where(_MADE.about == _OF)
_CHARGE = (
    update(tables.hypothesis)
    .where(tables.hypothesis.c.subject == _OF)
    .values(cost=bindparam("dollars"), tokens=bindparam("number"))
)


def proposed_by_model(connection: Connection, entry: Entry, record: HypothesisRecord) -> None:
    """Charge a slot with the conversation that ended in its claim: the last one that the executor held in its round.

    Conversations for persons are charged to none: several may stand before several proposals.
    """
    if record.hypothesis.author is Author.EXECUTOR:
        _take(connection, entry, "executor", begins=f"r{record.round:02d}.")


def reviewed_by_model(connection: Connection, entry: Entry) -> None:
    """Charge a slot with the conversation that ended in a review of it."""
    _take(connection, entry, "reviewer")


def tried_on_model(connection: Connection, entry: Entry, trial: str) -> None:
    """Say of the conversations about a sealed trial that they were; they are charged to no slot."""
    for call in connection.execute(_NEWEST, {"of": entry.subject}):
        if call.about is not None or call.role != "reviewer":
            return
        connection.execute(_TALK, {"of": entry.subject, "talk": call.conversation, "what": trial})


def _take(connection: Connection, entry: Entry, role: str, *, begins: str = "") -> None:
    campaign = campaign_of(entry.subject)
    call = connection.execute(_LAST, {"of": campaign}).first()
    if call is None or call.about is not None or call.role != role or not call.conversation.startswith(begins):
        return
    connection.execute(_TALK, {"of": campaign, "talk": call.conversation, "what": entry.subject})
    spent = connection.execute(_SPENT, {"of": entry.subject}).all()
    # Summed here: versions of SQLite round sums differently, and a rebuilt table must be the same.
    dollars = fsum(item.cost for item in spent)
    tokens = sum(item.tokens_in + item.tokens_out for item in spent)
    connection.execute(_CHARGE, {"of": entry.subject, "dollars": dollars, "number": tokens})


def _model_call(connection: Connection, entry: Entry, record: ModelCallRecord) -> None:
    said = record.model_dump(mode="json")
    connection.execute(
        insert(tables.model_call),
        {
            "id": entry.id,
            "seq": entry.seq,
            "subject": entry.subject,
            "outcome": said["status"],
            **{name: said[name] for name in _CALL},
        },
    )


def _budget(connection: Connection, entry: Entry, record: BudgetRecord) -> None:
    connection.execute(
        insert(tables.budget_mark), {"campaign": entry.subject, "seq": entry.seq, **record.model_dump(mode="json")}
    )


AGENT_HANDLERS: dict[EntryKind, Callable[[Connection, Entry, Any], None]] = {
    EntryKind.MODEL_CALL: _model_call,
    EntryKind.BUDGET: _budget,
}
"""What to do with the record of each kind that counts what agents spend."""
