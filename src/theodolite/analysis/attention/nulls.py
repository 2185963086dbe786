"""What an AUROC is worth: labels shuffled, edges rewired with every degree held, and families exchanged.

The draws are those of the gates. A shuffle of labels knows no hubs and no families, so nearly every score of a model
beats it; it is here because papers report it. The degree of a reference without directions is held by putting its genes
in random order, pointing every edge forwards, and trading targets among pairs that point forwards: each gene keeps its
edges to either side, and no pair is drawn twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.gates.adjust import ranked
from theodolite.gates.curveball import curveball_draws, curveball_statistics
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import (
    assigned_statistics,
    derive_seed,
    pair_statistics,
    strata_statistics,
    unit_costs,
)
from theodolite.gates.nulls import conservative_ranks
from theodolite.gates.schemes import family_block_swap

__all__ = ["EdgeNull", "NullSummary", "null_aurocs", "null_summary"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EdgeNull = Literal["label_shuffle", "degree_preserving", "family_swap"]
"""``label_shuffle``: any candidate may be an edge. ``degree_preserving``: every gene keeps its number of edges
(Curveball). ``family_swap``: regulators, or both genes, get the scores of others, whole homology families at a time."""


@dataclass(frozen=True)
class NullSummary:
    """An AUROC against draws of a null.

    Attributes
    ----------
    null
        Which one.
    mean, spread
        Mean and standard deviation of the AUROC over the draws.
    z
        The AUROC minus the mean, in standard deviations; NaN where draws do not differ.
    exceedances, draws, p
        Draws at least as large, draws, and (b + 1) / (B + 1), one-sided (Phipson and Smyth 2010). Its floor is
        1 / (B + 1).
    moved
        Mean share of the edges that a draw puts elsewhere; near 0 the null is stuck and says nothing. None for
        ``family_swap``, which moves scores.
    """

    null: EdgeNull
    mean: float
    spread: float
    z: float
    exceedances: int
    draws: int
    p: float
    moved: float | None


def _ranks(edges: EdgeLabels, matrix: Floats) -> Floats:
    """Return midranks (r, t) among the candidates, and conservative ranks elsewhere; symmetric without a direction."""
    rank = np.zeros(matrix.shape)
    rank[edges.candidates], ordered = ranked(matrix[edges.candidates])
    elsewhere = ~edges.candidates
    if not edges.directed:
        rank = rank + rank.T
        elsewhere &= elsewhere.T
    rank[elsewhere] = conservative_ranks(matrix[elsewhere], ordered)
    return rank


def _forwards(edges: EdgeLabels, seed: int) -> tuple[Bools, Bools, NDArray[np.intp]]:
    """Return edges and candidates of a graph without directions as pairs that point forwards in a random order."""
    order = np.random.default_rng(seed).permutation(len(edges.rows))
    both, free = edges.labels | edges.labels.T, edges.candidates | edges.candidates.T
    return np.triu(both[np.ix_(order, order)]), np.triu(free[np.ix_(order, order)]), order


def null_aurocs(
    edges: EdgeLabels, matrix: NDArray[np.floating], null: EdgeNull, draws: int, seed: int = 0
) -> tuple[Floats, float | None]:
    """Return the AUROC of each draw of a null, shape (draws,), and the mean share of edges that a draw moved.

    Parameters
    ----------
    edges
        The reference among its candidates.
    matrix
        Shape (r, t): scores of its rows against its columns, as :meth:`EdgeLabels.matrix` makes them.
    null, draws, seed
        Which null, how many draws and of which seed.

    Raises
    ------
    ValueError
        If there is no draw, or families cannot be exchanged because no two have the same size.
    """
    if draws < 1:
        raise ValueError(f"{draws!r} draws of {null}; need one or more")
    rank = _ranks(edges, np.asarray(matrix, dtype=np.float64))
    seed = derive_seed(seed, null)
    moved: float | None = None
    if null == "label_shuffle":
        bounds, count = np.array([0, edges.count], dtype=np.int64), np.array([edges.size], dtype=np.int64)
        sums = strata_statistics(rank[edges.candidates], bounds, count, draws, seed)
        moved = 1.0 - edges.prevalence
    elif null == "degree_preserving":
        labels, candidates = edges.labels, edges.candidates
        if not edges.directed:
            labels, candidates, order = _forwards(edges, seed)
            rank = rank[np.ix_(order, order)]
        rank = np.ascontiguousarray(rank)
        sums = curveball_statistics(rank, labels, draws, seed, candidates=candidates)
        kept = curveball_draws(labels, draws, seed, candidates=candidates).kept
        moved = 1.0 - float(kept.mean()) / edges.size
    else:
        scheme = family_block_swap(edges.row_families)
        if not len(scheme.genes):
            raise ValueError(f"no two families of the rows of {edges.name} have the same size; none can be exchanged")
        if edges.directed:
            sums = assigned_statistics(unit_costs(scheme, edges.labels, rank), draws, seed)
        else:
            first, second = (end.astype(np.int64) for end in np.nonzero(edges.labels))
            sums = pair_statistics(rank, first, second, scheme, draws, seed)
    m = edges.size
    return (sums - m * (m + 1) / 2.0) / (m * (edges.count - m)), moved


def null_summary(
    edges: EdgeLabels, matrix: NDArray[np.floating], auroc: float, null: EdgeNull, draws: int, seed: int = 0
) -> NullSummary:
    """Hold an AUROC against draws of a null; parameters and errors as of :func:`null_aurocs`."""
    drawn, moved = null_aurocs(edges, matrix, null, draws, seed)
    mean, spread = float(drawn.mean()), float(drawn.std(ddof=1)) if draws > 1 else 0.0
    exceeding = exceedances(drawn, auroc)
    z = (auroc - mean) / spread if spread > 1e-12 else float("nan")
    return NullSummary(null, mean, spread, z, exceeding, draws, monte_carlo_p(exceeding, draws), moved)
