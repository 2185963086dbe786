"""Distances of pairs: of a latent space, of a ruler, and Spearman's correlation of the two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.adjust import midranks

__all__ = ["checked_distances", "latent_distances", "pair_spearman", "same_label"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def latent_distances(latent: ArrayLike) -> Floats:
    """Return Euclidean distances (n, n) between coordinates (n, dimension)."""
    from scipy.spatial.distance import pdist, squareform

    return np.asarray(squareform(pdist(np.asarray(latent, dtype=np.float64))))


def checked_distances(what: str, distances: ArrayLike, n: int | None = None) -> Floats:
    """Return distances as float64.

    Raises
    ------
    ValueError
        If they are no finite symmetric matrix, or not one of ``n`` rows.
    """
    array = np.asarray(distances, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or n is not None and len(array) != n:
        wanted = "n" if n is None else str(n)
        raise ValueError(f"{what} of shape {array.shape} must be a matrix ({wanted}, {wanted})")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold NaN or infinity; leave out rows without a distance")
    if not np.allclose(array, array.T):
        raise ValueError(f"{what} are not symmetric; a distance is the same both ways")
    return array


def same_label(labels: Sequence[str]) -> Bools:
    """Return which pairs (n, n) share a label."""
    codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    return np.asarray(codes[:, None] == codes)


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
