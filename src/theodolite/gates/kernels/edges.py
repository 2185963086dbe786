"""Rank sums of drawn edges: of edge lists that were drawn before, and of edges moved at random inside strata."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.gates.kernels.streams import STEP, stream, uniform_below

__all__ = ["edge_statistics", "strata_statistics"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def _edge_sums(rank: Floats, rows: Ints, columns: NDArray[np.signedinteger]) -> Floats:
    sums = np.empty(len(columns))
    for draw in range(len(columns)):
        total = 0.0
        for edge in range(len(rows)):
            total += rank[rows[edge], columns[draw, edge]]
        sums[draw] = total
    return sums


def edge_statistics(rank: Floats, rows: Ints, columns: NDArray[np.signedinteger]) -> Floats:
    """Return the rank sum of each drawn edge list, shape (draws,).

    ``rank`` (r, t); edge e of draw k joins row ``rows[e]`` and column ``columns[k, e]``.
    """
    return _edge_sums(rank, rows, columns)


@compiled
def _strata_sums(rank: Floats, bounds: Ints, count: Ints, draws: int, seed: np.uint64, start: int) -> Floats:
    sums = np.empty(draws)
    taken_in = np.zeros(len(rank), np.int64)
    for draw in range(draws):
        state = stream(seed, start + draw)
        total = 0.0
        for stratum in range(len(count)):
            first, width = bounds[stratum], bounds[stratum + 1] - bounds[stratum]
            for last in range(width - count[stratum], width):
                state += STEP
                place = first + uniform_below(state, last + 1)
                if taken_in[place] == draw + 1:
                    place = first + last
                taken_in[place] = draw + 1
                total += rank[place]
        sums[draw] = total
    return sums


def strata_statistics(rank: Floats, bounds: Ints, count: Ints, draws: int, seed: int, start: int = 0) -> Floats:
    """Return the rank sum of pairs taken at random, without replacement, from strata (Floyd's sampling).

    Parameters
    ----------
    rank
        Shape (m,): midranks of the candidate pairs, stratum after stratum.
    bounds
        Shape (s + 1,): where each stratum begins, and the end.
    count
        Shape (s,): pairs to take from each stratum.
    draws, seed, start
        How many draws, of which seed, and the first of them.
    """
    return _strata_sums(rank, bounds, count, draws, np.uint64(seed), start)
