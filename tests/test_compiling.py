"""Loops compiled either way add up what they say, and keep what is no number; one of them in the order of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theodolite.compiling import compiled, compiled_loosely


def total(values: np.ndarray) -> float:
    found = 0.0
    for place in range(len(values)):
        found += values[place]
    return found


VALUES = np.random.default_rng(0).standard_normal(10_001)


@pytest.mark.parametrize("way", [compiled, compiled_loosely])
def test_a_loop_adds_up_and_keeps_what_is_no_number(way: Callable[[Any], Any]) -> None:
    fast = way(total)
    assert fast(VALUES) == pytest.approx(math.fsum(VALUES), abs=1e-9)
    assert fast(VALUES) == fast(VALUES.copy())
    for odd in (np.nan, np.inf, -np.inf):
        changed = VALUES.copy()
        changed[77] = odd
        np.testing.assert_equal(fast(changed), odd)


def test_a_loop_that_is_compiled_strictly_adds_in_its_own_order() -> None:
    assert compiled(total)(VALUES) == total(VALUES)
