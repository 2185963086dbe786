"""The k-nearest-neighbour graph and lengths of shortest paths in it, which stand for geodesic distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NeighbourGraph", "neighbour_graph"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """Rows, each joined with its nearest neighbours by edges as long as the Euclidean distance.

    Attributes
    ----------
    rows
        Shape (n, width).
    neighbours
        k: a row is joined with its k nearest and with those of which it is one of the k nearest.
    edges
        Sparse symmetric matrix (n, n) of the lengths of edges.
    search
        Fitted search for nearest neighbours among the rows.
    """

    rows: Floats
    neighbours: int
    edges: Any
    search: Any

    def paths_from(self, sources: Ints) -> Floats:
        """Return lengths of shortest paths, shape (sources, n), by Dijkstra's algorithm from each source."""
        from scipy.sparse.csgraph import dijkstra

        # The matrix is symmetric already: as a directed graph it has half the edges that an undirected one is given.
        return np.asarray(dijkstra(self.edges, directed=True, indices=sources))

    def paths_of_others(self, others: Floats, paths: Floats) -> Floats:
        """Return lengths of shortest paths from sources to rows that are not in the graph.

        A path to such a row ends with a step from one of its k nearest rows in the graph. No path leads through it, so
        that the graph stays what it was, and each row is placed whatever other rows are placed with it.

        Parameters
        ----------
        others
            Shape (m, width).
        paths
            Shape (sources, n), from :meth:`paths_from`.

        Returns
        -------
        numpy.ndarray
            Shape (sources, m).
        """
        steps, nearest = self.search.kneighbors(others, n_neighbors=self.neighbours)
        found = np.full((len(paths), len(others)), np.inf)
        for step, place in zip(steps.T, nearest.T, strict=True):
            np.minimum(found, paths[:, place] + step, out=found)
        return found


def neighbour_graph(rows: Floats, neighbours: int) -> NeighbourGraph:
    """Join each row with its nearest neighbours.

    Parameters
    ----------
    rows
        Shape (n, width).
    neighbours
        k, from 1 to n - 1.

    Raises
    ------
    ValueError
        If there are no k other rows, or the graph falls into parts: there is no path between two parts, and any
        distance one gave them would be made up.
    """
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import NearestNeighbors

    n = len(rows)
    if not 1 <= neighbours < n:
        raise ValueError(f"{neighbours!r} neighbours among {n} rows; give 1 to {n - 1}")
    search = NearestNeighbors(n_neighbors=neighbours).fit(rows)
    directed = search.kneighbors_graph(mode="distance")
    # An edge of length 0 between equal rows would be taken for no edge; the least number changes no sum.
    np.maximum(directed.data, np.finfo(np.float64).tiny, out=directed.data)
    edges = directed.maximum(directed.T).tocsr()
    parts, part = connected_components(edges, directed=False)
    if parts > 1:
        sizes = np.sort(np.bincount(part))[::-1]
        raise ValueError(
            f"the graph of {neighbours} nearest neighbours falls into {parts} parts, of "
            f"{', '.join(map(str, sizes[:5]))}{', …' if parts > 5 else ''} rows, with no path between them; ask for "
            f"more neighbours, or fit the parts one by one"
        )
    return NeighbourGraph(rows, neighbours, edges, search)
