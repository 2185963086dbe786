"""Which hashes a ledger names, in any row of any kind and in whatever those name: what a collection must not touch."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import select

from theodolite.store.artefacts import ArtefactStore
from theodolite.store.ledger import Ledger
from theodolite.store.schema import entry_table, meta_table, ops_inbox, ops_job

__all__ = ["hashes_in", "named_hashes"]

# Looking ahead finds a hash inside a longer run of digits too: too many names cost room, one too few costs evidence.
_HASH = re.compile(rb"(?=([0-9a-f]{64}))")
_COLUMNS = (
    (entry_table.c.id, entry_table.c.subject, entry_table.c.payload),
    (meta_table.c.value,),
    (ops_inbox.c.kind, ops_inbox.c.content),
    (ops_job.c.job_id, ops_job.c.detail),
)


def hashes_in(content: bytes) -> set[str]:
    """Return all that could be a SHA-256 in bytes of any kind."""
    return {found.decode() for found in _HASH.findall(content)}


def named_hashes(ledger: Ledger) -> set[str]:
    """Return every hash that a row names, and every hash that an artefact so named names in turn.

    Nothing is known here of kinds and fields, so that no row that is written one day can be forgotten: text is
    searched for 64 hexadecimal digits, and so is the content of every artefact that is named.
    """
    named: set[str] = set()
    with ledger.read() as connection:
        for columns in _COLUMNS:
            for row in connection.execute(select(*columns).execution_options(yield_per=1_000)):
                for value in row:
                    if value is not None:
                        named |= hashes_in(str(value).encode())
    return _followed(ledger.artefacts, named)


def _followed(artefacts: ArtefactStore, named: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = set(named)
    while waiting:
        sha256 = waiting.pop()
        found.add(sha256)
        if sha256 in artefacts:
            # Read as it is: what names something may be damaged, and is kept all the same.
            waiting |= hashes_in(artefacts.path(sha256).read_bytes()) - found
    return found
