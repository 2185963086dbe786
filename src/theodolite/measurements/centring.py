"""Hubs out of a matrix of pairs: its least-squares fit by a term a row and a term a column is taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["double_centred", "double_centred_bipartite", "gene_means", "tidy"]

Floats = NDArray[np.float64]


def tidy(residual: Floats, spread: float) -> Floats:
    """Round to 2**-36 of the scores' spread: what is rounding error ties, instead of being ranked."""
    step = 2.0 ** (int(np.frexp(spread)[1]) - 36)
    return np.asarray(np.round(residual / step) * step)


def gene_means(score: Floats) -> Floats:
    """Return the mean of each row of a symmetric matrix without the diagonal."""
    off = np.array(score)
    np.fill_diagonal(off, 0.0)
    return np.asarray(off.sum(axis=1) / (len(off) - 1))


def double_centred(score: Floats) -> Floats:
    """Return an off-diagonal symmetric matrix minus its least-squares fit ``mu + a_i + a_j``.

    After it every row has mean zero over its off-diagonal entries. The diagonal is set to zero.

    Raises
    ------
    ValueError
        If there are fewer than three genes, where the fit is not determined.
    """
    n = len(score)
    if n < 3:
        raise ValueError(f"double-centring needs three genes or more, got {n}")
    means = gene_means(score)
    gene = (means - means.mean()) * (n - 1) / (n - 2)
    centred = score - means.mean() - (gene[:, None] + gene[None, :])
    np.fill_diagonal(centred, 0.0)
    return np.asarray(centred)


def double_centred_bipartite(score: Floats, candidates: NDArray[np.bool_]) -> Floats:
    """Return a matrix minus its least-squares fit ``a_i + b_j`` over the candidates.

    After it every row and every column has mean zero over its candidates. Pairs that are no candidates lose the same
    effects; a row or column without candidates has effect zero.

    Parameters
    ----------
    score, candidates
        Shape (r, t).

    Raises
    ------
    ValueError
        If there is no candidate.
    """
    if not candidates.any():
        raise ValueError("double-centring needs candidate pairs, got none; regulators and targets are of one family")
    weight = candidates.astype(np.float64)
    rows, columns = weight.sum(axis=1), np.maximum(weight.sum(axis=0), 1.0)
    row_sums, column_sums = (weight * score).sum(axis=1), (weight * score).sum(axis=0)
    # the targets' effects are eliminated, which leaves one equation a regulator, of rank r - 1 or less
    reduced = np.diag(rows) - (weight / columns) @ weight.T
    row = np.linalg.lstsq(reduced, row_sums - weight @ (column_sums / columns), rcond=1e-10)[0]
    column = (column_sums - weight.T @ row) / columns
    return tidy(score - row[:, None] - column[None, :], float(np.ptp(score[candidates])))
