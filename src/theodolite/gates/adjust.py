"""Label-free adjustment of scores before any statistic: what gene statistics or hubs alone would give is taken out.

Nothing here sees the reference, so an adjusted score is as exchangeable under the nulls as the raw one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.kernels import permutations
from theodolite.gates.schemes import Scheme

__all__ = ["FOLDS", "cross_fitted_residual", "double_centred", "midranks"]

Floats = NDArray[np.float64]
FOLDS = 5


def midranks(values: Floats) -> Floats:
    """Return the ranks (from 1) of a vector, ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    above = np.cumsum(counts)
    return np.asarray((above - (counts - 1) / 2.0)[inverse], dtype=np.float64)


def cross_fitted_residual(score: Floats, covariates: Floats, families: Sequence[str], seed: int) -> Floats:
    """Return scores minus what the covariates predict, each family predicted by a fit without it.

    A ridge regression on cubic splines (five knots) of the covariates' ranks, cross-fitted over five folds of whole
    families so that paralogues never predict one another (cross-fitting: Chernozhukov et al. 2018).

    Parameters
    ----------
    score
        Shape (n,).
    covariates
        Shape (n, k). With k = 0 the scores are returned as they are.
    families
        The homology family of each gene; at least two different ones.
    seed
        Seed of the folds.

    Raises
    ------
    ValueError
        If all genes are of one family.
    """
    if covariates.shape[1] == 0:
        return score
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import SplineTransformer

    names, family = np.unique(np.array(families), return_inverse=True)
    folds = min(FOLDS, len(names))
    if folds < 2:
        raise ValueError(f"all {len(score)} genes are of the family {names[0]!r}; cross-fitting needs two or more")
    order = permutations(Scheme.build("folds", len(names), [[[index] for index in range(len(names))]]), 1, seed)[0]
    fold = (order % folds)[family]
    ranks = np.column_stack([midranks(column) / len(score) for column in covariates.T])
    knots = np.linspace(0.0, 1.0, 5)[:, None].repeat(ranks.shape[1], axis=1)
    basis = SplineTransformer(degree=3, knots=knots, include_bias=False).fit_transform(ranks)
    residual = np.empty_like(score)
    for held_out in range(folds):
        inside = fold != held_out
        fit = Ridge(alpha=1.0).fit(basis[inside], score[inside])
        residual[~inside] = score[~inside] - fit.predict(basis[~inside])
    return residual


def double_centred(score: Floats) -> Floats:
    """Return an off-diagonal symmetric matrix minus its least-squares fit ``mu + a_i + a_j``.

    Hubs, genes that score high with everything, are what pair nulls mistake for signal; after centring every row has
    mean zero over its off-diagonal entries. The diagonal is set to zero.

    Raises
    ------
    ValueError
        If there are fewer than three genes, where the fit is not determined.
    """
    n = len(score)
    if n < 3:
        raise ValueError(f"double-centring needs three genes or more, got {n}")
    off = np.array(score)
    np.fill_diagonal(off, 0.0)
    mean = off.sum() / (n * (n - 1))
    gene = (off.sum(axis=1) / (n - 1) - mean) * (n - 1) / (n - 2)
    centred = off - mean - gene[:, None] - gene[None, :]
    np.fill_diagonal(centred, 0.0)
    return np.asarray((centred + centred.T) / 2.0, dtype=np.float64)
