"""Several appends in one transaction: what a thread has written and not committed yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection

from theodolite.store.chain import Entry
from theodolite.store.errors import LedgerConflict

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

    @contextmanager
    def shared(self, write: Callable[[], AbstractContextManager[Connection]]) -> Iterator[None]:
        """Hold one transaction for whatever is appended inside; inside another batch, that one's."""
        if self.connection is not None:
            yield
            return
        try:
            with write() as connection:
                self.connection, self.appended, self.written, self.broken = connection, [], [], None
                yield
                if self.broken is not None:
                    raise LedgerConflict(
                        f"nothing of the batch was recorded, for one of its entries was refused: {self.broken}"
                    ) from self.broken
        finally:
            self.connection = None
