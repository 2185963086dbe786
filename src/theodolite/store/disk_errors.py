"""What SQLite says of the disk, as errors of the ledger that name the file, the room that is left and the remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from theodolite.files import is_disk_trouble
from theodolite.store.errors import (
    LedgerBusy,
    LedgerDamaged,
    LedgerDiskError,
    LedgerError,
    LedgerFull,
    LedgerReadOnly,
    LedgerUnreachable,
)

__all__ = ["BUSY_SECONDS", "disk_error", "file_words", "free_words"]

BUSY_SECONDS = 30.0
"""How long a connection waits for another one's write."""

_AGAIN = "nothing that was recorded is lost, and the same command continues"


def free_words(path: Path) -> str:
    """Return how much room is left where a file lies, in words."""
    folder = next((item for item in path.absolute().parents if item.is_dir()), Path("/"))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"its folder cannot be read: {error}"
    return f"{free / 2**20:,.1f} MB are free at {folder}"


def disk_error(error: BaseException | None, path: Path | None) -> LedgerError | None:
    """Return the error of the ledger that an error of SQLite means, None where it is about something else.

    Parameters
    ----------
    error
        What the driver raised.
    path
        The ledger's file; None in memory.
    """
    if not isinstance(error, sqlite3.Error):
        return None
    where = "the ledger in memory" if path is None else str(path)
    room = "" if path is None else f" ({free_words(path)})"
    # An extended code holds the primary one in its lowest byte.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and path is not None and not (_writable(path) and _writable(path.parent)):
        # The file is open already; what cannot be made are the log and its index beside it.
        code = sqlite3.SQLITE_READONLY
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerBusy(
                f"{where} was locked by another process for {BUSY_SECONDS:g} s, and an entry takes milliseconds; look "
                "for a program that was stopped while it wrote, or that has the file open"
            )
        case sqlite3.SQLITE_FULL:
            return LedgerFull(f"the disk is full: {where} could not be written{room}; make room, {_AGAIN}")
        case sqlite3.SQLITE_IOERR:
            return LedgerDiskError(
                f"{where} could not be read or written: {error}{room}; look for a full disk, a quota, a limit on the "
                f"size of files (`ulimit -f`) or a failing disk and mend it, {_AGAIN}"
            )
        case sqlite3.SQLITE_READONLY:
            return LedgerReadOnly(
                f"{where} cannot be written: {error}; make the file and its folder writable for this user (a disk that "
                f"is mounted read-only has to be mounted again), or copy the whole folder to where it is; {_AGAIN}"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return LedgerUnreachable(
                f"{where} cannot be opened: {error}{room}; file and folder must be readable, and the folder writable "
                "where the ledger was left in the middle of a write: mend that, or copy the whole folder to a disk "
                "that can be written"
            )
        case sqlite3.SQLITE_CORRUPT:
            return LedgerDamaged(
                f"{where} is damaged: {error}; keep the file as it is, see what `theodolite ledger verify` finds, and "
                "restore the last backup into another workspace with `theodolite ledger restore`"
            )
    return None


def _writable(path: Path) -> bool:
    return not path.exists() or os.access(path, os.W_OK)


def file_words(error: OSError) -> str:
    """Return what an error of a file means, the room that is left there, and the remedy."""
    if error.filename is None:
        return f"{error}; mend that, and the same command continues"
    path = Path(os.fsdecode(error.filename))
    said = f"{path} could not be used: {error.strerror}"
    if not is_disk_trouble(error):
        return f"{said}; mend that, and the same command continues"
    return (
        f"{said} ({free_words(path)}); make room, look for a quota or a limit on the size of files (`ulimit -f`), and "
        "the same command continues"
    )
