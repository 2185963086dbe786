"""Dropping and rebuilding the projection tables, and when that is due."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from theodolite.store.chain import GENESIS
from theodolite.store.derived import make_projections, remove_projections
from theodolite.store.entries import read_entry
from theodolite.store.errors import LedgerFormatError
from theodolite.store.project import project
from theodolite.store.schema import entry_table, meta_table
from theodolite.store.tables import PROJECTION_VERSION

__all__ = ["ensure_projections", "rebuild_projections"]

_KEY = "projection_version"


def ensure_projections(connection: Connection, *, write: bool) -> None:
    """Rebuild the projections if another version of the code wrote them.

    Raises
    ------
    LedgerFormatError
        If they must be rebuilt and ``write`` is False.
    """
    version = connection.execute(select(meta_table.c.value).where(meta_table.c.key == _KEY)).scalar()
    if version == PROJECTION_VERSION:
        return
    if not write:
        where = connection.engine.url.database or "this ledger"
        raise LedgerFormatError(
            f"the tables of {where} were made by another version of theodolite ({version!r}, this one reads "
            f"{PROJECTION_VERSION!r}); run `theodolite ledger rebuild -w {Path(where).parent}`, which makes them again "
            "from the chain: nothing is lost"
        )
    rebuild_projections(connection)


def rebuild_projections(connection: Connection) -> int:
    """Drop all projection tables and project every entry again, in the caller's transaction; return their number."""
    remove_projections(connection)
    make_projections(connection)
    number, last = 0, GENESIS
    for row in connection.execute(select(entry_table).order_by(entry_table.c.seq)).all():
        entry = read_entry(row)
        if entry.seq != number + 1 or entry.prev_hash != last:
            raise LedgerFormatError(
                f"row {entry.seq} ({entry.id!r}) does not follow the row before it; run `theodolite ledger verify` and "
                "restore the ledger from a copy before rebuilding"
            )
        project(connection, entry)
        number, last = entry.seq, entry.hash
    connection.execute(
        upsert(meta_table)
        .values(key=_KEY, value=PROJECTION_VERSION)
        .on_conflict_do_update(index_elements=["key"], set_={"value": PROJECTION_VERSION})
    )
    return number
