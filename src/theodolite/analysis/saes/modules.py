"""Features that are active together, and modules of them (arXiv 2603.02952, co-activation modules).

Two features are joined where they are active at the same positions four times as often as chance would have it, and
often enough: without the second rule any rare feature is joined with something. Every graph falls into communities,
a random one too, so modularity is held against graphs with the same degrees, each partitioned in its turn. That null
asks whether there are modules beyond hubs. It does not ask whether a single pair is joined by chance, for which
positions are the wrong unit (``cell_pairs``); and a graph of similarities is transitive where a rewired one is not,
so a small p is a low hurdle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu

from theodolite.analysis.saes.rewiring import rewired
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed

__all__ = ["CoactivationGraph", "Modules", "coactivation_graph", "graph_of_counts", "modules"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESOLUTIONS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Resolutions of the sweep."""


@dataclass(frozen=True, eq=False)
class CoactivationGraph:
    """Pairs of features that are active together more often than by chance.

    Attributes
    ----------
    first, second
        Shape (m,): features of each pair, the smaller number first.
    together
        Shape (m,): positions where both are active.
    pmi
        Shape (m,): log2 of the share of positions where both are active over the product of the shares of each.
    features, positions
        How many there are.
    """

    first: Ints
    second: Ints
    together: Ints
    pmi: Floats
    features: int
    positions: int


def coactivation_graph(activity: csr_array, *, least_pmi: float = 2.0, least_together: int = 50) -> CoactivationGraph:
    """Join features by pointwise mutual information.

    Parameters
    ----------
    activity
        Shape (positions, F), sparse: a feature is active where its value is not 0.
    least_pmi
        In bits; 2 as published.
    least_together
        Positions where both are active; 50 as published. Pairs with fewer have an uncertain PMI, and the largest of
        many uncertain ones is large.

    Raises
    ------
    ValueError
        If the activity is no matrix with positions, or ``least_together`` is below 1.
    """
    matrix = csr_array(activity)
    if matrix.ndim != 2 or not matrix.shape[0] or least_together < 1:
        raise ValueError(
            f"activity of shape {matrix.shape}, at least {least_together} positions together; give (positions, "
            "features) and 1 position or more"
        )
    binary = csr_array((matrix != 0).astype(np.int64))
    return graph_of_counts(binary.T @ binary, matrix.shape[0], least_pmi=least_pmi, least_together=least_together)


def graph_of_counts(
    together: csr_array | Ints, positions: int, *, least_pmi: float = 2.0, least_together: int = 50
) -> CoactivationGraph:
    """Join features as :func:`coactivation_graph` does, by counts that were taken already.

    Parameters
    ----------
    together
        Shape (F, F), symmetric: positions where both features are active; on the diagonal where one is.
    positions
        How many there are.
    least_pmi, least_together
        As there.
    """
    counts = csr_array(together)
    active = counts.diagonal().astype(np.float64)
    common = triu(counts, k=1).tocoo()
    kept = common.data >= least_together
    first, second, both = common.coords[0][kept], common.coords[1][kept], common.data[kept]
    pmi = np.log2(both * float(positions) / (active[first] * active[second]))
    strong = pmi >= least_pmi
    return CoactivationGraph(
        first[strong].astype(np.int64),
        second[strong].astype(np.int64),
        both[strong].astype(np.int64),
        pmi[strong],
        counts.shape[0],
        positions,
    )


@dataclass(frozen=True, eq=False)
class Modules:
    """Communities of a graph of features, by the Louvain method at resolution 1 (Blondel et al. 2008).

    Attributes
    ----------
    module
        Shape (F,): number of the module of each feature, the largest first; -1 for features without an edge.
    sizes
        Features of each module.
    coverage
        Share of all features that have a module.
    modularity
        Newman's modularity of the partition, edges without weights.
    rewired
        Shape (draws,): the same of rewired graphs, each with a partition of its own.
    p
        (1 + rewired graphs with a modularity at least as large) / (1 + draws).
    moved
        Mean share of edges that a rewired graph has elsewhere; near 0 the degrees fix the graph.
    resolutions, counts, agreement
        Shape (r,): resolutions, modules at each, and the adjusted Rand index of each partition with ``module``, from
        another seed. At resolution 1 it says how far the seed alone decides.
    """

    module: Ints
    sizes: Ints
    coverage: float
    modularity: float
    rewired: Floats
    p: float
    moved: float
    resolutions: Floats
    counts: Ints
    agreement: Floats


