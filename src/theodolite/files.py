"""Writing files so that a reader sees all of a file or none of it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

__all__ = ["is_disk_trouble", "sync_folder", "write_atomically"]


_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


def is_disk_trouble(error: OSError) -> bool:
    """Return whether an error is the disk's: full, over a quota or a limit, mounted read-only, or failing."""
    return error.errno in _DISK_TROUBLE


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file under its name only once all of it is on disk; an older file of that name stays until then.

    Parameters
    ----------
    path
        Where; its folder is made if it does not exist.
    content
        What.

    Raises
    ------
    OSError
        Naming the file, if the folder cannot be written to or the disk is full; then nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        # A write to a full disk says neither which file nor which disk.
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries, or a file's content, are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
