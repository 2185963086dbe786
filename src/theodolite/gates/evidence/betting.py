"""The betting e-process on exceedances (Fischer and Ramdas, JRSS-B 2025, arXiv 2401.07365).

A bettor sees, draw by draw, whether a permuted statistic reaches the observed one, and bets that it does not. Under a
true null the observed statistic and its draws are exchangeable, so after t draws with L exceedances the next one is an
exceedance with probability (L + 1) / (t + 2). The bettor's own probability is (L + a) / (t + a + b), that of a mixture
of coins with theta ~ Beta(a, b); the wealth is the product of the ratios::

    W_t = [Beta(L + a, t - L + b) / Beta(a, b)] / Beta(L + 1, t - L + 1)

It has mean 1 under the null at every stopping time, so it may be stopped whenever one likes. As the bettor always holds
an exceedance for less likely than the null does, a tie that is counted as one only takes wealth away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import poch

__all__ = ["BET_A", "BET_B", "draws_to_reach", "wealth", "wealth_at_zero"]

Floats = NDArray[np.float64]

BET_A: Final = 0.3
BET_B: Final = 30.0
"""The mixture, locked: near one exceedance in a hundred, with weight close to none."""
_SHORTEST = 1 << 10


@lru_cache(maxsize=16)
def _products(length: int, a: float, b: float) -> tuple[Floats, Floats, Floats]:
    """Return what runs of exceedances, of misses and of draws contribute, for 0 to ``length`` of each.

    Plain products: they stay far inside the range of doubles for a million draws, and multiplication and division give
    the same bits on every machine, which logarithms need not.
    """
    step = np.arange(length, dtype=np.float64)
    ratios = ((step + a) / (step + 1.0), (step + b) / (step + 1.0), (step + a + b) / (step + 2.0))
    hit, miss, drawn = (np.concatenate([[1.0], np.cumprod(ratio)]) for ratio in ratios)
    return hit, miss, drawn


def wealth(exceedances: ArrayLike, draws: ArrayLike, a: float = BET_A, b: float = BET_B) -> Floats:
    """Return the wealth after ``draws`` draws, ``exceedances`` of which reached the observed statistic.

    Parameters
    ----------
    exceedances, draws
        Whole numbers, 0 <= exceedances <= draws, of shapes that broadcast.
    a, b
        Parameters of the mixture; a verdict uses :data:`BET_A` and :data:`BET_B`.

    Returns
    -------
    numpy.ndarray
        The wealth, 1 before any draw.

    Raises
    ------
    ValueError
        If there are more exceedances than draws, or fewer than none.
    """
    lost, drawn = np.asarray(exceedances, dtype=np.int64), np.asarray(draws, dtype=np.int64)
    if (lost < 0).any() or (lost > drawn).any():
        raise ValueError("exceedances are counted among the draws; need 0 <= exceedances <= draws")
    length = max(_SHORTEST, 1 << int(drawn.max(initial=1) - 1).bit_length())
    hit, miss, total = _products(length, a, b)
    return np.asarray(hit[lost] * miss[drawn - lost] / total[drawn])


def wealth_at_zero(draws: int, a: float = BET_A, b: float = BET_B) -> float:
    """Return the wealth after ``draws`` draws without one exceedance: the most that they can show.

    Raises
    ------
    ValueError
        If ``draws`` is negative.
    """
    if draws < 0:
        raise ValueError(f"{draws!r} draws; need 0 or more")
    return float((draws + 1) * poch(b, a) / poch(draws + b, a))


@lru_cache(maxsize=1_024)
def draws_to_reach(threshold: float) -> int:
    """Return the least number of draws whose wealth without exceedance reaches ``threshold``.

    Raises
    ------
    ValueError
        If the threshold is not a finite number of at least 1.
    """
    if not 1.0 <= threshold < float("inf"):
        raise ValueError(f"threshold is {threshold!r}; wealth starts at 1, so it must be a finite number from 1 up")
    below, reached = -1, 1
    while wealth_at_zero(reached) < threshold:
        below, reached = reached, 2 * reached
    while reached - below > 1:
        middle = (below + reached) // 2
        if wealth_at_zero(middle) < threshold:
            below = middle
        else:
            reached = middle
    return reached
