"""Isomap, with and without landmarks: Euclidean distances that follow shortest paths in the neighbour graph.

Isomap is of Tenenbaum, de Silva and Langford (2000). It computes paths between all rows and the eigenvectors of an
(n, n) matrix. Landmark Isomap (de Silva and Tenenbaum 2004, "Sparse multidimensional scaling using landmark points")
computes paths from a few landmarks, scales these alone, and finds every row by triangulation from its distances to
them; with all rows as landmarks it is Isomap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.data.seeded import derive_seed, seeded_bits, stable_permutation
from theodolite.manifolds.embedding import axis_signs, checked_rows, rows_to_place
from theodolite.manifolds.graph import NeighbourGraph, neighbour_graph

__all__ = ["Isomap", "LandmarkIsomap", "Triangulation", "isomap", "landmark_isomap", "triangulation"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Classical scaling of landmarks, and the linear map from squared distances to them to coordinates.

    Attributes
    ----------
    landmarks
        Shape (l, dimension): coordinates of the landmarks, centred, along their principal axes.
    inverse
        Shape (l, dimension): pseudo-inverse of ``landmarks``, transposed.
    mean
        Shape (l,): mean squared distance of each landmark to all of them.
    explained
        Share of the sum of absolute eigenvalues that the axes have: 1 where the distances are Euclidean ones of this
        dimension.
    """

    landmarks: Floats
    inverse: Floats
    mean: Floats
    explained: float

    def locate(self, squared: Floats) -> Floats:
        """Return coordinates (m, dimension) from squared distances (l, m) to the landmarks, by least squares."""
        return np.asarray(-0.5 * (squared - self.mean[:, None]).T @ self.inverse)


def triangulation(distances: Floats, dimension: int) -> Triangulation:
    """Scale landmarks by the leading eigenvectors of their double-centred squared distances (Torgerson 1952).

    Parameters
    ----------
    distances
        Shape (l, l), symmetric.
    dimension
        Axes to keep.

    Raises
    ------
    ValueError
        If fewer eigenvalues are positive: these distances have no coordinates of that dimension.
    """
    from scipy.linalg import eigh

    squared = np.square(0.5 * (distances + distances.T))
    mean = squared.mean(axis=0)
    values, vectors = eigh(-0.5 * (squared - mean[:, None] - mean + mean.mean()))
    size = float(np.abs(values).sum())
    values, vectors = values[::-1][:dimension], vectors[:, ::-1][:, :dimension]
    positive = int((values > 1e-10 * size).sum())
    if positive < dimension:
        raise ValueError(
            f"distances between {len(distances)} rows span {positive} dimensions, not {dimension}; ask for at most "
            f"{positive}"
        )
    vectors = vectors * axis_signs(vectors)
    root = np.sqrt(values)
    return Triangulation(vectors * root, vectors / root, mean, float(values.sum()) / size)


@dataclass(frozen=True, eq=False)
class LandmarkIsomap:
    """Landmark Isomap of some rows.

    Attributes
    ----------
    graph
        The neighbour graph.
    landmarks
        Shape (l,): rows that are landmarks, in ascending order.
    paths
        Shape (l, n): lengths of shortest paths from landmarks to rows.
    scaled
        The landmarks' scaling.
    centre, turn
        Shapes (dimension,) and (dimension, dimension): mean and principal axes of all rows in it.
    latent
        Shape (n, dimension), centred, along principal axes.
    """

    graph: NeighbourGraph
    landmarks: Ints
    paths: Floats
    scaled: Triangulation
    centre: Floats
    turn: Floats
    latent: Floats

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of other rows (m, width), triangulated as the fitted ones are.

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        others = rows_to_place(rows, self.graph.rows.shape[1])
        located = self.scaled.locate(np.square(self.graph.paths_of_others(others, self.paths)))
        return np.asarray((located - self.centre) @ self.turn)


def landmark_isomap(
    rows: ArrayLike, *, dimension: int, neighbours: int = 10, landmarks: int = 300, seed: int = 0
) -> LandmarkIsomap:
    """Fit landmark Isomap.

    Parameters
    ----------
    rows
        Shape (n, width).
    dimension
        Latent dimensions.
    neighbours
        Nearest neighbours that a row is joined with.
    landmarks
        How many rows are landmarks; all of them where there are no more. They are drawn at random, which the paper
        found to do as well as a spread-out choice and which outliers do not attract.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        If rows, dimension or number of landmarks do not fit one another, or the neighbour graph falls into parts.
    """
    array = checked_rows(rows, dimension=dimension)
    if landmarks < dimension + 2:
        raise ValueError(
            f"{landmarks!r} landmarks cannot place rows in {dimension} dimensions; give {dimension + 2} or more"
        )
    graph = neighbour_graph(array, neighbours)
    # A stream with a name: numpy draws the same numbers for the seeds s and (s, 0), and rows that were themselves drawn
    # with the seed s would choose the landmarks from one corner.
    bits = seeded_bits(derive_seed(seed, "landmarks"), 0)
    chosen = np.sort(stable_permutation(bits, len(array))[:landmarks]).astype(np.int64)
    paths = graph.paths_from(chosen)
    scaled = triangulation(paths[:, chosen], dimension)
    located = scaled.locate(np.square(paths))
    # The landmarks' own principal axes hang on the draw; those of all rows hardly do (the paper's last step).
    centre = located.mean(axis=0)
    turn = np.linalg.svd(located - centre, full_matrices=False)[2].T
    turn = turn * axis_signs((located - centre) @ turn)
    return LandmarkIsomap(graph, chosen, paths, scaled, centre, turn, (located - centre) @ turn)


@dataclass(frozen=True, eq=False)
class Isomap:
    """Isomap of some rows, by scikit-learn.

    Attributes
    ----------
    fitted
        scikit-learn's estimator.
    signs
        Shape (dimension,): by which its axes are turned.
    latent
        Shape (n, dimension).
    """

    fitted: Any
    signs: Floats
    latent: Floats

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of other rows (m, width) from their paths to all fitted ones.

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        return np.asarray(self.fitted.transform(rows_to_place(rows, self.fitted.n_features_in_)) * self.signs)


def isomap(rows: ArrayLike, *, dimension: int, neighbours: int = 10) -> Isomap:
    """Fit Isomap by scikit-learn: n² path lengths and a dense eigenproblem, for some thousand rows at most.

    Parameters
    ----------
    rows
        Shape (n, width).
    dimension
        Latent dimensions.
    neighbours
        Nearest neighbours that a row is joined with.

    Raises
    ------
    ValueError
        If rows and dimension do not fit, or the neighbour graph falls into parts, which scikit-learn would join by
        edges of its own.
    """
    import sklearn.manifold

    array = checked_rows(rows, dimension=dimension)
    neighbour_graph(array, neighbours)
    # The iterative solver begins at a random vector that cannot be seeded from here.
    fitted = sklearn.manifold.Isomap(n_neighbors=neighbours, n_components=dimension, eigen_solver="dense").fit(array)
    signs = axis_signs(fitted.embedding_)
    return Isomap(fitted, signs, np.asarray(fitted.embedding_ * signs))
