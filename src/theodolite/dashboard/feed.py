"""One look at the ledger a second for everybody who follows it live.

A single task looks in a worker thread and keeps the newest rows; all readers take from these, each from the row where
it is. One that is further behind than what is kept reads the ledger itself until it has caught up. So a slow reader
holds nothing up, loses nothing, and costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from theodolite.store import Ledger
from theodolite.store.live import RowLine, rows_after

__all__ = ["Feed", "Reader", "State"]

_LOG = logging.getLogger("theodolite.dashboard")
_KEPT, _PAGE = 1_024, 256


@dataclass(frozen=True)
class State:
    """What a topic looks like, and the how-many-th look that is."""

    number: int
    content: str


class Feed:
    """What is appended to a ledger, and how what readers follow stands.

    Parameters
    ----------
    ledger
        Opened for reading.
    poll_seconds
        How often it is looked at while anybody follows.
    describe
        Says how a topic stands, as readers are sent it; called in a worker thread.

    Attributes
    ----------
    looks
        How often the ledger was looked at.
    """

    def __init__(self, ledger: Ledger, poll_seconds: float, describe: Callable[[str], str]) -> None:
        self.looks = 0
        self._ledger = ledger
        self._seconds = poll_seconds
        self._describe = describe
        self._head = 0
        self._rows: deque[RowLine] = deque(maxlen=_KEPT)
        self._topics: Counter[str] = Counter()
        self._states: dict[str, State] = {}
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closing.is_set()

    @property
    def readers(self) -> int:
        """How many follow."""
        return self._topics.total()

    async def run(self) -> None:
        """Look again and again, until closed; while nobody follows, wait for somebody."""
        while not self.closed:
            await self._wanted.wait()
            if self.closed:
                return
            try:
                rows, states = await asyncio.to_thread(self._look, tuple(self._topics))
            except Exception:  # noqa: BLE001 - whatever it is, it may pass, and readers wait meanwhile
                _LOG.exception("the ledger could not be looked at; it is tried again")
            else:
                self._publish(rows, states)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._seconds)

    def close(self) -> None:
        """End it, and with it every stream."""
        self._closing.set()
        self._wanted.set()
        self._wake()

    @contextmanager
    def follow(self, topic: str, after: int) -> Iterator[Reader]:
        """Give a reader its place: it is handed everything behind the row ``after``, and how the topic stands."""
        self._topics[topic] += 1
        self._wanted.set()
        try:
            yield Reader(self, topic, after)
        finally:
            self._topics[topic] -= 1
            if not self._topics[topic]:
                del self._topics[topic]
                self._states.pop(topic, None)
            if not self._topics and not self.closed:
                self._wanted.clear()

    def _look(self, topics: Sequence[str]) -> tuple[list[RowLine], dict[str, str]]:
        self.looks += 1
        # After a time without readers only what is kept anyway; whoever is further behind reads the ledger.
        rows, behind = [], max(self._head, self._ledger.head().seq - _KEPT)
        while page := rows_after(self._ledger, behind, _PAGE):
            rows += page
            behind = page[-1].seq
        states = {}
        for topic in topics:
            try:
                states[topic] = self._describe(topic)
            except Exception:  # noqa: BLE001 - one campaign that cannot be told stops no other, and no event
                _LOG.exception("how %r stands could not be told", topic)
        return rows, states

    def _publish(self, rows: Sequence[RowLine], states: dict[str, str]) -> None:
        if rows and rows[0].seq != self._head + 1:
            self._rows.clear()
        self._rows.extend(rows)
        self._head = rows[-1].seq if rows else self._head
        changed = bool(rows)
        for topic, content in states.items():
            known = self._states.get(topic)
            if topic in self._topics and (known is None or known.content != content):
                self._states[topic] = State(1 if known is None else known.number + 1, content)
                changed = True
        if changed:
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def kept_after(self, seq: int) -> list[RowLine] | None:
        """Return the next rows of those that are kept; None where the ledger must be asked."""
        if seq >= self._head:
            return []
        if not self._rows or self._rows[0].seq > seq + 1:
            return None
        start = seq + 1 - self._rows[0].seq
        return [self._rows[place] for place in range(start, min(start + _PAGE, len(self._rows)))]

    async def read_after(self, seq: int) -> list[RowLine]:
        """Return the next rows as the ledger has them."""
        return await asyncio.to_thread(rows_after, self._ledger, seq, _PAGE)

    def state(self, topic: str) -> State | None:
        """Return how a topic stood at the last look."""
        return self._states.get(topic)

    @property
    def changed(self) -> asyncio.Event:
        """Set as soon as there is anything new; taken before looking for it, so that nothing is missed between."""
        return self._changed


class Reader:
    """One who follows, from the row where it is.

    Parameters
    ----------
    feed
        Whom it follows.
    topic
        What it wants to know the state of.
    after
        The row behind which it begins.
    """

    def __init__(self, feed: Feed, topic: str, after: int) -> None:
        self._feed = feed
        self._topic = topic
        self._after = after
        self._number = 0

    async def next(self, patience: float) -> tuple[list[RowLine], State | None]:
        """Return the next rows, oldest first, and the state where it is new; neither where ``patience`` was in vain.

        Raises
        ------
        LedgerError
            If rows must be read that are no longer kept, and cannot be.
        """
        changed = self._feed.changed
        rows, state = await self._rows(), self._state()
        if not rows and state is None and not self._feed.closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), patience)
                rows, state = await self._rows(), self._state()
        return rows, state

    async def _rows(self) -> list[RowLine]:
        rows = self._feed.kept_after(self._after)
        if rows is None:
            rows = await self._feed.read_after(self._after)
        if rows:
            self._after = rows[-1].seq
        return rows

    def _state(self) -> State | None:
        state = self._feed.state(self._topic)
        if state is None or state.number == self._number:
            return None
        self._number = state.number
        return state
