"""The grid of levels on which planted controls are remembered."""

from __future__ import annotations

from math import floor, log10

__all__ = ["floor_125"]


def floor_125(alpha: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above ``alpha``.

    A control at the rounded level is a little harder than at the level itself, never easier.

    Raises
    ------
    ValueError
        If ``alpha`` is not between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha!r}; a level lies between 0 and 1")
    decade = floor(log10(alpha))
    steps = [float(f"{step}e{power}") for power in (decade - 1, decade, decade + 1) for step in (1, 2, 5)]
    return max(step for step in steps if step <= alpha)
