"""Rows of the table ``entry`` as entries."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from theodolite.store.chain import Entry
from theodolite.store.kinds import EntryKind

__all__ = ["read_entry"]


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
