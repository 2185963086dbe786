"""The genes on which a feature is most active: what its annotations are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

__all__ = ["TOP_GENES", "checked_activation", "membership", "top_genes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOP_GENES: Final = 20
"""Genes that stand for a feature, as published (arXiv 2603.02952, feature annotation)."""
_TIES: Final = 20
"""Seed of the order in which genes of equal activation are taken."""
_FEATURES: Final = 256
"""Features that are sorted at a time."""


def checked_activation(activation: ArrayLike, genes: Sequence[str]) -> Floats:
    """Return mean activations (genes, F) as float64, checked against the names.

    Raises
    ------
    ValueError
        If the shape does not fit the names, names repeat, or a mean is negative or not finite.
    """
    values = np.asarray(activation, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != len(genes) or not values.size:
        raise ValueError(f"activations of shape {values.shape} for {len(genes)} gene names; give (genes, features)")
    repeated = sorted(gene for gene, times in Counter(genes).items() if times > 1)
    if repeated:
        raise ValueError(f"gene names repeat: {', '.join(repeated[:5])}; average the tokens of a gene in one row")
    if not np.isfinite(values).all():
        named = [genes[row] for row in np.flatnonzero(~np.isfinite(values).all(axis=1))[:5]]
        raise ValueError(
            f"mean activations of {', '.join(named)} are not finite; leave genes without tokens out of the background"
        )
    if (values < 0.0).any():
        raise ValueError(f"a mean activation is {values.min():g}; features are 0 where they are not active, never less")
    return values


def top_genes(activation: ArrayLike, genes: Sequence[str], n: int = TOP_GENES) -> Ints:
    """Return the positions of the genes on which each feature is most active.

    Equal means are taken in an order that is shuffled once, the same for every feature and whatever the order of the
    rows. In alphabetical order paralogues stand side by side, and a tie would favour whole families.

    Parameters
    ----------
    activation
        Shape (genes, F): mean activation of each feature over the tokens of each gene, in units of the activations.
    genes
        Name of each row.
    n
        Genes of a feature at the most.

    Returns
    -------
    numpy.ndarray
        Shape (F, n), by falling activation; -1 where a feature is active on fewer genes, for a mean of 0 never counts.

    Raises
    ------
    ValueError
        As :func:`checked_activation`, or if ``n`` is below 1 or above the number of genes.
    """
    values = checked_activation(activation, genes)
    if not 1 <= n <= len(genes):
        raise ValueError(f"top {n} of {len(genes)} genes; give n from 1 to {len(genes)}")
    by_name = np.argsort(np.array(genes), kind="stable")
    shuffled = by_name[np.random.default_rng(np.random.SeedSequence(_TIES)).permutation(len(genes))]
    found = np.empty((values.shape[1], n), dtype=np.int64)
    for start in range(0, values.shape[1], _FEATURES):
        part = values[shuffled, start : start + _FEATURES]
        order = np.argsort(-part, axis=0, kind="stable")[:n]
        active = np.take_along_axis(part, order, axis=0) > 0.0
        found[start : start + _FEATURES] = np.where(active, shuffled[order], -1).T
    return found


def membership(top: Ints, genes: int) -> csr_array:
    """Return the top genes (F, n) of :func:`top_genes` as a matrix (F, genes) of 0 and 1, int32."""
    held = top >= 0
    start = np.concatenate([[0], np.cumsum(held.sum(axis=1))])
    return csr_array((np.ones(int(start[-1]), dtype=np.int32), top[held], start), shape=(len(top), genes))
