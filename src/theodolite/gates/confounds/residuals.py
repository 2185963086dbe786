r"""Scores of pairs without what co-expression, gene statistics and hubs explain of them.

Two analyses belong together. Taken as measured, co-expression enters as it was estimated; since it is estimated with
error, a part of what it explains stays in the score, and a reference that is rich in co-expression finds it there.
Allowed for, it enters through two halves of the cells, whose errors are independent of one another: the fit then
estimates :math:`h` with :math:`\mathrm{E}[h(C_1) \mid C] = g(C)`, the influence of co-expression :math:`C` itself, and
what is left is related to the error of measurement, which no reference knows, and no longer to co-expression. In the
linear case that scales the influence as measured up by 1 / reliability (Fuller 1987; with replicates as instruments of
one another and for polynomials, Hausman, Newey, Ichimura and Powell 1991).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import adjusted_pairs
from theodolite.gates.confounds.crossfit import Nuisance, family_folds, training_pairs
from theodolite.gates.confounds.terms import measured_terms, replicate_terms
from theodolite.gates.memo import Memo, array_key
from theodolite.measurements.centring import double_centred_bipartite

__all__ = ["reliability", "residual_bipartite", "residual_pairs"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FOLDS_BIPARTITE = 3
_FOLDS_PAIRS = 5
"""A pair of one population holds out two folds of it on both sides, so that three would leave a ninth to fit on."""

_nuisances: Memo[Nuisance] = Memo(8)


def residual_bipartite(
    score: Floats,
    coexpression: Floats,
    regulator_covariates: Floats,
    target_covariates: Floats,
    candidates: Bools,
    regulator_families: Sequence[str],
    target_families: Sequence[str],
    *,
    halves: Floats | None = None,
    folds: int = _FOLDS_BIPARTITE,
    seed: int = 0,
) -> Floats:
    """Return scores (r, t) without co-expression, gene statistics and hubs.

    The nuisance is fitted by least squares with a free effect of each gene and without sight of the reference, on
    gene-disjoint folds: what is taken out of a pair comes from pairs that share neither the fold of its regulator nor
    that of its target, and folds keep families whole. Then regulators' and targets' effects are taken out.

    Parameters
    ----------
    score
        Shape (r, t).
    coexpression
        Shape (m, r, t): m estimates of co-expression from counts.
    regulator_covariates, target_covariates
        Shapes (r, k) and (t, k): statistics of the genes, such as mean expression and dropout.
    candidates
        Shape (r, t): the pairs that count.
    regulator_families, target_families
        Names of the families, r and t.
    halves
        Shape (2, r, t): co-expression in two halves of the cells. If given, these are used in place of
        ``coexpression``, so that the error of measurement is allowed for.
    folds
        Folds of either side; fewer if there are fewer families.
    seed
        Seed of the folds.

    Raises
    ------
    ValueError
        If there are fewer than two families on either side, or no candidate.
    """
    genes = (regulator_covariates, target_covariates)
    families = (tuple(regulator_families), tuple(target_families))
    nuisance = _nuisance(coexpression, halves, genes, candidates, families, folds, seed, square=False)
    return double_centred_bipartite(score - nuisance.predicted(score), candidates)


def residual_pairs(
    score: Floats,
    coexpression: Floats,
    covariates: Floats,
    families: Sequence[str],
    *,
    halves: Floats | None = None,
    folds: int = _FOLDS_PAIRS,
    seed: int = 0,
) -> Floats:
    """Return symmetric scores (n, n) without co-expression, gene statistics and hubs.

    As :func:`residual_bipartite`, with pairs of genes of one population, whose fit leaves out the folds of both genes;
    then :func:`~theodolite.gates.adjust.adjusted_pairs` takes out hubs and smooth surfaces over the covariates.

    Parameters
    ----------
    score
        Shape (n, n), symmetric; the diagonal is ignored.
    coexpression
        Shape (m, n, n): m estimates of co-expression from counts.
    covariates
        Shape (n, k).
    families
        Names of the families, n.
    halves
        Shape (2, n, n); see :func:`residual_bipartite`.
    folds
        Folds of the genes; fewer if there are fewer families.
    seed
        Seed of the folds.

    Raises
    ------
    ValueError
        If there are fewer than three families, with which no pair has anything to be predicted from.
    """
    names = np.array(families)
    candidates = names[:, None] != names[None, :]
    kinds = (tuple(families), tuple(families))
    nuisance = _nuisance(coexpression, halves, (covariates, covariates), candidates, kinds, folds, seed, square=True)
    return adjusted_pairs(score - nuisance.predicted(score), covariates)


def reliability(halves: Floats, candidates: Bools) -> float:
    """Return the share of the variance of measured co-expression that is no error, between 0 and 1.

    From the correlation of two halves of the cells over the candidate pairs, stepped up to all cells (Spearman 1910,
    Brown 1910).
    """
    first, second = halves[:, candidates]
    if min(np.ptp(first), np.ptp(second)) == 0.0:
        return 0.0
    shared = max(float(np.corrcoef(first, second)[0, 1]), 0.0)
    return 2.0 * shared / (1.0 + shared)


def _nuisance(
    coexpression: Floats,
    halves: Floats | None,
    genes: tuple[Floats, Floats],
    candidates: Bools,
    families: tuple[tuple[str, ...], tuple[str, ...]],
    folds: int,
    seed: int,
    *,
    square: bool,
) -> Nuisance:
    """Return the prepared nuisance; all scores of a block share it, so it is remembered by content."""
    measured = coexpression if halves is None else halves

    def prepare() -> Nuisance:
        rows = family_folds(families[0], folds, seed, "genes" if square else "regulators")
        columns = rows if square else family_folds(families[1], folds, seed, "targets")
        training = training_pairs(candidates, rows, columns, square=square)
        if halves is None:
            terms = measured_terms(coexpression, *genes, candidates, training)[None]
        else:
            terms = replicate_terms(halves, *genes, candidates, training)
        return Nuisance.of(terms, candidates, rows, columns, square=square)

    key = (array_key(measured, *genes, candidates), halves is None, families, folds, seed, square)
    return _nuisances.get(key, prepare)
