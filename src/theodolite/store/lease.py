"""The one coordinator of a ledger: a lock that the kernel drops with the process, and a row that says who holds it.

A lock rather than a process id alone: ids are used again (in a container every coordinator may be process 1), and a
killed coordinator must not keep its successor out. The lock is of the process, so that workers forked by a killed
coordinator do not hold it either.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sqlalchemy import delete, insert, select

from theodolite.store.errors import LedgerBusy
from theodolite.store.schema import ops_lease

if TYPE_CHECKING:
    from theodolite.store.ledger import Ledger

__all__ = ["coordinate", "held_here", "lock_file"]

# A process's own second lock on a file succeeds, and closing either file drops both; so it is refused here.
_held: set[str] = set()
_guard = threading.Lock()


@contextmanager
def coordinate(ledger: Ledger, name: str) -> Iterator[None]:
    """Hold the lease of a ledger under a name; see :meth:`Ledger.coordinator`."""
    place = f"memory:{id(ledger)}" if ledger.path is None else str(ledger.path.resolve())
    with _guard:
        if place in _held:
            raise LedgerBusy(_holder(ledger))
        lock = None if ledger.path is None else _lock(ledger, ledger.path)
        _held.add(place)
    try:
        with ledger.write() as connection:
            connection.execute(delete(ops_lease))
            connection.execute(
                insert(ops_lease).values(
                    scope="ledger", name=name, pid=os.getpid(), host=socket.gethostname(), at=ledger.now()
                )
            )
        yield
        with ledger.write() as connection:
            connection.execute(delete(ops_lease))
    finally:
        with _guard:
            _held.discard(place)
            if lock is not None:
                lock.close()


def lock_file(path: Path) -> Path:
    """Return the file that the coordinator of a ledger's file locks."""
    return path.with_name(path.name + ".lock")


def held_here(path: Path) -> bool:
    """Return whether this very process coordinates a ledger's file; it must not open the lock file a second time."""
    with _guard:
        return str(path.resolve()) in _held


def _lock(ledger: Ledger, path: Path) -> TextIO:
    file = lock_file(path).open("a")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LedgerBusy(_holder(ledger)) from None
    return file


def _holder(ledger: Ledger) -> str:
    with ledger.read() as connection:
        row = connection.execute(select(ops_lease)).first()
    who = "another process" if row is None else f"{row.name!r}, process {row.pid} on {row.host} since {row.at}"
    return f"{ledger!r} is being coordinated by {who}; wait for it, or stop it and start again"
