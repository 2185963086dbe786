"""Label-free adjustment of scores before any statistic: what gene statistics or hubs alone would give is taken out.

Nothing here sees the reference, so it cannot fit the labels. Adjustment is a least-squares projection with all genes in
the fit. The projection takes from the labels, too, whatever the covariates explain of them, which narrows the observed
statistic but not its draws: for what the splines span, p errs upwards. A confound outside their span remains.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements.centring import double_centred, gene_means, tidy

__all__ = [
    "adjusted_genes",
    "adjusted_pairs",
    "least_genes",
    "midranks",
    "ranked",
    "spline_basis",
]

Floats = NDArray[np.float64]

_KNOTS = (-0.674489750196, 0.0, 0.674489750196)
"""Interior knots: the quartiles of a normal score."""
_FILLS = 8
"""Rounds in which the missing diagonal of a pair matrix is filled with its fit; it converges within a few."""


def midranks(values: Floats) -> Floats:
    """Return the ranks (from 1) of a vector, ties sharing their mean rank."""
    return ranked(values)[0]


def ranked(values: Floats) -> tuple[Floats, Floats]:
    """Return the midranks (from 1) of a vector, and the vector sorted; one sort serves both."""
    order = np.argsort(values)
    ordered = values[order]
    rank = np.empty(len(values))
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    counts = np.diff(starts, append=len(values))
    rank[order] = np.repeat(starts + (counts + 1) / 2.0, counts)
    return rank, ordered


def least_genes(covariates: int) -> int:
    """Return the genes that an adjustment for so many covariates needs: four for each term of its smallest basis."""
    return 4 * (1 + 3 * covariates) if covariates else 1


def spline_basis(covariates: Floats) -> Floats:
    """Return an orthonormal basis of cubic splines of the covariates' normal scores, the constant included.

    Parameters
    ----------
    covariates
        Shape (n, k). Only their ranks are used. Each contributes a cubic spline with knots at the quartiles, or a
        cubic polynomial when there are fewer than ten genes for each term.

    Returns
    -------
    numpy.ndarray
        Shape (n, q), q at most 1 + 6 k; terms that depend on the others are dropped.
    """
    n, k = covariates.shape
    knots = _KNOTS if n >= 10 * (1 + 6 * k) else ()
    normal = NormalDist()
    terms = [np.ones(n)]
    for column in covariates.T:
        score = np.array([normal.inv_cdf(rank) for rank in (midranks(column) - 0.5) / n])
        terms += [score, score**2, score**3, *(np.maximum(score - knot, 0.0) ** 3 for knot in knots)]
    matrix = np.column_stack(terms)
    left, singular, _ = np.linalg.svd(matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300), full_matrices=False)
    return np.asarray(left[:, singular > 1e-8 * singular[0]])


def adjusted_genes(score: Floats, covariates: Floats) -> Floats:
    """Return scores (n,) minus their fit by splines of the covariates (n, k); unchanged if k is 0."""
    if covariates.shape[1] == 0:
        return score
    basis = spline_basis(covariates)
    return tidy(score - basis @ (basis.T @ score), float(np.ptp(score)))


def adjusted_pairs(score: Floats, covariates: Floats) -> Floats:
    """Return a symmetric pair matrix without hubs and without what two genes' covariates give.

    Hubs, genes that score high with everything, are what pair nulls mistake for signal. Double-centring takes out the
    additive ones; a smooth surface over both genes' means (and covariates) takes out products of them and likeness in
    expression: with P the projection on their splines, the score loses ``P S P``.

    Parameters
    ----------
    score
        Shape (n, n), symmetric; the diagonal is ignored.
    covariates
        Shape (n, k); k may be 0.

    Raises
    ------
    ValueError
        If there are fewer than three genes.
    """
    centred = double_centred(score)
    basis = spline_basis(np.column_stack([gene_means(score), covariates]))
    filled = np.array(centred)
    for _ in range(_FILLS):
        fit = basis @ (basis.T @ filled @ basis) @ basis.T
        np.fill_diagonal(filled, np.diag(fit))
    residual = centred - (fit + fit.T) / 2.0
    np.fill_diagonal(residual, 0.0)
    return tidy(residual, float(np.ptp(score[np.triu_indices(len(score), 1)])))