def modules(
    first: Ints,
    second: Ints,
    features: int,
    *,
    resolutions: Sequence[float] = RESOLUTIONS,
    draws: int = 20,
    seed: int = 0,
) -> Modules:
    """Find modules of a graph, and hold them against graphs with the same degrees, resolutions and seeds.

    Edges have no weights: a rewired graph has none, and the graph was made by a threshold.

    Parameters
    ----------
    first, second
        Shape (m,): features of each edge, such as those of :func:`coactivation_graph`.
    features
        How many there are.
    resolutions
        Of the sweep; larger ones give more and smaller modules.
    draws, seed
        Rewired graphs, and the seed of all.

    Raises
    ------
    ValueError
        If there is no edge, an edge repeats, joins a feature with itself or names none, or there is no draw.
    """
    from sklearn.metrics import adjusted_rand_score

    ends = np.sort(np.stack([first, second]).astype(np.int64), axis=0)
    if not ends.size or draws < 1 or min(resolutions, default=0.0) <= 0.0:
        raise ValueError(
            f"{ends.shape[1]} edges, {draws} draws, resolutions {list(resolutions)}; need an edge, a draw and "
            "resolutions above 0. Without an edge there is no module: look at the PMI of pairs"
        )
    if ends.min() < 0 or ends.max() >= features or (ends[0] == ends[1]).any():
        raise ValueError(f"edges name the features {ends.min()} to {ends.max()} of {features}, or join one with itself")
    if len(np.unique(ends[0] * features + ends[1])) < ends.shape[1]:
        raise ValueError("an edge repeats; give each pair once")
    module, modularity = _partition(ends[0], ends[1], features, 1.0, derive_seed(seed, "modules"))
    tails, heads, moved = rewired(ends[0], ends[1], features, draws, derive_seed(seed, "rewired"))
    drawn = np.array(
        [
            _partition(tail, head, features, 1.0, derive_seed(seed, "modules", str(draw)))[1]
            for draw, (tail, head) in enumerate(zip(tails, heads, strict=True))
        ]
    )
    sweep = [
        _partition(ends[0], ends[1], features, each, derive_seed(seed, "sweep", str(each)))[0] for each in resolutions
    ]
    inside = module >= 0
    return Modules(
        module=module,
        sizes=np.bincount(module[inside]),
        coverage=float(inside.mean()),
        modularity=modularity,
        rewired=drawn,
        p=monte_carlo_p(exceedances(drawn, modularity), draws),
        moved=moved,
        resolutions=np.array(resolutions, dtype=np.float64),
        counts=np.array([each.max() + 1 for each in sweep], dtype=np.int64),
        agreement=np.array([float(adjusted_rand_score(module[inside], each[inside])) for each in sweep]),
    )


def _partition(first: Ints, second: Ints, features: int, resolution: float, seed: int) -> tuple[Ints, float]:
    """Return the module of each feature, -1 without an edge, and the modularity at resolution 1."""
    import networkx as nx

    graph = nx.Graph()
    # In a fixed order, on which ties depend.
    graph.add_nodes_from(np.unique(np.concatenate([first, second])).tolist())
    graph.add_edges_from(sorted(zip(first.tolist(), second.tolist(), strict=True)))
    # networkx takes seeds of 32 bits.
    found = nx.community.louvain_communities(graph, weight=None, resolution=resolution, seed=seed % 2**32)
    found = sorted(found, key=lambda each: (-len(each), min(each)))
    module = np.full(features, -1, dtype=np.int64)
    for number, members in enumerate(found):
        module[list(members)] = number
    return module, float(nx.community.modularity(graph, found, weight=None))
