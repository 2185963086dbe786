"""Stand-in scores: random scores that share as much within homology families as the scores they stand in for.

Power and the planted controls ask what a test would do, without the observed statistic. They need scores of the same
covariance class: the share of the variance that paralogues have in common, on a coarse grid so that claims on one
reference share their controls. The share is estimated without the labels.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHARES", "covariance_share", "nearest_share", "random_genes", "random_pairs", "random_regulation"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SHARES: Final = (0.0, 0.25, 0.5, 0.75)
"""Covariance classes: the share of the variance that genes of a family have in common."""


def covariance_share(score: Floats, family: Ints, candidates: Bools) -> float:
    """Return the share of the variance of scores that the rows of a family have in common, between 0 and 1.

    It is the mean product of two rows of a family at the same column over the mean square, after the mean was taken
    out: the moment estimator of an intraclass correlation.

    Parameters
    ----------
    score
        Shape (n, m).
    family
        Shape (n,): index of the family of each row.
    candidates
        Shape (n, m): the scores that count.

    Returns
    -------
    float
        0 where no family has two rows, or scores do not vary.
    """
    counted = candidates.astype(np.float64)
    centred = np.where(candidates, score - score[candidates].mean(), 0.0)
    shape = (int(family.max()) + 1, score.shape[1])
    sums, squares, rows = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for total, part in ((sums, centred), (squares, centred**2), (rows, counted)):
        np.add.at(total, family, part)
    together = float((rows * (rows - 1.0)).sum())
    variance = float(squares.sum() / counted.sum())
    if together == 0.0 or variance == 0.0:
        return 0.0
    return float(np.clip((sums**2 - squares).sum() / together / variance, 0.0, 1.0))


def nearest_share(share: float) -> float:
    """Return the covariance class that is nearest to a share."""
    return min(SHARES, key=lambda known: abs(known - share))


def _alike(family: Ints, width: int, share: float, rng: np.random.Generator) -> Floats:
    """Return Gaussian rows (n, width) of unit variance whose families have ``share`` of it in common."""
    common = rng.standard_normal((int(family.max()) + 1, width))[family]
    return np.asarray(share**0.5 * common + (1.0 - share) ** 0.5 * rng.standard_normal((len(family), width)))


def random_genes(family: Ints, share: float, rng: np.random.Generator) -> Floats:
    """Return a score of unit variance for each gene, shape (n,)."""
    return _alike(family, 1, share, rng)[:, 0]


def random_regulation(rows: Ints, columns: Ints, share: float, rng: np.random.Generator) -> Floats:
    """Return scores of unit variance, shape (r, t), from the family indices of the rows (r,) and of the columns (t,).

    Two rows of a family correlate by ``share`` at the same column, and two columns of a family at the same row.
    """
    common = _alike(columns, int(rows.max()) + 1, share, rng).T[rows]
    return np.asarray(share**0.5 * common + (1.0 - share) ** 0.5 * _alike(columns, len(rows), share, rng).T)


def random_pairs(family: Ints, share: float, rng: np.random.Generator) -> Floats:
    """Return symmetric scores of unit variance, shape (n, n), for pairs of genes; diagonal entries are larger."""
    score = random_regulation(family, family, share, rng)
    return np.asarray((score + score.T) / 2.0**0.5)
