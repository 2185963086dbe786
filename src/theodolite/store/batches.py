"""Several appends in one transaction: what a thread has written and not committed yet."""

from __future__ import annotations

import threading

from sqlalchemy import Connection

from theodolite.store.chain import Entry

__all__ = ["Batch"]


class Batch(threading.local):
    """The transaction that the appends of a thread share, None outside of a batch.

    Attributes
    ----------
    connection
        Holds the write lock.
    appended
        Entries, read or written, that are remembered once it is committed.
    written
        Those that were written, which are logged then.
    broken
        The error of an append that left half of an entry behind; such a transaction is not committed.
    """

    connection: Connection | None = None
    appended: list[Entry]
    written: list[Entry]
    broken: BaseException | None = None
