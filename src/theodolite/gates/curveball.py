"""Graphs with the degrees of the reference, drawn at random by Curveball trades.

A trade (Strona et al. 2014) takes two regulators, pools the targets that only one of them has, and deals the pool out
again, to each as many as it had: every regulator keeps its number of targets and every target its number of regulators.
An edge is never dealt to a pair that is no candidate (a gene with itself or its family). Trades are symmetric, so a
chain of them is reversible, and draws from a star are exchangeable with the observed graph (Besag and Clifford 1989):
one chain leads from the observed graph to a hub, and from the hub an independent chain of the same length leads to each
draw. That holds without the chain being near equilibrium; what it has not reached shows in how far the draws moved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from math import lgamma, log
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.gates.kernels.edges import edge_statistics
from theodolite.gates.kernels.streams import STEP, stream, uniform_below
from theodolite.gates.memo import array_key

__all__ = [
    "TRADES_PER_ROW",
    "CurveballDraws",
    "curveball_draws",
    "curveball_margins",
    "curveball_statistics",
    "trade_arrangements",
]

TRADES_PER_ROW = 5
"""Length of each chain of the star, in trades for every regulator that has a target."""
CHUNK = 512
"""Draws that are made together, so that claims that need few of them share them."""
CACHE_BYTES = 256 * 2**20
"""Bound on the memory of drawn graphs."""
_HUB = 2**62
"""Index of the chain to the hub: no draw has it."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = NDArray[np.signedinteger]


@dataclass(frozen=True)
class CurveballDraws:
    """Drawn graphs.

    Attributes
    ----------
    columns
        Shape (draws, e): the target of each edge. The regulators are the rows of ``numpy.nonzero`` of the observed
        graph, the same in every draw.
    kept
        Shape (draws,): edges of the observed graph that are in the draw.
    margins
        Whether every draw is a simple graph among the candidates with the degrees of the observed one.
    """

    columns: Columns
    kept: Ints
    margins: bool


@compiled
def _trade(
    columns: Columns,
    bounds: Ints,
    allowed: Bools,
    first: np.int64,
    second: np.int64,
    state: np.uint64,
    seen: Ints,
    mark: int,
    pool: Ints,
    slot: Ints,
) -> np.uint64:
    for place in range(bounds[second], bounds[second + 1]):
        seen[columns[place]] = mark
    size = 0
    for place in range(bounds[first], bounds[first + 1]):
        target = columns[place]
        if seen[target] == mark:
            seen[target] = mark + 1
        elif allowed[second, target]:
            pool[size], slot[size] = target, place
            size += 1
    to_first = size
    for place in range(bounds[second], bounds[second + 1]):
        target = columns[place]
        if seen[target] == mark and allowed[first, target]:
            pool[size], slot[size] = target, place
            size += 1
    for index in range(min(to_first, size - 1)):
        state += STEP
        other = index + uniform_below(state, size - index)
        pool[index], pool[other] = pool[other], pool[index]
    for index in range(size):
        columns[slot[index]] = pool[index]
    return state


@compiled
def _chain(columns: Columns, bounds: Ints, allowed: Bools, state: np.uint64) -> None:
    """Run one chain of the star in place."""
    rows = len(bounds) - 1
    seen = np.zeros(allowed.shape[1], np.int64)
    pool = np.empty(2 * allowed.shape[1], np.int64)
    slot = np.empty(2 * allowed.shape[1], np.int64)
    if rows < 2:
        return
    for trade in range(TRADES_PER_ROW * rows):
        state += STEP
        first = uniform_below(state, rows)
        state += STEP
        second = uniform_below(state, rows - 1)
        if second >= first:
            second += 1
        state = _trade(columns, bounds, allowed, first, second, state, seen, 2 * trade + 1, pool, slot)


@compiled
def _keeps_margins(columns: Columns, bounds: Ints, allowed: Bools, in_degree: Ints, count: Ints, seen: Ints) -> bool:
    count[:] = 0
    seen[:] = -1
    for row in range(len(bounds) - 1):
        for place in range(bounds[row], bounds[row + 1]):
            target = columns[place]
            if seen[target] == row or not allowed[row, target]:
                return False
            seen[target] = row
            count[target] += 1
    for target in range(len(count)):
        if count[target] != in_degree[target]:
            return False
    return True


@compiled
def _draw(
    observed: Bools, hub: Columns, bounds: Ints, allowed: Bools, draws: int, seed: np.uint64, start: int
) -> tuple[Columns, Ints, bool]:
    drawn = np.empty((draws, len(hub)), hub.dtype)
    kept = np.zeros(draws, np.int64)
    in_degree = observed.sum(axis=0)
    count = np.empty(observed.shape[1], np.int64)
    seen = np.empty(observed.shape[1], np.int64)
    margins = True
    for draw in range(draws):
        columns = drawn[draw]
        columns[:] = hub
        _chain(columns, bounds, allowed, stream(seed, start + draw))
        margins = margins and _keeps_margins(columns, bounds, allowed, in_degree, count, seen)
        for row in range(len(bounds) - 1):
            for place in range(bounds[row], bounds[row + 1]):
                kept[draw] += observed[row, columns[place]]
    return drawn, kept, margins


