"""Geodesic MDS: metric scaling of shortest paths in the neighbour graph, every distance counting by its stress.

Isomap matches inner products, in which long paths weigh most; stress counts errors of short and long paths alike
(Kruskal 1964; SMACOF, de Leeuw 1977, as scikit-learn has it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.manifolds.embedding import checked_rows, rows_to_place
from theodolite.manifolds.graph import NeighbourGraph, neighbour_graph
from theodolite.manifolds.isomap import Triangulation, triangulation

__all__ = ["GeodesicMDS", "geodesic_mds"]

Floats = NDArray[np.float64]

_ROUNDS = 300
"""Steps of majorisation, for all rows and for rows that are placed."""
_STILL = 1e-7
"""A placed row has arrived when a step is shorter than this share of the spread of the fitted ones."""


@dataclass(frozen=True, eq=False)
class GeodesicMDS:
    """Metric scaling of path lengths.

    Attributes
    ----------
    graph
        The neighbour graph.
    paths
        Shape (n, n): lengths of shortest paths.
    scaled
        Classical scaling of the same paths, from which the metric one began.
    stress
        Root of the squared errors of all distances over the squared path lengths (Kruskal's stress 1, which compares
        with distances, has almost the same value where it is small).
    latent
        Shape (n, dimension).
    """

    graph: NeighbourGraph
    paths: Floats
    scaled: Triangulation
    stress: float
    latent: Floats

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of other rows (m, width), each with the least stress to the fitted rows.

        A row begins where classical scaling puts it, and is moved by majorisation of its own stress while the fitted
        rows stay.

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        others = rows_to_place(rows, self.graph.rows.shape[1])
        paths = self.graph.paths_of_others(others, self.paths)
        # The metric solution began at the classical one and has its axes.
        start = self.scaled.locate(np.square(paths))
        return np.stack([self._settle(begin, target) for begin, target in zip(start, paths.T, strict=True)])

    def _settle(self, point: Floats, target: Floats) -> Floats:
        still = _STILL * float(self.latent.std())
        for _ in range(_ROUNDS):
            step = point - self.latent
            length = np.linalg.norm(step, axis=1)
            # A fitted row that the point lies on pulls it nowhere.
            pull = np.divide(target, length, out=np.zeros_like(length), where=length > 0.0)
            moved = (self.latent + pull[:, None] * step).mean(axis=0)
            if float(np.linalg.norm(moved - point)) < still:
                return np.asarray(moved)
            point = moved
        return point


def geodesic_mds(rows: ArrayLike, *, dimension: int, neighbours: int = 10) -> GeodesicMDS:
    """Fit metric scaling to shortest paths.

    Parameters
    ----------
    rows
        Shape (n, width); time and memory go with n².
    dimension
        Latent dimensions.
    neighbours
        Nearest neighbours that a row is joined with.

    Raises
    ------
    ValueError
        If rows and dimension do not fit, or the neighbour graph falls into parts.
    """
    from sklearn.manifold import smacof

    array = checked_rows(rows, dimension=dimension)
    graph = neighbour_graph(array, neighbours)
    paths = graph.paths_from(np.arange(len(array)))
    paths = 0.5 * (paths + paths.T)
    scaled = triangulation(paths, dimension)
    # One start, the classical solution: signs and result hang on no draw.
    latent, stress = smacof(
        paths, n_components=dimension, init=scaled.landmarks, n_init=1, max_iter=_ROUNDS, eps=1e-7,
        normalized_stress=False, random_state=0,
    )  # fmt: skip
    return GeodesicMDS(graph, paths, scaled, float(np.sqrt(2.0 * stress / np.square(paths).sum())), np.asarray(latent))
