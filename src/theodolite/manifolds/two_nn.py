"""Intrinsic dimension of gene vectors from the distances to their two nearest neighbours (TwoNN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAST_POINTS", "IntrinsicDimension", "two_nn"]

Floats = NDArray[np.float64]

LEAST_POINTS: Final = 20
"""Fewer points give an interval wider than most of what is compared; seven markers say nothing."""


@dataclass(frozen=True)
class IntrinsicDimension:
    """Estimate of TwoNN.

    Attributes
    ----------
    dimension
        Estimate.
    error
        Its standard error.
    low, high
        95 % interval, as if the ratios of points were independent; neighbours share distances, so it is narrow.
    points
        Distinct rows other than zero that were used.
    zeros, duplicates
        Rows of zeros that were dropped, and repeated rows, of which one was kept.
    """

    dimension: float
    error: float
    low: float
    high: float
    points: int
    zeros: int
    duplicates: int


def two_nn(rows: ArrayLike, *, discard: float = 0.1) -> IntrinsicDimension:
    """Estimate the intrinsic dimension of points from ratios of their second and first neighbours' distances.

    On a manifold of dimension D that is evenly filled over the range of two neighbours, log(r2 / r1) is exponential
    with rate D (Facco, d'Errico, Rodriguez and Laio 2017). The rate is estimated by maximum likelihood without bias,
    the largest ratios, which see the farthest, entering as "at least so large" (censored), and its interval is exact
    for independent ratios.

    Parameters
    ----------
    rows
        Shape (n, width). Rows of zeros (absent genes) are dropped; of equal rows, which have no neighbour at a positive
        distance, one is kept.
    discard
        Share of the largest ratios that is censored, from 0 to below 1.

    Raises
    ------
    ValueError
        If fewer than :data:`LEAST_POINTS` distinct rows are left, or ``discard`` is no share.
    """
    from scipy.stats import gamma
    from sklearn.neighbors import NearestNeighbors

    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"rows of shape {array.shape} must be a matrix (n, width) of finite numbers")
    if not 0.0 <= discard < 1.0:
        raise ValueError(f"discard is {discard!r}; give the share of ratios to censor, from 0 to below 1")
    filled = array[(array != 0.0).any(axis=1)]
    points = np.unique(filled, axis=0)
    n = len(points)
    if n < LEAST_POINTS:
        raise ValueError(
            f"{n} distinct rows are too few for an intrinsic dimension; give {LEAST_POINTS} or more, for which the "
            f"standard error is still a quarter of the estimate"
        )
    distances, _ = NearestNeighbors(n_neighbors=3).fit(points).kneighbors(points)
    ratios = np.sort(np.log(distances[:, 2] / distances[:, 1]))
    seen = max(int(round(n * (1.0 - discard))), 2)
    # Type II censoring: the sum is a gamma variable with shape ``seen`` and scale 1 / D.
    total = float(ratios[:seen].sum() + (n - seen) * ratios[seen - 1])
    if total <= 0.0:
        raise ValueError("every point is as far from its second neighbour as from its first; such a grid has no TwoNN")
    low, high = gamma.ppf([0.025, 0.975], seen) / total
    dimension = (seen - 1) / total
    return IntrinsicDimension(
        dimension=dimension,
        error=dimension / float(np.sqrt(max(seen - 2, 1))),
        low=float(low),
        high=float(high),
        points=n,
        zeros=len(array) - len(filled),
        duplicates=len(filled) - n,
    )
