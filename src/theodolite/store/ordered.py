"""Collections that are given in order again and again, and that change a little in between."""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

__all__ = ["InOrder", "WordCounts"]

_Item = TypeVar("_Item")


class WordCounts:
    """Words that are counted, and given sorted, each once."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._listed: list[str] = []
        self._sorted: tuple[str, ...] | None = ()

    def add(self, word: str, times: int) -> None:
        """Count a word so many times more, or fewer."""
        before = self._counts[word]
        self._counts[word] = now = before + times
        if (before > 0) is not (now > 0):
            self._sorted = None
            if now > 0:
                self._listed.append(word)
            else:
                self._listed.remove(word)

    def __contains__(self, word: str) -> bool:
        return self._counts[word] > 0

    def all(self) -> tuple[str, ...]:
        """Return the words whose count is above zero."""
        if self._sorted is None:
            self._listed.sort()
            self._sorted = tuple(self._listed)
        return self._sorted


class InOrder(Generic[_Item]):
    """Items by number, and all of them in order; what comes last, as most do, is put behind the others."""

    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._all: tuple[_Item, ...] = ()
        self._behind: list[_Item] = []
        self._last = 0
        self._mixed = False

    def put(self, number: int, item: _Item) -> None:
        """Put an item in the place of the one of this number."""
        self._items[number] = item
        if number > self._last:
            self._last = number
            self._behind.append(item)
        else:
            self._mixed = True

    def drop(self, number: int) -> _Item | None:
        """Take an item out and return it, None where there was none."""
        item = self._items.pop(number, None)
        if item is not None:
            self._mixed = True
        return item

    def __contains__(self, number: int) -> bool:
        return number in self._items

    def all(self) -> tuple[_Item, ...]:
        """Return the items by their number."""
        if self._mixed:
            self._all = tuple(self._items[number] for number in sorted(self._items))
        elif self._behind:
            self._all = (*self._all, *self._behind)
        self._behind, self._mixed = [], False
        return self._all
