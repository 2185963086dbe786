"""Who writes which part of a ledger: locks that the kernel drops with the process, and rows that say who holds them.

A lock rather than a process id alone: ids are used again (in a container every coordinator may be process 1), and a
killed coordinator must not keep its successor out. The locks are of the process, so that workers forked by a killed
coordinator do not hold them either. One file beside the ledger has a byte for every scope; maintenance locks the whole
of it. A row of a holder that was killed stays until the scope is taken again: who holds a scope is told by the lock.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sqlalchemy import Row, delete, insert, select

from theodolite.canonical import sha256_bytes
from theodolite.store.errors import LedgerBusy, LedgerError
from theodolite.store.kinds import EntryKind
from theodolite.store.locks import foreign_holder
from theodolite.store.schema import ops_lease

if TYPE_CHECKING:
    from theodolite.store.ledger import Ledger

__all__ = [
    "WHOLE_LEDGER",
    "LeaseRow",
    "Life",
    "campaign_scopes",
    "conflict",
    "coordinate",
    "leases",
    "one_at_a_time",
    "refuse_without_lease",
    "split_scope",
    "stream_scope",
]

WHOLE_LEDGER = "ledger"
"""The scope that no other can be held beside."""

_SHARED = "*"
"""No scope: the byte of :func:`one_at_a_time`, which coordinators take in turns."""
_OF_NO_CAMPAIGN = frozenset({EntryKind.STREAM, EntryKind.TOOL_CHECK})
"""Kinds that a campaign writes under another subject than its own."""


class Life(StrEnum):
    """Whether a coordinator lives."""

    ALIVE = "alive"
    STALE = "stale"
    """Its row is there, but the kernel's lock is free: it was killed."""
    UNKNOWN = "unknown"
    """It was started on another machine, whose locks cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Who coordinates the ledger or parts of it, or did when it was killed.

    Attributes
    ----------
    scopes
        What is held: ``ledger``, or a split and an error stream.
    name, pid, host, at
        The command, its process and machine, and since when.
    campaign
        Which campaign it runs, None for maintenance.
    life
        Whether it lives: the kernel knows who holds the lock, whatever a row says.
    confirmed
        Whether the kernel names the very process of the row as the lock's holder, so that it may be signalled.
    """

    scopes: tuple[str, ...]
    name: str
    pid: int
    host: str
    at: str
    campaign: str | None
    life: Life
    confirmed: bool

    @property
    def alive(self) -> bool:
        """Whether its lock is held."""
        return self.life is Life.ALIVE

    def same(self, other: LeaseRow) -> bool:
        """Return whether another row is of the same coordinator, however either was found to live."""
        return (self.name, self.pid, self.host, self.at) == (other.name, other.pid, other.host, other.at)

    def __str__(self) -> str:
        return f"{self.name!r}, process {self.pid} on {self.host} since {self.at[:19]}"


