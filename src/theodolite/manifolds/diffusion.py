"""Diffusion maps: coordinates in which distance is how differently two rows' random walks spread (Coifman, Lafon 2006).

With alpha = 1 the density of the rows is divided out, so that what is found is the shape and not where the sampling was
dense; the operator then approaches the Laplace-Beltrami operator of the manifold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.manifolds.embedding import axis_signs, checked_rows, rows_to_place

__all__ = ["DiffusionMap", "diffusion_map"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DiffusionMap:
    """Diffusion map of some rows.

    Attributes
    ----------
    rows
        Shape (n, width).
    bandwidth
        The kernel is exp(-squared distance / bandwidth).
    density
        Shape (n,): sum of each row's kernel, which is divided out.
    values
        Shape (dimension,): eigenvalues of the random walk, largest first, without the trivial 1.
    vectors
        Shape (n, dimension): its right eigenvectors, of mean square 1 under the stationary distribution.
    steps
        Steps of the walk.
    """

    rows: Floats
    bandwidth: float
    density: Floats
    values: Floats
    vectors: Floats
    steps: int

    @property
    def latent(self) -> Floats:
        """Shape (n, dimension): eigenvectors times eigenvalues to the power of the number of steps."""
        return np.asarray(self.vectors * self.values**self.steps)

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of other rows (m, width) by the Nyström extension.

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        from sklearn.metrics import pairwise_distances

        squared = np.square(pairwise_distances(rows_to_place(rows, self.rows.shape[1]), self.rows))
        # A factor common to a row's kernel cancels below; without it the kernel of a far row is all 0.
        kernel = np.exp(-(squared - squared.min(axis=1, keepdims=True)) / self.bandwidth) / self.density
        walk = kernel / kernel.sum(axis=1, keepdims=True)
        return np.asarray(walk @ self.vectors * self.values ** (self.steps - 1))


def diffusion_map(
    rows: ArrayLike, *, dimension: int, neighbours: int = 10, bandwidth: float | None = None, steps: int = 1
) -> DiffusionMap:
    """Fit a diffusion map with alpha = 1.

    Parameters
    ----------
    rows
        Shape (n, width); time and memory go with n².
    dimension
        Latent dimensions.
    neighbours
        Where no bandwidth is given, it is the median over rows of the squared distance to the nearest neighbour of
        this number.
    bandwidth
        Of the kernel, in units of squared distance.
    steps
        Steps of the walk; more of them make directions in which it spreads slowly weigh more.

    Raises
    ------
    ValueError
        If rows and settings do not fit, or the walk does not leave some part of the rows.
    """
    from scipy.linalg import eigh
    from sklearn.metrics import pairwise_distances

    array = checked_rows(rows, dimension=dimension)
    n = len(array)
    if steps < 1:
        raise ValueError(f"{steps!r} steps are no walk; give 1 or more")
    squared = np.square(pairwise_distances(array))
    if bandwidth is None:
        if not 1 <= neighbours < n:
            raise ValueError(f"{neighbours!r} neighbours among {n} rows; give 1 to {n - 1}")
        bandwidth = float(np.median(np.partition(squared, neighbours, axis=1)[:, neighbours]))
    if not bandwidth > 0.0:
        raise ValueError(
            f"a bandwidth of {bandwidth!r} leaves every row alone; give a positive one, or more neighbours where "
            "most rows equal each other"
        )
    kernel = np.exp(-squared / bandwidth)
    density = kernel.sum(axis=1)
    kernel /= np.outer(density, density)
    degree = np.sqrt(kernel.sum(axis=1))
    # The walk kernel / degree² has the eigenvalues of this symmetric matrix, and its right vectors over the degree.
    values, vectors = eigh(kernel / np.outer(degree, degree), subset_by_index=(n - 1 - dimension, n - 1))
    values, vectors = values[::-1][1:], vectors[:, ::-1][:, 1:]
    if values[0] > 1.0 - 1e-9:
        raise ValueError(
            f"with a bandwidth of {bandwidth:.3g} the walk stays in some part of the rows for ever, and coordinates "
            "tell only which part; give a larger bandwidth or more neighbours, or fit the parts one by one"
        )
    if values[-1] < 1e-10:
        raise ValueError(
            f"the walk has fewer than {dimension} positive eigenvalues; ask for fewer dimensions or a smaller "
            f"bandwidth than {bandwidth:.3g}"
        )
    vectors = vectors / degree[:, None] * np.linalg.norm(degree)
    return DiffusionMap(array, bandwidth, density, values, vectors * axis_signs(vectors), steps)
