"""Non-negative factors of the counts: what stands beside a dictionary without any model.

A dictionary writes a token as a sum of a few features with positive values; a non-negative matrix factorisation (Lee
and Seung 1999) writes a gene's expression over cells as a sum of positive factors. Factors are fitted on discovery
genes, ranked as features are, and the loadings of other genes follow by non-negative least squares.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.saes.feature_values import FeatureValues
from theodolite.saes.settings import SAETrainingError

__all__ = ["count_factors", "count_values", "factors_from_bytes", "factors_to_bytes"]

Floats = NDArray[np.float64]

_ITERATIONS = 200
"""As many as are usual; a rival need not have converged, and a job has its time."""


def count_factors(values: NDArray[np.floating], k: int) -> Floats:
    """Return k non-negative factors of genes over cells, ranked by the standard deviation of their loadings.

    Parameters
    ----------
    values
        Shape (cells, genes): log1p of counts per 10,000 of discovery genes.
    k
        How many.

    Returns
    -------
    numpy.ndarray
        Shape (k, cells), rows of unit norm. Those that the fit left empty are zero, and come last.

    Raises
    ------
    SAETrainingError
        If there are fewer genes or cells, or a negative value.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    n_cells, n_genes = values.shape
    if min(n_cells, n_genes) < k:
        raise SAETrainingError(f"{n_genes} genes in {n_cells} cells have no {k} factors; survey more of both")
    if (values < 0).any():
        raise SAETrainingError(f"a value is {values.min()!r}; log-normalised counts are 0 or above")
    by_gene = np.asarray(values.T, dtype=np.float64)
    fit = NMF(k, init="nndsvda", random_state=0, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # It is a rival, not a solution: where it stops short of its tolerance, its loadings are still loadings.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit.fit(by_gene)
    factors = np.asarray(fit.components_, dtype=np.float64)
    factors = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    spread = _loadings(by_gene, factors).std(axis=0)
    return np.asarray(factors[np.argsort(-spread, kind="stable")])


def count_values(
    values: NDArray[np.floating], genes: Sequence[str], factors: Floats, layers: Sequence[int]
) -> FeatureValues:
    """Return loadings of genes on factors in the form of a model's features, the same in every layer.

    A loading of zero stands for any number of genes; below it they are told apart by what a step towards the least
    squares would make of them, as features are by what they lack.

    Parameters
    ----------
    values
        Shape (cells, genes): log1p of counts per 10,000.
    genes
        Names of the columns.
    factors
        Shape (k, cells), of :func:`count_factors`.
    layers
        The layers of the model whose place the counts take.
    """
    by_gene = np.asarray(values.T, dtype=np.float64)
    loading = _loadings(by_gene, factors)
    lacking = (by_gene - loading @ factors) @ factors.T  # of factors of unit norm it is the step itself
    score = np.where(loading > 0, loading, np.minimum(lacking, 0.0))
    tokens = np.full(len(genes), len(values), dtype=np.int64)
    return FeatureValues(tuple(genes), tuple(layers), np.stack([score] * len(layers)), tokens)


def _loadings(by_gene: Floats, factors: Floats) -> Floats:
    """Return non-negative least squares (genes, k) of genes on factors."""
    from scipy.optimize import nnls

    # The problem in the span of the factors is the same, and small.
    basis, triangle = np.linalg.qr(factors.T)
    inside = by_gene @ basis
    return np.stack([nnls(triangle, gene)[0] for gene in inside])


def factors_to_bytes(factors: Floats) -> bytes:
    """Serialise factors; equal ones give equal bytes."""
    from safetensors.numpy import save

    return save({"factors": np.ascontiguousarray(factors)})


def factors_from_bytes(content: bytes) -> Floats:
    """Read factors back from :func:`factors_to_bytes`."""
    from safetensors.numpy import load

    return np.asarray(load(content)["factors"])
