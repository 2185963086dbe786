"""Entries that were read lately: an entry never changes, so whoever asks again need not read it again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from theodolite.store.chain import Entry

__all__ = ["Remembered"]

_MOST = 1_024


class Remembered:
    """The last entries that a ledger read by id; what is absent is asked for anew each time.

    :func:`~theodolite.store.verify` reads the file itself, so that what was tampered with is seen.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, id: str) -> Entry | None:
        """Return the entry with this id if it was read lately."""
        with self._lock:
            found = self._kept.get(id)
            if found is not None:
                self._kept.move_to_end(id)
            return found

    def put(self, entry: Entry) -> Entry:
        """Keep an entry, and return it."""
        with self._lock:
            self._kept[entry.id] = entry
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return entry
