"""The ledger: an append-only chain of entries, one transaction an entry, with its projections and artefacts."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DatabaseError

from theodolite.store.appending import append_entry, last_head, log_row, recorded_entry
from theodolite.store.artefacts import ArtefactStore
from theodolite.store.batches import Batch
from theodolite.store.chain import Entry, Head
from theodolite.store.database import file_engine, memory_engine
from theodolite.store.disk_errors import disk_error
from theodolite.store.entries import read_entries
from theodolite.store.errors import LedgerExists, LedgerFormatError, LedgerReadOnly
from theodolite.store.folders import prepare_file
from theodolite.store.kinds import EntryKind
from theodolite.store.lease import WHOLE_LEDGER, coordinate, one_at_a_time, refuse_without_lease
from theodolite.store.ops import Ops
from theodolite.store.payloads import Payload, checked_payload
from theodolite.store.projections import ensure_projections
from theodolite.store.remembered import Remembered
from theodolite.store.schema import migrate
from theodolite.store.tables import counter

__all__ = ["Clock", "Ledger"]

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An open ledger; close it, or use it as a context manager.

    Make one with :meth:`create`, :meth:`open` or :meth:`in_memory`.

    Attributes
    ----------
    path
        The file; None in memory.
    place
        The same for every ledger of this process that is open on one file.
    artefacts
        The artefact store beside it (``artefacts/`` in the same folder).
    ops
        Jobs, leases and timings: mutable, outside the chain.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        path: Path | None,
        artefacts: ArtefactStore,
        read_only: bool,
        clock: Clock,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.path = path
        self.place = f"memory:{id(self)}" if path is None else str(path.resolve())
        self.artefacts = artefacts
        self.read_only = read_only
        self._engine = engine
        self._clock = clock
        self._scratch = scratch
        self._lock = threading.RLock()
        self._read = Remembered()
        self._batch = Batch()
        self.ops = Ops(self)

    @classmethod
    def create(cls, path: Path | str, *, artefacts: Path | str | None = None, clock: Clock = _utc_now) -> Self:
        """Make a new ledger, and its folder.

        Raises
        ------
        LedgerExists
            If there is a file at ``path``.
        LedgerNetworkFolder
            If the folder is on a network file system.
        """
        path = Path(path)
        if path.exists():
            raise LedgerExists(f"{path} exists; open it, or give the new ledger another path")
        return cls.open(path, create=True, artefacts=artefacts, clock=clock)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        read_only: bool = False,
        create: bool = False,
        artefacts: Path | str | None = None,
        clock: Clock = _utc_now,
    ) -> Self:
        """Open a ledger; migrate an older one, and rebuild projections of another version.

        Parameters
        ----------
        path
            The SQLite file.
        read_only
            Refuse to write, and change nothing on opening.
        create
            Make the ledger where there is no file.
        artefacts
            Folder of the artefacts; ``artefacts`` beside the file if not given.
        clock
            Where ``at`` comes from.

        Raises
        ------
        LedgerNotFound
            If there is no file and ``create`` is False.
        LedgerFormatError
            If the file is no ledger, or newer than this code.
        LedgerNetworkFolder
            If the folder is on a network file system.
        """
        path = Path(path)
        make = create and not read_only
        prepare_file(path, make=make)
        ledger = cls(
            file_engine(path, read_only=read_only),
            path=path,
            artefacts=ArtefactStore(path.parent / "artefacts" if artefacts is None else artefacts),
            read_only=read_only,
            clock=clock,
        )
        try:
            ledger._prepare(create=make)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def in_memory(cls, *, artefacts: Path | str | None = None, clock: Clock = _utc_now) -> Self:
        """Return an empty ledger that vanishes when closed, artefacts included unless a folder is given."""
        scratch = None
        if artefacts is None:
            scratch = tempfile.TemporaryDirectory(prefix="theodolite-")
            artefacts = scratch.name
        ledger = cls(
            memory_engine(),
            path=None,
            artefacts=ArtefactStore(artefacts),
            read_only=False,
            clock=clock,
            scratch=scratch,
        )
        ledger._prepare(create=True)
        return ledger

    def _prepare(self, *, create: bool) -> None:
        try:
            with self._transaction(write=not self.read_only) as connection:
                migrate(connection, write=not self.read_only, create=create)
                ensure_projections(connection, write=not self.read_only)
        except DatabaseError as error:
            if isinstance(error.orig, sqlite3.OperationalError):
                raise
            raise LedgerFormatError(
                f"{self.path} is no SQLite database ({error.orig}); give the path of a ledger.sqlite"
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({'in memory' if self.path is None else str(self.path)!r})"

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        if self._batch.connection is not None:
            # What a batch has appended is seen by its own thread, and by nobody else yet.
            yield self._batch.connection
            return
        # In memory all threads share one connection, so that reads must wait for a write as well.
        guard: AbstractContextManager[Any] = self._lock if write or self.path is None else nullcontext()
        try:
            with (
                guard,
                self._engine.connect().execution_options(theodolite_write=write) as connection,
                connection.begin(),
            ):
                yield connection
        except (DatabaseError, sqlite3.Error) as error:
            known = disk_error(error.orig if isinstance(error, DatabaseError) else error, self.path)
            if known is None:
                raise
            raise known from error

    def read(self) -> AbstractContextManager[Connection]:
        """Open a read transaction: everything read inside it is of one moment."""
        return self._transaction(write=False)

    def write(self) -> AbstractContextManager[Connection]:
        """Open a write transaction on the tables outside the chain (``ops_*``, projections).

        Raises
        ------
        LedgerReadOnly
            If the ledger was opened for reading.
        """
        if self.read_only:
            raise LedgerReadOnly(f"{self!r} was opened for reading; open it without read_only to write")
        return self._transaction(write=True)

    # --- writing

    def append(self, kind: EntryKind | str, id: str, subject: str, payload: Payload) -> Entry:
        """Append one entry and its projections, in one transaction.

        Raises
        ------
        LedgerPayloadError
            If kind, subject or payload are not what the projections need.
        LedgerConflict
            If the id exists, or the entry contradicts an earlier one.
        LedgerRefused
            If it would run before its registration.
        LedgerReadOnly
            If the ledger was opened for reading.
        LedgerBusy
            If another process coordinates the ledger and this one does not, or no longer.
        """
        return self._append(kind, id, subject, payload, once=False)

    def append_once(self, kind: EntryKind | str, id: str, subject: str, payload: Payload) -> Entry:
        """Append one entry, or return the recorded one if this very entry exists; raises as :meth:`append` does.

        Raises
        ------
        LedgerConflict
            Naming the first field that differs, if the id exists with another content.
        """
        return self._append(kind, id, subject, payload, once=True)

    def _append(self, kind: EntryKind | str, id: str, subject: str, payload: Payload, *, once: bool) -> Entry:
        known, text = checked_payload(kind, id, subject, payload)
        try:
            with self.write() as connection:
                refuse_without_lease(self, known, subject)
                at = self.now()
                entry = append_entry(connection, known, id, subject, text, at, once=once)
        except BaseException as error:
            self._batch.broken = error
            raise
        if entry.at == at:  # else it was recorded earlier
            if self._batch.connection is None:
                log_row(entry)
            else:
                self._batch.written.append(entry)
        return self._remember(entry)

    def _remember(self, entry: Entry) -> Entry:
        """Keep an entry for whoever asks for it next; one that may still be undone, only once it is recorded."""
        if self._batch.connection is None:
            return self._read.put(entry)
        self._batch.appended.append(entry)
        return entry

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let everything that this thread writes inside share one transaction: all of it is recorded, or nothing.

        Reads of this thread see what it has written. Keep it short: nobody else can write meanwhile. A batch inside a
        batch is part of it.

        Raises
        ------
        LedgerReadOnly
            If the ledger was opened for reading.
        LedgerConflict
            If an append inside failed and its error was swallowed: nothing is recorded then.
        """
        outermost = self._batch.connection is None
        with self._batch.shared(self.write):
            yield
        if outermost:
            for entry in self._batch.appended:
                self._read.put(entry)
            for entry in self._batch.written:
                log_row(entry)

    # --- reading

    def get(self, id: str) -> Entry | None:
        """Return the entry with this id, or None; entries that were read lately are not read again."""
        known = self._read.get(id)
        if known is not None:
            return known
        with self.read() as connection:
            found = recorded_entry(connection, id)
        return None if found is None else self._remember(found)

    def has(self, id: str) -> bool:
        """Return True if there is an entry with this id."""
        return self.get(id) is not None

    def entries(
        self,
        kind: EntryKind | str | None = None,
        subject: str | None = None,
        after: int = 0,
        prefix: str | None = None,
    ) -> Iterator[Entry]:
        """Yield entries in order, page by page; what is appended meanwhile is included.

        Parameters
        ----------
        kind, subject
            Only entries of this kind, of this subject.
        after
            Only entries with a larger ``seq``.
        prefix
            Only entries whose id starts so.
        """
        return read_entries(self.read, after, kind=kind, subject=subject, prefix=prefix)

    def head(self) -> Head:
        """Return the end of the chain."""
        with self.read() as connection:
            return last_head(connection)

    def count(self, kind: EntryKind | str | None = None) -> int:
        """Return the number of entries, of one kind or of all; a counter is kept, nothing is scanned."""
        query = select(counter.c.entries)
        if kind is not None:
            query = query.where(counter.c.kind == EntryKind(kind).value)
        with self.read() as connection:
            return sum(connection.execute(query).scalars())

    def coordinator(
        self, name: str, scopes: Sequence[str] = (WHOLE_LEDGER,), campaign: str | None = None
    ) -> AbstractContextManager[None]:
        """Hold the lease of this ledger, or of parts of it, while a coordinator runs; a killed process loses it.

        Parameters
        ----------
        name
            The command, for messages.
        scopes
            What nobody else may hold meanwhile: the whole ledger, or
            :func:`~theodolite.store.split_scope` and :func:`~theodolite.store.stream_scope` of a campaign.
        campaign
            Under a lease for a campaign this process writes entries of that one alone; None for maintenance.

        Raises
        ------
        LedgerBusy
            Naming the live coordinator that holds any of it.
        """
        return coordinate(self, name, scopes, campaign)

    def one_at_a_time(self) -> AbstractContextManager[None]:
        """Wait for other coordinators in this same part of their work: what they write in it is seen here at once."""
        return one_at_a_time(self)

    def now(self) -> str:
        """Return the time of the ledger's clock, UTC, ISO 8601."""
        return self._clock().astimezone(UTC).isoformat(timespec="microseconds")
