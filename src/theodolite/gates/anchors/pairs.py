"""Spearman's correlation of a latent space with a ruler, over pairs of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import midranks

__all__ = ["pair_spearman"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def pair_spearman(distance: Floats, ruler: Floats, pairs: Bools | None = None) -> float | None:
    """Return Spearman's correlation of two symmetric matrices (n, n) over pairs of different rows.

    Parameters
    ----------
    distance, ruler
        Shape (n, n).
    pairs
        Shape (n, n), symmetric: the pairs that count; all where None.

    Returns
    -------
    float or None
        None where there are fewer than 3 pairs, or all have one distance or one length.
    """
    chosen = np.triu(np.ones(ruler.shape, dtype=np.bool_) if pairs is None else pairs, 1)
    first, second = distance[chosen], ruler[chosen]
    if len(first) < 3:
        return None
    first, second = midranks(first), midranks(second)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0.0 else None
