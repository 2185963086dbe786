"""Rank correlation over a handful of layers, with permutation p-values that a handful of points can give."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from theodolite.gates.evidence import monte_carlo_p

__all__ = ["EXACT_POINTS", "RankCorrelation", "rank_correlation"]

Floats = NDArray[np.float64]

EXACT_POINTS = 8
"""Up to so many points all orders (40,320 of eight) are counted; beyond, orders are drawn."""
_DRAWS = 9_999
_TIE = 1e-12


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation.

    Attributes
    ----------
    rho
        The correlation; 0 where one side does not vary.
    p
        Two-sided permutation p-value. It takes points as exchangeable, which layers that pass one stream on to the
        next are not: read it as a description, and the interval over genes as the uncertainty.
    floor
        The smallest p that so many points, or draws, can give.
    exact
        Whether all orders were counted.
    """

    rho: float
    p: float
    floor: float
    exact: bool


def _standardised(values: Floats) -> Floats | None:
    rank = rankdata(values)
    rank = rank - rank.mean()
    size = float(np.sqrt((rank**2).sum()))
    return None if size < _TIE else np.asarray(rank / size)


def rank_correlation(x: Floats, y: Floats, seed: int = 0) -> RankCorrelation:
    """Return Spearman's rho of two vectors (n,), and its permutation p.

    The usual t-approximation has no meaning for a few points: at rho 1 it gives 0 whatever n, where n = 5 can give no
    less than 2 / 120.

    Raises
    ------
    ValueError
        If there are fewer than three points, or the lengths differ.
    """
    if len(x) != len(y) or len(x) < 3:
        raise ValueError(f"a rank correlation of {len(x)} and {len(y)} points; need three or more of each")
    first, second = _standardised(x), _standardised(y)
    exact = len(x) <= EXACT_POINTS
    if exact:
        orders = np.array(list(permutations(range(len(x)))))
        # orders that reverse one another give the two signs, so no p is below two of them
        floor = 2.0 / len(orders)
    else:
        rng = np.random.default_rng(seed)
        orders = rng.permuted(np.tile(np.arange(len(x)), (_DRAWS, 1)), axis=1)
        floor = monte_carlo_p(0, _DRAWS)
    if first is None or second is None:
        return RankCorrelation(0.0, 1.0, floor, exact)
    rho = float(first @ second)
    beyond = int((np.abs(second[orders] @ first) >= abs(rho) - _TIE).sum())
    p = beyond / len(orders) if exact else monte_carlo_p(beyond, _DRAWS)
    return RankCorrelation(float(np.clip(rho, -1.0, 1.0)), p, floor, exact)
