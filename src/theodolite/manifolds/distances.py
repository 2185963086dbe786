"""Distances of pairs, in a latent space and on a ruler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["checked_distances", "latent_distances", "same_label"]

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
