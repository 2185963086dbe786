"""A bounded memory of pure results that several claims share: draws of a reference, residuals of a locus."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROOM", "Memo", "array_key"]

ROOM = 256 * 2**20
"""Bytes that one memory of large results may hold."""

Result = TypeVar("Result")


class Memo(Generic[Result]):
    """Keeps the results that were used last; what it returns equals what would be computed anew.

    Parameters
    ----------
    most
        Results kept.
    size
        Returns the bytes of a result; results kept together take up :data:`ROOM` at most. None where all are small.
    """

    def __init__(self, most: int, size: Callable[[Result], int] | None = None) -> None:
        self._most = most
        self._size = size
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Result] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """Return the result under a key, computed if it is not kept; the key must name every input of it."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        result = self._kept[key] = compute()
        self._bytes += self._weigh(result)
        while len(self._kept) > self._most or (self._bytes > ROOM and len(self._kept) > 1):
            self._bytes -= self._weigh(self._kept.popitem(last=False)[1])
        return result

    def _weigh(self, result: Result) -> int:
        return 0 if self._size is None else self._size(result)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0


def array_key(*arrays: NDArray[np.generic] | None) -> str:
    """Return a digest of the shapes, types and bytes of arrays."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            found.update(b"none")
            continue
        found.update(f"{array.shape}{array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
