"""The terms of the nuisance: what a score could be of co-expression, of gene statistics, and of both together.

Only ranks enter. Terms that are a sum of a function of one gene and a function of the other are left out: every fit
holds a free effect of each gene, which takes them out whatever their form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["PAIRS_PER_TERM", "measured_terms", "normal_scores", "replicate_terms"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PAIRS_PER_TERM = 20
_KNOTS = (-0.674489750196, 0.0, 0.674489750196)
"""Interior knots: the quartiles of a normal score."""


def normal_scores(values: Floats, among: Bools | None = None) -> Floats:
    """Return the normal scores of an array: the normal quantiles of its midranks, ties sharing one.

    ``among`` marks the entries that are ranked; another one gets the score of the place it would have among these.
    """
    distinct, inverse = np.unique(values, return_inverse=True)
    count = np.bincount(inverse.reshape(-1), None if among is None else among.reshape(-1), minlength=len(distinct))
    n = count.sum()
    share = (np.cumsum(count) - count / 2.0) / n
    return np.asarray(ndtri(np.clip(share, 0.5 / n, 1.0 - 0.5 / n))[inverse].reshape(values.shape))


def _gene_terms(rows: Floats, columns: Floats) -> tuple[Floats, list[Floats]]:
    """Return the mean level of both genes of each pair, and the products of their covariates.

    The level is the leading direction of the normal scores of all covariates. Counts of weakly expressed genes show
    less of their co-expression, so what a score is of co-expression as measured depends on it.
    """
    r, k = rows.shape
    if k == 0:
        return np.zeros((r, len(columns))), []
    scores = np.column_stack([normal_scores(column) for column in np.concatenate([rows, columns]).T])
    level = scores @ np.linalg.svd(scores, full_matrices=False)[2][0]
    level /= max(float(level.std()), 1e-12)
    products = [np.outer(column[:r], column[r:]) for column in scores.T]
    return (level[:r, None] + level[None, r:]) / 2.0, products


def _with_level(score: Floats, level: Floats) -> list[Floats]:
    return [score * level, score**2 * level, score * level**2]


def _standardised(terms: list[Floats], candidates: Bools) -> Floats:
    stack = np.stack(terms)
    flat, weight = stack.reshape(len(stack), -1), candidates.reshape(-1) / candidates.sum()
    flat -= (flat @ weight)[:, None]
    spread = np.sqrt(np.einsum("qi,qi,i->q", flat, flat, weight))
    flat *= np.where(spread > 1e-9, 1.0 / np.maximum(spread, 1e-9), 0.0)[:, None]
    return stack


def measured_terms(coexpression: Floats, rows: Floats, columns: Floats, candidates: Bools, training: int) -> Floats:
    """Return the terms for co-expression as it was measured.

    Parameters
    ----------
    coexpression
        Shape (m, r, t): m estimates.
    rows, columns
        Shapes (r, k) and (t, k): covariates of the genes.
    candidates
        Shape (r, t).
    training
        Pairs in the smallest fit; fewer than twenty a term leave out knots, and then what joins co-expression to level.

    Returns
    -------
    numpy.ndarray
        Shape (q, r, t), mean 0 and variance 1 over the candidates; q is 12 m + k with all terms. Each estimate gives a
        cubic spline of its normal score, a cubic in the normal score of its magnitude, and products with the level.
    """
    level, products = _gene_terms(rows, columns)
    plain: list[Floats] = []
    joint: list[Floats] = []
    knots: list[Floats] = []
    for estimate in coexpression:
        score, size = normal_scores(estimate, candidates), normal_scores(np.abs(estimate), candidates)
        plain += [score, score**2, score**3, size, size**2, size**3]
        joint += _with_level(score, level) if products else []
        knots += [np.maximum(score - knot, 0.0) ** 3 for knot in _KNOTS]
    terms = plain + products
    for more in (joint, knots):
        if training >= PAIRS_PER_TERM * (len(terms) + len(more)):
            terms = terms + more
    return _standardised(terms, candidates)


def replicate_terms(halves: Floats, rows: Floats, columns: Floats, candidates: Bools, training: int) -> Floats:
    """Return the terms for co-expression measured twice with independent errors, shape (2, q, r, t).

    ``halves`` has shape (2, r, t); the other parameters are those of :func:`measured_terms`. The terms are a cubic in
    the normal score, its products with the level, and products of covariates.
    """
    level, products = _gene_terms(rows, columns)
    stacks = []
    for half in halves:
        score = normal_scores(half, candidates)
        terms = [score, score**2, score**3, *products]
        joint = _with_level(score, level) if products else []
        if training >= PAIRS_PER_TERM * (len(terms) + len(joint)):
            terms += joint
        stacks.append(_standardised(terms, candidates))
    return np.stack(stacks)
