"""Graphs without directions, rewired so that every node keeps its number of partners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.curveball import curveball_draws
from theodolite.gates.kernels import derive_seed

__all__ = ["rewired"]

Ints = NDArray[np.int64]


def rewired(first: Ints, second: Ints, nodes: int, draws: int, seed: int) -> tuple[Ints, Ints, float]:
    """Return simple graphs with the degrees of a graph, by Curveball trades (Strona et al. 2014).

    Nodes are put in a random order, edges point forwards in it, and ends are traded among edges that point forwards:
    each node keeps its edges to either side, so its degree, and no pair is joined twice.

    Parameters
    ----------
    first, second
        Shape (m,): nodes of each edge, in either order; none joins a node with itself or repeats.
    nodes
        How many there are.
    draws, seed
        Graphs, and their seed.

    Returns
    -------
    tuple
        First and second node of the edges of every graph, shape (draws, m) each, and the mean share of edges that a
        graph has elsewhere. Near 0 the graph cannot be rewired, and a null of such graphs says nothing.
    """
    order = np.random.default_rng(derive_seed(seed, "order")).permutation(nodes)
    place = np.empty(nodes, dtype=np.int64)
    place[order] = np.arange(nodes)
    ends = np.sort(np.stack([place[first], place[second]]), axis=0)
    forwards = np.zeros((nodes, nodes), dtype=np.bool_)
    forwards[ends[0], ends[1]] = True
    drawn = curveball_draws(forwards, draws, derive_seed(seed, "trades"), candidates=np.triu(np.ones_like(forwards), 1))
    tails = np.broadcast_to(order[np.nonzero(forwards)[0]], drawn.columns.shape)
    return tails, order[drawn.columns], 1.0 - float(drawn.kept.mean()) / len(first)
