"""Seeds of a campaign, each for a purpose of its own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from theodolite.canonical import digest

__all__ = ["derived_seed"]


@lru_cache(maxsize=4_096)
def derived_seed(root: int, name: str, *purpose: str) -> int:
    """Return the seed for a purpose of a campaign of this root seed and name."""
    said = digest([name, *purpose])
    words = [int(said[start : start + 8], 16) for start in (0, 8, 16, 24)]
    return int(np.random.SeedSequence([root, *words]).generate_state(1, np.uint64)[0] >> 1)
