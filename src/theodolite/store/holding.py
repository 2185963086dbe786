"""Whether whoever coordinates a ledger is alive: the kernel knows who holds the lock, whatever a row says."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from theodolite.store.lease import held_here, lock_file
from theodolite.store.ops import LeaseRow
from theodolite.store.schema import ops_lease, ops_session

if TYPE_CHECKING:
    from theodolite.store.ledger import Ledger

__all__ = ["Holding", "Life", "campaign_run", "holding", "lock_holder"]

# struct flock: type, whence, start, length, process; its order is the system's own.
_FLOCK, _PROCESS = ("qqihh", 2) if sys.platform == "darwin" else ("hhqqi4x", 4)


class Life(StrEnum):
    """Whether a coordinator lives."""

    ALIVE = "alive"
    STALE = "stale"
    """Its row is there, but the kernel's lock is free: it was killed."""
    UNKNOWN = "unknown"
    """It was started on another machine, whose locks cannot be seen from here."""


@dataclass(frozen=True)
class Holding:
    """A coordinator as its row and the kernel say.

    Attributes
    ----------
    lease
        The row.
    life
        Whether it lives.
    confirmed
        Whether the kernel names the very process of the row as the lock's holder, so that it may be signalled.
    """

    lease: LeaseRow
    life: Life
    confirmed: bool


def lock_holder(ledger: Path) -> int | None:
    """Return the process that holds the lock of a ledger's file, None where it is free; the lock is not touched.

    Zero stands for a process that holds it and cannot be seen from here, as in another container.
    """
    if held_here(ledger):
        return os.getpid()
    try:
        with lock_file(ledger).open("rb") as file:
            fields = {"hhqqi4x": (fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0), "qqihh": (0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)}
            asked = struct.pack(_FLOCK, *fields[_FLOCK])
            found = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    free = found[3 if _FLOCK == "qqihh" else 0] == fcntl.F_UNLCK
    return None if free else max(int(found[_PROCESS]), 0)


def holding(ledger: Ledger) -> Holding | None:
    """Return who coordinates a ledger, or did when it was killed; None where nobody does.

    The row is read before and after the lock is looked at: a coordinator that ends meanwhile is no dead one.
    """
    while True:
        lease = _lease(ledger)
        if lease is None:
            return None
        holder = None if ledger.path is None else lock_holder(ledger.path)
        if _lease(ledger) == lease:
            break
    if holder is not None:
        here = lease.host == socket.gethostname()
        return Holding(lease, Life.ALIVE, here and holder == lease.pid)
    return Holding(lease, Life.STALE if lease.host == socket.gethostname() else Life.UNKNOWN, False)


def campaign_run(ledger: Ledger, lease: LeaseRow) -> str | None:
    """Return the campaign whose session the coordinator of a lease has begun and not ended, None where there is none.

    Sessions that a killed coordinator left open began before the lease.
    """
    query = (
        select(ops_session.c.campaign)
        .where(ops_session.c.started_at >= lease.at, ops_session.c.ended.is_(None))
        .order_by(ops_session.c.number.desc())
        .limit(1)
    )
    with ledger.read() as connection:
        return connection.execute(query).scalar()


def _lease(ledger: Ledger) -> LeaseRow | None:
    with ledger.read() as connection:
        row = connection.execute(select(ops_lease).order_by(ops_lease.c.at.desc()).limit(1)).mappings().first()
    return None if row is None else LeaseRow(**row)
