"""Seeds of a campaign, each for a purpose of its own, and the generators that a tool may draw from."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np

from theodolite.canonical import digest

__all__ = ["derived_seed", "seed_generators", "short_seed"]


@lru_cache(maxsize=4_096)
def derived_seed(root: int, name: str, *purpose: str) -> int:
    """Return the seed for a purpose of a campaign of this root seed and name."""
    said = digest([name, *purpose])
    words = [int(said[start : start + 8], 16) for start in (0, 8, 16, 24)]
    return int(np.random.SeedSequence([root, *words]).generate_state(1, np.uint64)[0] >> 1)


def short_seed(seed: int) -> int:
    """Return the seed of 32 bits that follows from one of any length: not every library takes a longer one."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint32)[0])


def seed_generators(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators, so that whatever a tool draws of them is the same each time."""
    import torch

    state = np.random.SeedSequence(seed).generate_state(3, np.uint32)
    random.seed(int(state[0]))
    np.random.seed(int(state[1]))
    torch.manual_seed(int(state[2]))
