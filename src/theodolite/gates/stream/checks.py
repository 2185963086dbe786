"""What counts as a p-value and as an e-value."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

__all__ = ["checked_e", "checked_e_values", "checked_p", "checked_p_values"]


def checked_p(p: float) -> float:
    """Return ``p`` if it lies in [0, 1], else raise a ValueError."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p is {p!r}; a p-value lies between 0 and 1")
    return float(p)


def checked_e(e: float) -> float:
    """Return ``e`` if it is finite and not negative, else raise a ValueError."""
    if not (isfinite(e) and e >= 0.0):
        raise ValueError(f"e is {e!r}; an e-value is a finite number of at least 0")
    return float(e)


def checked_p_values(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of one claim, at least one; else raise a ValueError."""
    if len(p_values) == 0:
        raise ValueError("no p-values to merge; a claim is tested at least once")
    return [checked_p(p) for p in p_values]


def checked_e_values(e_values: Sequence[float]) -> list[float]:
    """Return the e-values of one claim, at least one; else raise a ValueError."""
    if len(e_values) == 0:
        raise ValueError("no e-values to merge; a claim is tested at least once")
    return [checked_e(e) for e in e_values]
