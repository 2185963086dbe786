"""Appending: one entry at the end of the chain, with what it means to the typed tables, in the caller's transaction."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from theodolite.store.chain import GENESIS, Entry, Head, entry_hash_of_text, entry_seal
from theodolite.store.compare import first_difference
from theodolite.store.errors import LedgerConflict, LedgerRefused
from theodolite.store.kinds import EntryKind
from theodolite.store.project import driver, project

__all__ = ["append_entry", "last_head", "log_row", "recorded_entry"]

_log = logging.getLogger(__name__)

# Plain statements: an append runs each of them, and building them anew would take longer than running them.
_COLUMNS = "seq, id, kind, subject, payload, prev_hash, hash, at, seal"
_BY_ID = f"SELECT {_COLUMNS} FROM entry WHERE id = ?"
_LAST = "SELECT seq, hash, seal FROM entry ORDER BY seq DESC LIMIT 1"
_INSERT = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def recorded_entry(connection: Connection, id: str) -> Entry | None:
    """Return the entry with this id, or None."""
    row = driver(connection).execute(_BY_ID, (id,)).fetchone()
    if row is None:
        return None
    seq, id, kind, subject, payload, *rest = row
    return Entry(seq, id, EntryKind(kind), subject, json.loads(payload), *rest)


def log_row(entry: Entry) -> None:
    """Tell whoever listens to the library's log of a row that was recorded, without what is in it."""
    _log.info("%s", entry.id, extra={"event": "row", "seq": entry.seq, "kind": entry.kind.value, "id": entry.id})


def last_head(connection: Connection) -> Head:
    """Return the end of the chain."""
    row = driver(connection).execute(_LAST).fetchone()
    return Head(0, GENESIS, GENESIS) if row is None else Head(*row)


def append_entry(
    connection: Connection, kind: EntryKind, id: str, subject: str, text: str, at: str, *, once: bool
) -> Entry:
    """Append one entry and its projections.

    Parameters
    ----------
    connection
        Holds the write lock.
    kind, id, subject
        What it is.
    text
        Canonical JSON of the payload.
    at
        Time of writing, UTC, ISO 8601.
    once
        Whether an equal entry that is recorded already is returned, or refused.

    Raises
    ------
    LedgerConflict
        If the id exists, or the entry contradicts an earlier one.
    LedgerRefused
        If it would run before its registration.
    """
    content: dict[str, Any] = json.loads(text)
    recorded = recorded_entry(connection, id)
    if recorded is not None:
        return _same(recorded, kind, subject, content, once=once)
    head = last_head(connection)
    seq = head.seq + 1
    hash = entry_hash_of_text(seq, id, kind, subject, text, head.hash)
    entry = Entry(seq, id, kind, subject, content, head.hash, hash, at, entry_seal(head.seal, hash, at))
    try:
        driver(connection).execute(_INSERT, (seq, id, kind.value, subject, text, head.hash, hash, at, entry.seal))
    except sqlite3.IntegrityError as error:
        raise LedgerRefused(f"entry {id!r} for {subject!r} was refused: {error}") from error
    try:
        project(connection, entry)
    except IntegrityError as error:
        raise LedgerConflict(
            f"entry {id!r} repeats what an earlier entry of kind {kind.value!r} says about {subject!r} "
            f"({error.orig}); each is recorded once"
        ) from error
    return entry


def _same(entry: Entry, kind: EntryKind, subject: str, payload: dict[str, Any], *, once: bool) -> Entry:
    if not once:
        raise LedgerConflict(f"entry {entry.id!r} exists as row {entry.seq}; an entry is written once, read it instead")
    wanted = {"kind": kind.value, "subject": subject, "payload": payload}
    found = {"kind": entry.kind.value, "subject": entry.subject, "payload": entry.payload}
    difference = first_difference(found, wanted)
    if difference is not None:
        raise LedgerConflict(
            f"entry {entry.id!r} (row {entry.seq}) is recorded with another content: {difference}; the inputs of this "
            "run differ from those of the recorded one, start a new campaign for them"
        )
    return entry
