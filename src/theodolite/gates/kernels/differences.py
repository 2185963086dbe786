"""Differences between all values of two lists, counted without writing them down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled

__all__ = ["differences_within"]

Floats = NDArray[np.float64]


@compiled
def _within(first: Floats, second: Floats, most: float) -> int:
    count = reached = 0
    for value in first:
        while reached < len(second) and value - second[reached] > most:
            reached += 1
        count += len(second) - reached
    return count


def differences_within(first: Floats, second: Floats, most: float) -> int:
    """Return how many differences, a value of ``first`` less one of ``second``, are at most ``most``.

    Both are sorted, shapes (m,) and (k,); one pass over each.
    """
    return int(_within(first, second, most))
