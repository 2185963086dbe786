"""Monte-Carlo evidence against one null: exceedances, p, and what its draws could have shown."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

__all__ = ["B_MAX", "draws_for", "exceedances", "monte_carlo_p", "resolves"]

B_MAX = 100_000
_TIE = 1e-9


def exceedances(statistics: NDArray[np.float64], observed: float) -> int:
    """Count draws at least as large as the observed statistic; equal up to 1e-9 of its size is a tie and counts."""
    return int((statistics >= observed - _TIE * max(1.0, abs(observed))).sum())


def monte_carlo_p(exceeding: int, draws: int) -> float:
    """Return ``(b + 1) / (B + 1)``, never 0 (Phipson and Smyth 2010).

    Raises
    ------
    ValueError
        If not 0 <= b <= B with B at least 1.
    """
    if draws < 1 or not 0 <= exceeding <= draws:
        raise ValueError(f"{exceeding!r} exceedances in {draws!r} draws; need 0 <= b <= B and B >= 1")
    return (exceeding + 1) / (draws + 1)


def draws_for(alpha: float, b_max: int = B_MAX) -> int:
    """Return the draws for a test at ``alpha``: the least of 1, 2, 5, 10, 20, ... with B + 1 >= 20 / alpha.

    Twenty times the reciprocal keeps the Monte-Carlo error of p near the level at a fifth of it. Capped at ``b_max``,
    which may then fail to resolve the level: see :func:`resolves`.

    Raises
    ------
    ValueError
        If ``alpha`` is not between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha!r}; a level lies between 0 and 1")
    wanted = ceil(20.0 / alpha) - 1
    decade = 1
    while decade < b_max:
        for step in (1, 2, 5):
            if step * decade >= wanted:
                return min(step * decade, b_max)
        decade *= 10
    return b_max


def resolves(draws: int, alpha: float) -> bool:
    """Return whether p can reach ``alpha``: ``B + 1 >= 1 / alpha`` (the evidence at zero exceedances)."""
    return (draws + 1) * alpha >= 1.0
