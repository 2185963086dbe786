"""How a ledger's SQLite file is connected to: pragmas, explicit transactions, read-only access."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from theodolite.store.disk_errors import BUSY_SECONDS

__all__ = ["connect_sqlite", "file_engine", "memory_engine"]


def connect_sqlite(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Connect to a file, in autocommit mode: transactions are begun explicitly."""
    target = f"file:{quote(str(path.resolve()))}?mode={'ro' if read_only else 'rw'}"
    if read_only and not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        # A reader in write-ahead mode needs to make a shared-memory file; in an archive it cannot, and needs none.
        target += "&immutable=1"
    return sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)


def file_engine(path: Path, *, read_only: bool) -> Engine:
    """Return an engine on an existing file."""

    def connect() -> sqlite3.Connection:
        connection = connect_sqlite(path, read_only=read_only)
        _set_pragmas(connection, read_only=read_only)
        return connection

    engine = create_engine(f"sqlite:///{path}", creator=connect, poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return engine


def memory_engine() -> Engine:
    """Return an engine on a fresh in-memory database, one connection shared by all threads."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA recursive_triggers=ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    # Without it INSERT OR REPLACE removes a row without firing its delete trigger.
    connection.execute("PRAGMA recursive_triggers=ON")


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock first; one that upgrades from reading can fail half-way.
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("theodolite_write") else "BEGIN")
