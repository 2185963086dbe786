"""What a number of draws can show at best (G6), and how many a level asks for."""

from __future__ import annotations

from math import ceil
from typing import Final

from theodolite.gates.evidence.betting import draws_to_reach, wealth_at_zero
from theodolite.plans import EvidenceKind

__all__ = ["B_MAX", "draws_for", "equivalent_p_level", "resolves"]

B_MAX: Final = 100_000


def _require_level(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha!r}; a level lies between 0 and 1")


def draws_for(alpha: float, b_max: int = B_MAX) -> int:
    """Return the draws for a test at ``alpha``: the least of 1, 2, 5, 10, 20, ... with B + 1 >= 20 / alpha.

    Twenty times the reciprocal keeps the Monte-Carlo error of p near the level at a fifth of it. Capped at ``b_max``,
    which may then fail to resolve the level: see :func:`resolves`.

    Raises
    ------
    ValueError
        If ``alpha`` is not between 0 and 1.
    """
    _require_level(alpha)
    wanted = ceil(20.0 / alpha) - 1
    decade = 1
    while decade < b_max:
        for step in (1, 2, 5):
            if step * decade >= wanted:
                return min(step * decade, b_max)
        decade *= 10
    return b_max


def resolves(draws: int, alpha: float, kind: EvidenceKind = "p") -> bool:
    """Return whether ``draws`` draws without exceedance reach ``alpha``: ``B + 1 >= 1 / alpha``, or W_B for betting."""
    if kind == "e":
        return wealth_at_zero(draws) * alpha >= 1.0
    return (draws + 1) * alpha >= 1.0


def equivalent_p_level(alpha: float, b_max: int = B_MAX) -> float:
    """Return the p-value that a bettor needs, about, to reach the wealth ``1 / alpha``; for power before the test.

    It is ``1 / (n + 1)`` with n the least draws that reach it without exceedance. At that p a run of n draws without
    exceedance is a matter of chance, and some runs with an early exceedance still win later, so that the power of a
    fixed test at this level is close to that of the bettor. n counts at most ``b_max``: a level that they cannot reach
    fails :func:`resolves`.

    Raises
    ------
    ValueError
        If ``alpha`` is not between 0 and 1.
    """
    _require_level(alpha)
    return 1.0 / (min(draws_to_reach(1.0 / alpha), b_max) + 1)