@dataclass
class _Place:
    """What this process holds of one ledger. Closing any descriptor of a file drops all its locks, so there is one."""

    file: IO[bytes] | None
    names: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, str | None] = field(default_factory=dict)
    """By scope, whose lease it is: a campaign, or None for maintenance."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


# A process's own second lock succeeds, so what it holds is kept here.
_places: dict[str, _Place] = {}
_guard = threading.Lock()


def _forget() -> None:
    """In a forked child: the locks stay with the parent."""
    global _guard
    _guard = threading.Lock()
    _places.clear()


os.register_at_fork(after_in_child=_forget)


def split_scope(sha256: str) -> str:
    """Return the scope of a split."""
    return f"split:{sha256}"


def stream_scope(stream: str) -> str:
    """Return the scope of an error stream; that of its reused blocks goes with it."""
    return f"stream:{stream}"


def campaign_scopes(split_sha256: str, stream: str) -> tuple[str, str]:
    """Return what a campaign holds: levels are settled in the order of the stream, blocks are spent in the split."""
    return split_scope(split_sha256), stream_scope(stream)


@contextmanager
def coordinate(ledger: Ledger, name: str, scopes: Sequence[str], campaign: str | None) -> Iterator[None]:
    """Hold scopes of a ledger under a name; see :meth:`Ledger.coordinator`."""
    wanted = sorted(set(scopes))
    with _entered(ledger) as place:
        _take(ledger, place, name, wanted, campaign)
        try:
            with ledger.write() as connection:
                # Whoever held these, or all, is gone: else they could not have been taken.
                over = [] if WHOLE_LEDGER in wanted else [ops_lease.c.scope.in_([*wanted, WHOLE_LEDGER])]
                connection.execute(delete(ops_lease).where(*over))
                who = {"name": name, "pid": os.getpid(), "host": socket.gethostname(), "at": ledger.now()}
                own = {**who, "campaign": campaign}
                connection.execute(insert(ops_lease), [{"scope": scope, **own} for scope in wanted])
            yield
        finally:
            # After an error too, so that what ended is not taken for dead; on a full disk the row stays.
            with suppress(LedgerError), ledger.write() as connection:
                connection.execute(delete(ops_lease).where(ops_lease.c.scope.in_(wanted)))
            with _guard:
                for scope in wanted:
                    del place.names[scope], place.campaigns[scope]
                    _unlock(place, scope)


@contextmanager
def one_at_a_time(ledger: Ledger) -> Iterator[None]:
    """Wait for other coordinators that are in this same part of their work, and keep them waiting meanwhile."""
    with _entered(ledger) as place, place.turn:
        if place.file is None or WHOLE_LEDGER in place.names:
            yield
            return
        fcntl.lockf(place.file, fcntl.LOCK_EX, *_bytes(_SHARED))
        try:
            yield
        finally:
            _unlock(place, _SHARED)


def refuse_without_lease(ledger: Ledger, kind: EntryKind, subject: str) -> None:
    """Refuse to append for a process that lost its lease, or never had one, while another process holds one.

    It costs two or three calls of the kernel. Called while the write lock is held: whoever takes the lease meanwhile
    begins after the entry.

    Raises
    ------
    LedgerBusy
        Naming who holds the lease.
    """
    if ledger.path is None:
        return
    with _guard:
        place = _places.get(ledger.place)
        if place is not None and place.names and place.file is not None:
            lost = os.fstat(place.file.fileno()).st_nlink == 0 or any(
                foreign_holder(place.file, *_bytes(scope)) is not None for scope in place.names
            )
            if not lost and not _of_another(place, kind, subject):
                return
        else:
            lost = False
            file = _open(ledger.path, place)
            if file is None:
                return
            try:
                if foreign_holder(file, *_bytes(WHOLE_LEDGER)) is None:
                    return
            finally:
                if place is None:
                    file.close()
    if place is not None and place.names:
        what = (
            "this process lost its lease: the lock file was removed, or another process took it"
            if lost
            else f"this process coordinates {', '.join(str(name) for name in set(place.campaigns.values()))} only"
        )
        remedy = "stop it and give its command again"
    else:
        alive = [str(row) for row in leases(ledger) if row.alive] or ["another process"]
        what = f"this process holds no lease, and {'; '.join(alive)} does"
        remedy = "wait for it, or take a lease with `Ledger.coordinator` first"
    raise LedgerBusy(f"{kind.value} of {subject!r} was not written to {ledger!r}: {what}; {remedy}")


def leases(ledger: Ledger) -> list[LeaseRow]:
    """Return who coordinates the ledger or parts of it, and whose rows were left by a kill, oldest first."""
    while True:
        rows = _rows(ledger)
        holders = {row.scope: _holder(ledger, row.scope) for row in rows}
        # The rows are read before and after the locks: a coordinator that ends meanwhile is no dead one.
        if _rows(ledger) == rows:
            break
    found: dict[tuple[str, int, str, str, str | None], list[str]] = {}
    for row in rows:
        found.setdefault((row.name, row.pid, row.host, row.at, row.campaign), []).append(row.scope)
    here = socket.gethostname()
    made = []
    for (name, pid, host, at, campaign), scopes in found.items():
        by = {holders[scope] for scope in scopes}
        # The kernel names no process that lives in another container.
        alive = bool(by & {pid, 0})
        life = Life.ALIVE if alive else Life.STALE if host == here else Life.UNKNOWN
        confirmed = host == here and pid in by
        made.append(LeaseRow(tuple(scopes), name, pid, host, at, campaign, life, confirmed))
    return made


def conflict(ledger: Ledger, scopes: Sequence[str]) -> str | None:
    """Return in words why scopes cannot be held now, None where they can; nothing is taken."""
    return _refusal(ledger, scopes) if any(_over(row, scopes) for row in leases(ledger) if row.alive) else None


def _over(row: LeaseRow, wanted: Sequence[str]) -> list[str]:
    """Return what of a lease stands in the way of scopes."""
    return [scope for scope in row.scopes if WHOLE_LEDGER in (scope, *wanted) or scope in wanted]


def _rows(ledger: Ledger) -> Sequence[Row[tuple[str, ...]]]:
    with ledger.read() as connection:
        return connection.execute(select(ops_lease).order_by(ops_lease.c.at, ops_lease.c.scope)).all()


def _of_another(place: _Place, kind: EntryKind, subject: str) -> bool:
    """Return whether an entry is of a campaign whose lease this process does not hold."""
    if kind in _OF_NO_CAMPAIGN or None in place.campaigns.values():
        return False
    return not any(subject == own or subject.startswith(f"{own}/") for own in place.campaigns.values())


@contextmanager
def _entered(ledger: Ledger) -> Iterator[_Place]:
    """Yield what this process holds of the ledger, its lock file open for as long as anybody here needs it."""
    key = ledger.place
    with _guard:
        place = _places.get(key)
        if place is None:
            file = None if ledger.path is None else _lock_file(ledger.path).open("ab")
            place = _places[key] = _Place(file)
        place.users += 1
    try:
        yield place
    finally:
        with _guard:
            place.users -= 1
            if not place.users:
                _places.pop(key, None)
                if place.file is not None:
                    place.file.close()


def _take(ledger: Ledger, place: _Place, name: str, wanted: Sequence[str], campaign: str | None) -> None:
    with _guard:
        refused = next((scope for scope in wanted if _held_here(place, scope)), None)
        taken: list[str] = []
        if refused is None and place.file is not None:
            for scope in wanted:
                try:
                    fcntl.lockf(place.file, fcntl.LOCK_EX | fcntl.LOCK_NB, *_bytes(scope))
                except OSError:
                    refused = scope
                    break
                taken.append(scope)
        if refused is None:
            for scope in wanted:
                place.names[scope], place.campaigns[scope] = name, campaign
            return
        for scope in taken:
            _unlock(place, scope)
    raise LedgerBusy(_refusal(ledger, wanted))


def _held_here(place: _Place, scope: str) -> bool:
    return bool(place.names) and (scope == WHOLE_LEDGER or scope in place.names or WHOLE_LEDGER in place.names)


def _refusal(ledger: Ledger, wanted: Sequence[str]) -> str:
    """Return in words who holds what of the wanted scopes, and what can be done."""
    whole = WHOLE_LEDGER in wanted
    holders = []
    for row in leases(ledger):
        over = _over(row, wanted)
        if row.alive and over:
            holders.append(f"{row}, which holds {' and '.join(map(_words, over))}")
    who = "; and by ".join(holders) or "another process that has only just begun"
    beside = (
        ""
        if whole or any(WHOLE_LEDGER in text for text in holders)
        else "; a campaign on other genes with an `error.stream` of its own runs beside it"
    )
    return f"{ledger!r} is being coordinated by {who}; wait for it, or stop it and start again{beside}"


def _words(scope: str) -> str:
    what, _, name = scope.partition(":")
    if what == "split":
        return f"the split {name[:12]}"
    return f"the error stream {name!r}" if what == "stream" else "the whole ledger"


def _holder(ledger: Ledger, scope: str) -> int | None:
    """Return which process holds the lock of a scope, 0 for one that cannot be seen, None where it is free."""
    with _guard:
        place = _places.get(ledger.place)
        if place is not None and scope in place.names:
            return os.getpid()
        if ledger.path is None:
            return None
        file = _open(ledger.path, place)
        if file is None:
            return None
        try:
            # Byte 0 is of no scope, so that only a lock of the whole file covers it.
            return foreign_holder(file, *((1, 0) if scope == WHOLE_LEDGER else _bytes(scope)))
        finally:
            if place is None:
                file.close()


def _open(path: Path, place: _Place | None) -> IO[bytes] | None:
    """Return the lock file to ask the kernel with: the open one, for closing another would drop its locks."""
    if place is not None:
        return place.file
    try:
        return _lock_file(path).open("rb")
    except OSError:
        return None  # nobody ever coordinated it, or it lies in an archive


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _bytes(scope: str) -> tuple[int, int]:
    """Return length and first byte of a scope's lock; all bytes, however many there are, for the whole ledger."""
    if scope == WHOLE_LEDGER:
        return 0, 0
    return 1, 1 + int(sha256_bytes(scope.encode())[:15], 16)


def _unlock(place: _Place, scope: str) -> None:
    if place.file is not None:
        fcntl.lockf(place.file, fcntl.LOCK_UN, *_bytes(scope))
