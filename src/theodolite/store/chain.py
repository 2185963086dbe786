"""Entries, and how each is bound to the one before it.

``hash`` covers what happened and in which order, so that two runs of one campaign give equal hashes; ``seal`` adds
when it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theodolite.canonical import canonical_json, digest, sha256_bytes
from theodolite.store.kinds import EntryKind

__all__ = ["FORMAT", "GENESIS", "Entry", "Head", "entry_hash", "entry_hash_of_text", "entry_seal"]

FORMAT = "theodolite ledger 1"
GENESIS = sha256_bytes(FORMAT.encode())
"""``prev_hash`` of the first entry, and the seal before it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger.

    Attributes
    ----------
    seq
        Position in the chain, counted from 1.
    id, kind, subject
        What it is: see :func:`~theodolite.store.kinds.entry_id`.
    payload
        Plain JSON data; numbers with a fraction are decimal strings, as they were hashed.
    prev_hash, hash
        Hash of the entry before, and of this one; neither depends on clock, host or process.
    at
        Time of writing, UTC, ISO 8601.
    seal
        Hash of (seal before, hash, at).
    """

    seq: int
    id: str
    kind: EntryKind
    subject: str
    payload: dict[str, Any]
    prev_hash: str
    hash: str
    at: str
    seal: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain; ``seq`` is 0 in an empty ledger."""

    seq: int
    hash: str
    seal: str


def entry_hash(seq: int, id: str, kind: str, subject: str, payload: Mapping[str, Any], prev_hash: str) -> str:
    """Return the hash of an entry: SHA-256 of the canonical JSON of all that does not depend on when it was written."""
    return digest({"seq": seq, "id": id, "kind": kind, "subject": subject, "payload": payload, "prev_hash": prev_hash})


def entry_hash_of_text(seq: int, id: str, kind: str, subject: str, payload: str, prev_hash: str) -> str:
    """Return :func:`entry_hash` of a payload that is canonical JSON already; it is not written a second time."""
    around = (
        canonical_json({"id": id, "kind": kind}),
        canonical_json({"prev_hash": prev_hash, "seq": seq, "subject": subject}),
    )
    # Keys are sorted, and "payload" comes between these two groups.
    return sha256_bytes(f'{around[0][:-1]},"payload":{payload},{around[1][1:]}'.encode())


def entry_seal(prev_seal: str, hash: str, at: str) -> str:
    """Return the seal of an entry: SHA-256 of the canonical JSON of (seal before, hash, at)."""
    return digest([prev_seal, hash, at])
