"""Rows of the table ``entry`` as entries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Row, select

from theodolite.store.chain import Entry
from theodolite.store.kinds import EntryKind
from theodolite.store.schema import entry_table

__all__ = ["read_entries", "read_entry"]

_PAGE = 500


def read_entry(row: Row[Any]) -> Entry:
    """Return a row of the table ``entry`` as an :class:`Entry`."""
    return Entry(
        seq=row.seq,
        id=row.id,
        kind=EntryKind(row.kind),
        subject=row.subject,
        payload=json.loads(row.payload),
        prev_hash=row.prev_hash,
        hash=row.hash,
        at=row.at,
        seal=row.seal,
    )


def read_entries(
    read: Callable[[], AbstractContextManager[Connection]],
    after: int,
    *,
    kind: EntryKind | str | None = None,
    subject: str | None = None,
    prefix: str | None = None,
) -> Iterator[Entry]:
    """Yield entries behind a ``seq``, page by page; ``read`` opens a transaction for each page.

    Parameters
    ----------
    read
        What opens a transaction.
    after
        Only entries with a larger ``seq``.
    kind, subject, prefix
        Only entries of this kind, of this subject, whose id starts so.
    """
    column = entry_table.c
    query = select(entry_table).order_by(column.seq).limit(_PAGE)
    if kind is not None:
        query = query.where(column.kind == EntryKind(kind).value)
    if subject is not None:
        query = query.where(column.subject == subject)
    if prefix:
        query = query.where(column.id >= prefix, column.id < prefix + "\U0010ffff")
    while True:
        with read() as connection:
            page = connection.execute(query.where(column.seq > after)).all()
        for row in page:
            yield read_entry(row)
        if len(page) < _PAGE:
            return
        after = page[-1].seq
