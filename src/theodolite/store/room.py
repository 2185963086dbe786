"""Whether a folder can take what will be written to it: permission, room, inodes, and the kind of file system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from theodolite.store.folders import network_file_system

__all__ = ["LEAST_BYTES", "LEAST_FILES", "Concern", "existing", "folder_concerns", "ledger_concerns"]

LEAST_BYTES = 100 * 2**20
"""Free bytes below which nothing is begun, however little is to be written."""
LEAST_FILES = 1_000
"""Free inodes below which nothing is begun."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something about a folder that stands in the way, or soon will.

    Attributes
    ----------
    said
        What, with the remedy.
    fatal
        Whether nothing may be begun there.
    """

    said: str
    fatal: bool


def folder_concerns(folder: Path, *, needed: int = 0, files: int = 0, what: str = "the campaign") -> Iterator[Concern]:
    """Yield what speaks against writing to a folder that exists or will be made.

    Below what is needed nothing is begun; below twice as much there is a warning.

    Parameters
    ----------
    folder
        Where.
    needed
        Bytes that are going to be written, by estimate.
    files
        Files that are going to be made, by estimate.
    what
        What writes, in words.
    """
    place = existing(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        yield Concern(
            f"{place} cannot be written by this user; change its permissions (a disk that is mounted read-only has to "
            "be mounted again), or name another workspace",
            fatal=True,
        )
        return
    try:
        found = os.statvfs(place)
    except OSError as error:
        yield Concern(f"nothing is known of the disk of {place}: {error}", fatal=False)
        return
    free, least = found.f_bavail * found.f_frsize, LEAST_BYTES + needed
    if free < 2 * least:
        yield Concern(
            f"{_size(free)} are free at {place}, and {what} needs about {_size(least)}; make room or name a workspace "
            "on another disk",
            fatal=free < least,
        )
    # File systems that make inodes as they go say that they have none at all.
    least_files = LEAST_FILES + files
    if found.f_files and found.f_favail < 2 * least_files:
        yield Concern(
            f"{found.f_favail:,} more files can be made at {place} (inodes), and {what} needs about {least_files:,}; "
            "remove files that are not needed or name a workspace on another disk",
            fatal=found.f_favail < least_files,
        )


def ledger_concerns(ledger: Path) -> Iterator[Concern]:
    """Yield what speaks against writing to a ledger that may not exist yet: its file, its folder, the file system."""
    kind = network_file_system(existing(ledger.parent))
    if kind is not None:
        yield Concern(
            f"{ledger.parent} is on a network file system ({kind}), on which SQLite's write-ahead log can corrupt the "
            "ledger; put the workspace on a local disk, and back it up to the network with `theodolite ledger backup`",
            fatal=True,
        )
    for path in (ledger, *(ledger.with_name(ledger.name + end) for end in ("-wal", "-shm", ".lock"))):
        if path.exists() and not os.access(path, os.W_OK):
            yield Concern(
                f"{path} cannot be written by this user; change its owner or permissions, or make a workspace of your "
                "own from it: `theodolite ledger backup`, then `restore`",
                fatal=True,
            )


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest folder above it that exists."""
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _size(number: int) -> str:
    return f"{number / 2**30:.1f} GB" if number >= 2**30 else f"{number / 2**20:.0f} MB"
