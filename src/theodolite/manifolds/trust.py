"""Trustworthiness: whether neighbours in the latent space were neighbours before (Venna and Kaski 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["trustworthiness"]

_VALUES = 4_000_000
"""Distances that are held at once; 32 MB."""


def trustworthiness(rows: ArrayLike, latent: ArrayLike, *, neighbours: int = 10) -> float:
    """Return the trustworthiness, from 0 to 1, in memory that goes with n.

    It is the value of ``sklearn.manifold.trustworthiness``, which holds three matrices (n, n). A value near 1 is no
    achievement: any smooth map has it, so that it is read beside that of principal components.

    Parameters
    ----------
    rows
        Shape (n, width): before.
    latent
        Shape (n, dimension): after.
    neighbours
        Nearest neighbours in the latent space that are looked at; fewer than n / 2.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are too few rows.
    """
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    before, after = np.asarray(rows, dtype=np.float64), np.asarray(latent, dtype=np.float64)
    if before.ndim != 2 or after.ndim != 2 or len(before) != len(after):
        raise ValueError(f"rows of shape {before.shape} and a latent of shape {after.shape} are not of the same points")
    n = len(before)
    if not 1 <= neighbours < n / 2:
        raise ValueError(f"{neighbours!r} neighbours among {n} rows; trustworthiness needs 1 or more, below n / 2")
    near = NearestNeighbors(n_neighbors=neighbours).fit(after).kneighbors(return_distance=False)
    lost, height = 0, max(_VALUES // n, 1)
    for low in range(0, n, height):
        part = np.arange(low, min(low + height, n))
        distance = pairwise_distances(before[part], before)
        distance[np.arange(len(part)), part] = np.inf
        order = np.argsort(distance, axis=1)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(1, n + 1), order.shape), axis=1)
        lost += int(np.maximum(np.take_along_axis(rank, near[part], axis=1) - neighbours, 0).sum())
    return 1.0 - lost * 2.0 / (n * neighbours * (2.0 * n - 3.0 * neighbours - 1.0))
