"""Projections made afresh in memory, to hold a ledger's own against."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from theodolite.store.chain import Entry
from theodolite.store.database import memory_engine
from theodolite.store.derived import make_projections
from theodolite.store.errors import LedgerError
from theodolite.store.project import project
from theodolite.store.tables import PROJECTIONS

__all__ = ["Shadow"]


class Shadow:
    """A scratch database that the entries of a ledger are projected into."""

    def __init__(self) -> None:
        self._engine = memory_engine()
        self._connection = self._engine.connect()
        self._connection.begin()
        make_projections(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        self._engine.dispose()

    def project(self, entry: Entry) -> str | None:
        """Project one entry; return what is wrong with it, or None."""
        try:
            project(self._connection, entry)
        except (LedgerError, SQLAlchemyError, OverflowError) as error:
            return f"it contradicts the entries before it: {error}"
        return None

    def differences(self, ledger: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
        """Yield (seq of the entry, what) for every projected row that the entries do not account for.

        ``ledger`` gives text as bytes.
        """
        for table in PROJECTIONS.sorted_tables:
            try:
                yield from self._compare(ledger, table)
            except sqlite3.Error as error:
                yield None, f"projection {table.name!r} cannot be read ({error}); run `theodolite ledger rebuild`"

    def _compare(self, ledger: sqlite3.Connection, table: Table) -> Iterator[tuple[int | None, str]]:
        columns = [column.name for column in table.columns]
        keys = [column.name for column in table.primary_key.columns]
        query = f"SELECT {', '.join(_quoted(name) for name in columns)} FROM {_quoted(table.name)}"
        rebuilt = _by_key(self._connection.exec_driver_sql(query).all(), columns, keys)
        found = _by_key(ledger.execute(query), columns, keys)
        for key, row in rebuilt.items():
            seq = row.get("last_seq", row.get("seq"))
            other = found.get(key)
            if other is None:
                yield seq, f"projection {table.name!r} lacks the row {key!r} of this entry"
                continue
            for name in columns:
                if type(row[name]) is not type(other[name]) or row[name] != other[name]:
                    yield (
                        seq,
                        f"projection {table.name!r}, row {key!r}: {name} is {other[name]!r:.200}, "
                        f"the entries say {row[name]!r:.200}",
                    )
        for key in found.keys() - rebuilt.keys():
            yield None, f"projection {table.name!r} has a row {key!r} that no entry made"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _by_key(rows: Any, columns: list[str], keys: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = {}
    for row in rows:
        values = {
            name: value.decode(errors="replace") if isinstance(value, bytes) else value
            for name, value in zip(columns, row, strict=True)
        }
        found[tuple(values[key] for key in keys)] = values
    return found
