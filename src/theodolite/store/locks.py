"""Asking the kernel who holds a lock on part of a file, without taking it."""

from __future__ import annotations

import fcntl
import struct
import sys
from typing import IO, Final

__all__ = ["foreign_holder"]

# `struct flock` where offsets have 64 bits; Linux pads it to 32 bytes.
_DARWIN: Final = sys.platform == "darwin"
_LAYOUT: Final = struct.Struct("@qqihh" if _DARWIN else "@hhqqi0q")


def foreign_holder(file: IO[bytes], length: int, first: int) -> int | None:
    """Return which other process holds a write lock over any of some bytes, None if none does.

    Parameters
    ----------
    file
        Open in any mode. Locks of this process are not seen.
    length, first
        How many bytes, 0 for all there may ever be, from which on.

    Returns
    -------
    int or None
        Its id; 0 for a process that this one cannot see, in another container.
    """
    wanted = (first, length, 0, fcntl.F_WRLCK, 0) if _DARWIN else (fcntl.F_WRLCK, 0, first, length, 0)
    found = _LAYOUT.unpack(fcntl.fcntl(file, fcntl.F_GETLK, _LAYOUT.pack(*wanted)))
    kind, pid = (found[3], found[2]) if _DARWIN else (found[0], found[4])
    return None if kind == fcntl.F_UNLCK else max(int(pid), 0)
