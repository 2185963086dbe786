"""Counting draws against an observed statistic, and the p-value of a fixed number of draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["exceedances", "exceeding", "monte_carlo_p"]

_TIE = 1e-9


def exceeding(statistics: NDArray[np.float64], observed: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which draws are at least as large as the observed statistic; equal up to 1e-9 of its size counts."""
    return np.asarray(statistics >= observed - _TIE * np.maximum(1.0, np.abs(observed)))


def exceedances(statistics: NDArray[np.float64], observed: float) -> int:
    """Count draws at least as large as the observed statistic; equal up to 1e-9 of its size is a tie and counts."""
    return int(exceeding(statistics, observed).sum())


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
