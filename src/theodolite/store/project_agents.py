"""What the entries of language models and budgets mean to the typed tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert

from theodolite.store import tables
from theodolite.store.agent_records import BudgetRecord, ModelCallRecord
from theodolite.store.chain import Entry
from theodolite.store.kinds import EntryKind

__all__ = ["AGENT_HANDLERS"]

_OWN = ("id", "seq", "subject", "outcome")
_CALL = tuple(column.name for column in tables.model_call.columns if column.name not in _OWN)


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
