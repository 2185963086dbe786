"""Permutations that no later numpy changes.

The raw output of a bit generator and of a seed sequence is the only random stream that numpy promises to keep (NEP 19).
What a ledger has locked (a split, shuffled cells, permuted names) is drawn from it alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["derive_seed", "seeded_bits", "stable_permutation"]


def derive_seed(root: int, *path: str) -> int:
    """Return a seed below 2**53 (exact in every JSON reader) for the named part of a test, from numpy SeedSequence."""
    words = [int.from_bytes(name.encode(), "little") for name in path]
    return int(np.random.SeedSequence([root, *words]).generate_state(1, np.uint64)[0] >> np.uint64(11))


def seeded_bits(seed: int, stream: int) -> np.random.PCG64:
    """Return the bit generator of one purpose (``stream``) under a seed that is not negative."""
    return np.random.PCG64(np.random.SeedSequence([seed, stream]))


def stable_permutation(bits: np.random.PCG64, n: int) -> NDArray[np.intp]:
    """Return a uniform permutation of 0 ... n - 1: the order of n random 64-bit keys."""
    return np.argsort(bits.random_raw(n), kind="stable")
