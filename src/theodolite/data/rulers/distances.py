"""Rulers: known distances between rows, from a graph of stages, a rank, or the proportions of a mixture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GraphRuler", "graph_ruler", "mixture_ruler", "rank_ruler"]

Floats = NDArray[np.float64]
Edge = tuple[str, str]


@dataclass(frozen=True, eq=False)
class GraphRuler:
    """Distances between the nodes of a graph.

    Attributes
    ----------
    nodes
        Names, in alphabetical order.
    distance
        Shape (nodes, nodes): length of the shortest path, along edges in either direction.
    """

    nodes: tuple[str, ...]
    distance: Floats

    def places(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Return the node (n,) of each label.

        Raises
        ------
        ValueError
            If a label is no node.
        """
        place = {name: number for number, name in enumerate(self.nodes)}
        if missing := sorted({label for label in labels if label not in place}):
            raise ValueError(
                f"{', '.join(map(repr, missing[:5]))} {'is no node' if len(missing) == 1 else 'are no nodes'} of the "
                f"graph; its nodes are {', '.join(self.nodes)}"
            )
        return np.array([place[label] for label in labels], dtype=np.int64)

    def between(self, labels: Sequence[str]) -> Floats:
        """Return distances (n, n) between rows that are labelled with nodes.

        Raises
        ------
        ValueError
            If a label is no node.
        """
        at = self.places(labels)
        return np.asarray(self.distance[np.ix_(at, at)])

    def depth(self, root: str, labels: Sequence[str]) -> Floats:
        """Return the distance (n,) of each row's node from a root.

        Raises
        ------
        ValueError
            If the root or a label is no node.
        """
        return np.asarray(self.distance[self.places([root])[0], self.places(labels)])


def graph_ruler(edges: Iterable[Edge], *, weights: Iterable[float] | None = None) -> GraphRuler:
    """Measure a graph of stages, without regard to the direction of its edges: distance is no order.

    Parameters
    ----------
    edges
        Pairs of names.
    weights
        Length of each edge; 1 for each where None, so that a distance counts hops.

    Raises
    ------
    ValueError
        If there is no edge, an edge joins a node with itself or is given twice, a length is not positive, or the graph
        falls into parts.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components, dijkstra

    steps = [(first, second) for first, second in edges]
    lengths = [1.0] * len(steps) if weights is None else [float(weight) for weight in weights]
    if not steps or len(lengths) != len(steps):
        raise ValueError(f"{len(steps)} edges with {len(lengths)} lengths; give one edge or more, a length for each")
    seen: set[frozenset[str]] = set()
    for (first, second), length in zip(steps, lengths, strict=True):
        if not (np.isfinite(length) and length > 0.0):
            raise ValueError(f"the edge {first!r} to {second!r} is {length!r} long; give a positive length")
        if first == second or frozenset((first, second)) in seen:
            fault = "joins a node with itself" if first == second else "is there twice, perhaps turned round"
            raise ValueError(f"the edge {first!r} to {second!r} {fault}; leave it out")
        seen.add(frozenset((first, second)))
    nodes = tuple(sorted({name for step in steps for name in step}))
    place = {name: number for number, name in enumerate(nodes)}
    ends = ([place[first] for first, _ in steps], [place[second] for _, second in steps])
    graph = csr_array((lengths, ends), shape=(len(nodes), len(nodes)))
    parts, part = connected_components(graph, directed=False)
    if parts > 1:
        apart = [
            " and ".join(name for name, number in zip(nodes, part, strict=True) if number == one)
            for one in np.argsort(np.bincount(part), kind="stable")[:-1]
        ]
        raise ValueError(
            f"the graph falls into {parts} parts: there is no path from {'; nor from '.join(apart)} to the others; add "
            "the edge that joins them, or measure the parts one by one"
        )
    return GraphRuler(nodes, np.asarray(dijkstra(graph, directed=False)))


def rank_ruler(values: ArrayLike) -> Floats:
    """Return differences of rank (n, n), as a share of the largest possible; equal values share a rank.

    Parameters
    ----------
    values
        Shape (n,): such as a time or a dose, of which only the order is trusted.

    Raises
    ------
    ValueError
        If values are not finite, or all equal.
    """
    from scipy.stats import rankdata

    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"values of shape {array.shape} must be a row of finite numbers, one for each row to measure")
    if len(array) < 2 or (array == array[0]).all():
        raise ValueError(f"{len(array)} values that are all equal rank nothing; give two that differ, or more")
    rank = rankdata(array)
    return np.asarray(np.abs(rank[:, None] - rank) / (len(array) - 1))


def mixture_ruler(proportions: ArrayLike) -> Floats:
    """Return the share (n, n) of one mixture that must be replaced to make another: half the sum of differences.

    It is the total variation distance. Other than log-ratio distances (Aitchison 1986) it is defined where a
    component is absent, as in the pure ends of a mixing experiment.

    Parameters
    ----------
    proportions
        Shape (n, components): not negative, and 1 in sum.

    Raises
    ------
    ValueError
        If a row is no proportions.
    """
    from scipy.spatial.distance import pdist, squareform

    array = np.asarray(proportions, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"proportions of shape {array.shape} must be a matrix (n, components) of finite numbers")
    wrong = np.flatnonzero((array < 0.0).any(axis=1) | (np.abs(array.sum(axis=1) - 1.0) > 1e-6))
    if len(wrong):
        raise ValueError(
            f"row {int(wrong[0])} of the proportions is {array[wrong[0]].tolist()}, which is negative somewhere or "
            "not 1 in sum; divide counts by their sum first"
        )
    return np.asarray(0.5 * squareform(pdist(array, "cityblock")))
