"""Running sums over cells of what is found at gene tokens: residual streams, and attention between pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["add_attention", "add_hidden", "count_genes"]

Floats = NDArray[np.float64]


def _dense(rows: NDArray[np.int64], n: int) -> bool:
    """Return whether every cell has all genes, in order: sums then need no places."""
    return rows.shape[1] == n and bool((rows == np.arange(n)).all())


def add_hidden(hidden: Tensor, rows: Tensor, sums: Floats) -> None:
    """Add residual streams to the sums of their genes.

    Parameters
    ----------
    hidden
        [B, T, d].
    rows
        [B, T]: row of each token in ``sums``, -1 for tokens that are not wanted.
    sums
        Shape (n, d), changed in place.
    """
    places = rows.cpu().numpy()
    if _dense(places, len(sums)):
        sums += hidden.float().sum(dim=0).cpu().double().numpy()
        return
    values = hidden.cpu().double().numpy()
    for cell, found in enumerate(places):
        wanted = np.flatnonzero(found >= 0)
        # A gene is one token of a cell, so that no row comes twice.
        sums[found[wanted]] += values[cell, wanted]


def count_genes(rows: Tensor, presence: NDArray[np.int64], together: NDArray[np.int64]) -> None:
    """Count cells in which each gene is a token, and cells in which each pair of genes are."""
    places = rows.cpu().numpy()
    if _dense(places, len(presence)):
        presence += len(places)
        together += len(places)
        return
    for found in places:
        wanted = found[found >= 0]
        presence[wanted] += 1
        together[np.ix_(wanted, wanted)] += 1


def add_attention(probabilities: Tensor, rows: Tensor, sums: Floats) -> None:
    """Add attention probabilities [B, H, T, T] to the sums (heads, n, n) of their pairs.

    ``rows`` are as in :func:`add_hidden`.
    """
    places = rows.cpu().numpy()
    if _dense(places, sums.shape[1]):
        sums += probabilities.float().sum(dim=0).cpu().double().numpy()
        return
    values = probabilities.cpu().float().numpy()
    for cell, found in enumerate(places):
        wanted = np.flatnonzero(found >= 0)
        rows_of_sums = found[wanted]
        for head in range(len(sums)):
            sums[head][np.ix_(rows_of_sums, rows_of_sums)] += values[cell, head][np.ix_(wanted, wanted)]