class _Chunks:
    """Drawn graphs that were used last, up to :data:`CACHE_BYTES`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], CurveballDraws] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: tuple[str, int, int]) -> CurveballDraws | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[str, int, int], chunk: CurveballDraws) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = chunk
                self._bytes += chunk.columns.nbytes
            while self._bytes > CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].columns.nbytes


_chunks = _Chunks()


def _checked(edges: Bools, candidates: Bools | None) -> tuple[Bools, Bools]:
    allowed = np.ones_like(edges, dtype=bool) if candidates is None else candidates
    if (edges & ~allowed).any():
        raise ValueError(f"{int((edges & ~allowed).sum())} edges are no candidates; a graph holds candidates only")
    return np.ascontiguousarray(edges, dtype=bool), np.ascontiguousarray(allowed, dtype=bool)


def _pieces(edges: Bools, draws: int, seed: int, start: int, candidates: Bools | None) -> Iterator[CurveballDraws]:
    edges, allowed = _checked(edges, candidates)
    active = edges.any(axis=1)
    observed, allowed = edges[active], allowed[active]
    bounds = np.concatenate([[0], np.cumsum(observed.sum(axis=1))]).astype(np.int64)
    digest = array_key(edges, candidates)
    hub: Columns | None = None
    narrow = np.int16 if edges.shape[1] <= np.iinfo(np.int16).max else np.int32
    for number in range(start // CHUNK, -(-(start + draws) // CHUNK)):
        chunk = _chunks.get((digest, seed, number))
        if chunk is None:
            if hub is None:
                hub = np.asarray(np.nonzero(observed)[1].astype(narrow))
                _chain(hub, bounds, allowed, np.uint64(stream(np.uint64(seed), _HUB)))
            chunk = CurveballDraws(*_draw(observed, hub, bounds, allowed, CHUNK, np.uint64(seed), number * CHUNK))
            chunk.columns.setflags(write=False)
            _chunks.put((digest, seed, number), chunk)
        first, last = max(start - number * CHUNK, 0), min(start + draws - number * CHUNK, CHUNK)
        yield CurveballDraws(chunk.columns[first:last], chunk.kept[first:last], chunk.margins)


def curveball_draws(
    edges: Bools, draws: int, seed: int, start: int = 0, candidates: Bools | None = None
) -> CurveballDraws:
    """Return draws ``start`` to ``start + draws - 1`` of the star of a graph; draw k is a function of (graph, seed, k).

    Draws are kept for the next claim on the same reference and block.

    Parameters
    ----------
    edges
        Shape (r, t): the observed graph.
    draws, seed, start
        How many draws, of which seed, and the first of them.
    candidates
        Shape (r, t): pairs that may be edges; all if None.

    Raises
    ------
    ValueError
        If an edge is no candidate.
    """
    pieces = list(_pieces(edges, draws, seed, start, candidates))
    return CurveballDraws(
        np.concatenate([piece.columns for piece in pieces]),
        np.concatenate([piece.kept for piece in pieces]),
        all(piece.margins for piece in pieces),
    )


def curveball_statistics(
    rank: Floats, edges: Bools, draws: int, seed: int, start: int = 0, candidates: Bools | None = None
) -> Floats:
    """Return the rank sum of each drawn graph, shape (draws,); ``rank`` (r, t), the rest as :func:`curveball_draws`."""
    rows = np.nonzero(edges)[0].astype(np.int64)
    pieces = _pieces(edges, draws, seed, start, candidates)
    return np.concatenate([edge_statistics(rank, rows, piece.columns) for piece in pieces])


def curveball_margins(edges: Bools, draws: int, seed: int, candidates: Bools | None = None) -> bool:
    """Return whether each of the first draws is a simple graph of candidates with the degrees of the observed one."""
    return all(piece.margins for piece in _pieces(edges, draws, seed, 0, candidates))


def trade_arrangements(edges: Bools, candidates: Bools | None = None) -> float:
    """Return log10 of the number of graphs that one trade in each of disjoint pairs of regulators can reach.

    It is a lower bound of the graphs that the star reaches: pairs are regulators of neighbouring degree, and trades of
    disjoint pairs are independent. A graph that no trade changes gives 0.
    """
    edges, allowed = _checked(edges, candidates)
    by_degree = np.argsort(-edges.sum(axis=1), kind="stable")
    total = 0.0
    for first, second in zip(by_degree[::2].tolist(), by_degree[1::2].tolist(), strict=False):
        of_first = int((edges[first] & ~edges[second] & allowed[second]).sum())
        of_second = int((edges[second] & ~edges[first] & allowed[first]).sum())
        total += lgamma(of_first + of_second + 1) - lgamma(of_first + 1) - lgamma(of_second + 1)
    return total / log(10.0)
