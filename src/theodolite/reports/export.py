"""The hypotheses of a ledger as a file for other programs: one row a slot, every column of the projection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from theodolite.reports.leaving import Leaving, columns_of
from theodolite.store import Find, HypothesisRow, Ledger, find, refusal_rows
from theodolite.store.tables import hypothesis

__all__ = [
    "COLUMNS",
    "ExportedHypothesis",
    "as_exported",
    "hypothesis_batches",
    "hypothesis_columns",
]

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class ExportedHypothesis(HypothesisRow):
    """A slot with the code of its refusal; None where it was not refused."""

    refusal_code: str | None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(ExportedHypothesis))
"""Columns of an export; effects are in the unit of the column ``unit``."""
_OWN = tuple(field.name for field in fields(HypothesisRow))


def hypothesis_columns() -> tuple[Leaving, ...]:
    """Return :data:`COLUMNS` with what they hold."""
    known = {column.name: column for column in columns_of(hypothesis)}
    return tuple(known.get(name, Leaving(name, "text")) for name in COLUMNS)


def hypothesis_batches(
    ledger: Ledger, what: Find, *, sort: str = "proposed", descending: bool = True
) -> Iterator[list[dict[str, Any]]]:
    """Yield the hypotheses that a filter leaves, in an order, some at a time, as plain data under :data:`COLUMNS`.

    Each batch is of its own moment, so that no reader keeps the ledger from being tidied: what changes its place in the
    order while it is read may be missed, or come twice. Where nobody writes, or by ``proposed``, nothing does.

    Raises
    ------
    LedgerQueryError
        As :func:`theodolite.store.find` says, before the first batch.
    """
    cursor: str | None = None
    while True:
        page = find(ledger, what, sort=sort, descending=descending, cursor=cursor, limit=_BATCH)
        if page.rows:
            yield as_exported(ledger, page.rows)
        cursor = page.next
        if cursor is None:
            return


def as_exported(ledger: Ledger, rows: tuple[HypothesisRow, ...]) -> list[dict[str, Any]]:
    """Return slots as plain data under :data:`COLUMNS`; only their own refusals are looked up."""
    refused = [row.subject for row in rows if row.outcome == "refused"]
    codes = {row.subject: row.code for row in refusal_rows(ledger, subjects=refused)} if refused else {}
    return [{**{name: getattr(row, name) for name in _OWN}, "refusal_code": codes.get(row.subject)} for row in rows]
