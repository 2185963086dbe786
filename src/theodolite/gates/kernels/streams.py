"""Random streams by counter: draw ``k`` of a seed is found without making the draws before it."""

from __future__ import annotations

import numpy as np

from theodolite.compiling import compiled

__all__ = ["STEP", "mix", "stream", "uniform_below"]

STEP = np.uint64(0x9E3779B97F4A7C15)
"""What a stream's counter grows by from one number to the next."""


@compiled
def mix(state: np.uint64) -> np.uint64:
    """Finalise a counter (splitmix64; Steele, Lea and Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@compiled
def stream(seed: np.uint64, index: int) -> np.uint64:
    """Return where draw ``index`` of a seed starts; hashing both keeps neighbouring draws unrelated."""
    return mix(mix(seed + STEP) ^ mix(np.uint64(index) + np.uint64(0xD1B54A32D192ED03)))


@compiled
def uniform_below(state: np.uint64, limit: int) -> np.int64:
    """Return a whole number from 0 to ``limit - 1``, by multiply-shift on 32 bits: its bias is below limit / 2**32."""
    return np.int64(((mix(state) >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32))
