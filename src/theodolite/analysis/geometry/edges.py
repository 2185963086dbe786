"""Edges from regulators to targets in windows of singular axes (arXiv 2602.22247 §edge AUROC, §signed edges).

An AUROC over pairs rises for two reasons that are not edges: regulators and targets are two kinds of gene, and some
genes are near to everything. So the AUROC stands twice, of the cosine as it is and of the cosine without the effects of
single regulators and targets, and only the second one is tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import DepthTrend, depth_trend
from theodolite.analysis.geometry.inputs import (
    GeneVectors,
    Pairs,
    families_of,
    gene_vectors,
    layer_coordinates,
    pair_positions,
    statistics_of,
)
from theodolite.analysis.geometry.nulls import NullResult, against
from theodolite.data import GeneStatistics
from theodolite.data.regulons import Sign
from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.measurements.centring import double_centred_bipartite

__all__ = [
    "WINDOWS",
    "EdgeRecovery",
    "SignedRecovery",
    "Window",
    "edge_contrast",
    "edge_recovery",
    "signed_edge_recovery",
    "sliding_windows",
    "window_cosine",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Window = tuple[int, int]
"""First and last singular axis, counted from 1, both included."""

WINDOWS: Final[tuple[Window, ...]] = ((5, 7), (2, 4))
"""The published windows."""


@dataclass(frozen=True, eq=False)
class EdgeRecovery:
    """How far edges rank above the other pairs of the same regulators and targets.

    Attributes
    ----------
    estimand
        ``edges``: pairs of one reference against pairs of the same two groups of genes.
    windows
        The windows, w of them.
    auroc
        Shape (layers, w): of the cosine, as published.
    auroc_centred
        Shape (layers, w): of the cosine without the effects of single regulators and targets.
    nulls
        For ``auroc_centred`` at all places: ``family_block_swap`` moves regulators (whole families where given),
        ``curveball`` rewires and keeps every degree, ``stratified_labels`` moves targets of like expression and degree.
        A signal has to beat all; ``p_any`` is for the best layer and window.
    edges, pairs
        Numbers of edges, and of pairs that were ranked.
    regulators, targets
        Their names.
    """

    estimand: Literal["edges"]
    windows: tuple[Window, ...]
    auroc: Floats
    auroc_centred: Floats
    nulls: tuple[NullResult, ...]
    edges: int
    pairs: int
    regulators: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def p(self) -> Floats:
        """Shape (layers, w): the largest p over the nulls."""
        return np.asarray(np.max([null.p for null in self.nulls], axis=0))

    @property
    def p_any(self) -> float:
        """The largest over the nulls of the p for the best layer and window."""
        return max(null.p_any for null in self.nulls)

    def trend(self, window: int = 0, *, centred: bool = False) -> DepthTrend:
        """Return the profile over depth of one window, by its place in ``windows``."""
        return depth_trend((self.auroc_centred if centred else self.auroc)[:, window])


def sliding_windows(n_axes: int, width: int = 3) -> tuple[Window, ...]:
    """Return all windows of neighbouring axes among the first ``n_axes``, for a scan.

    Raises
    ------
    ValueError
        If a window is wider than the axes.
    """
    if not 1 <= width <= n_axes:
        raise ValueError(f"a window of {width} axes does not fit into {n_axes}; give a width from 1 to {n_axes}")
    return tuple((first, first + width - 1) for first in range(1, n_axes - width + 2))


def window_cosine(coordinates: Floats, window: Window, rows: Ints, columns: Ints) -> Floats:
    """Return the cosine of genes ``rows`` (r,) with genes ``columns`` (t,) within a window, shape (r, t).

    ``coordinates`` has shape (n, axes). A gene at the centre of the window has no direction; its cosines are 0.
    """
    inside = coordinates[:, window[0] - 1 : window[1]]
    size = np.linalg.norm(inside, axis=1, keepdims=True)
    unit = np.divide(inside, size, out=np.zeros_like(inside), where=size > 0.0)
    return np.asarray(unit[rows] @ unit[columns].T)


def edge_contrast(
    kept: GeneVectors,
    edges: Pairs,
    *,
    excluded: Pairs | None = None,
    statistics: GeneStatistics | None = None,
    families: Mapping[str, str] | None = None,
) -> tuple[Ints, Ints, BipartiteContrast]:
    """Return where the regulators (r,) and the targets (t,) of a reference stand, and the contrast of its edges.

    Candidates are all pairs of a regulator and a target of the reference, but pairs inside a family (a gene with itself
    at the least) and the ``excluded`` edges. The scores of the contrast are zeros, to be replaced.

    Raises
    ------
    ValueError
        If no edge is left, or every candidate is an edge.
    """
    first, second = pair_positions(edges, kept.genes, directed=True)
    rows, columns = np.unique(first), np.unique(second)
    labels = np.zeros((len(rows), len(columns)), dtype=bool)
    labels[np.searchsorted(rows, first), np.searchsorted(columns, second)] = True
    family = np.array(families_of(families, kept.genes))
    labels &= family[rows][:, None] != family[columns][None, :]
    values = np.zeros((len(kept.genes), 3)) if statistics is None else statistics_of(statistics, kept.genes)
    contrast = contrast_bipartite(
        np.zeros(labels.shape),
        labels,
        family[rows].tolist(),
        family[columns].tolist(),
        values[columns, 0],
        values[columns, 2],
    )
    if excluded is not None:
        contrast = replace(contrast, pairs=contrast.pairs & ~_marked(excluded, kept.genes, rows, columns) | labels)
    if not 0 < contrast.size < contrast.candidates:
        raise ValueError(
            f"{contrast.size} of {contrast.candidates} pairs of {len(rows)} regulators and {len(columns)} targets are "
            "edges; an AUROC needs edges and other pairs of different families"
        )
    return rows, columns, contrast


def _marked(pairs: Pairs, genes: Sequence[str], rows: Ints, columns: Ints) -> Bools:
    first, second = pair_positions(pairs, genes, directed=True)
    inside = np.isin(first, rows) & np.isin(second, columns)
    marked = np.zeros((len(rows), len(columns)), dtype=bool)
    marked[np.searchsorted(rows, first[inside]), np.searchsorted(columns, second[inside])] = True
    return marked


def edge_recovery(
    vectors: ArrayLike,
    genes: Sequence[str],
    edges: Pairs,
    *,
    windows: Sequence[Window] = WINDOWS,
    excluded: Pairs | None = None,
    statistics: GeneStatistics | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> EdgeRecovery:
    """Rank the pairs of a reference's regulators and targets by their cosine in windows of singular axes.

    Parameters
    ----------
    vectors
        Shape (layers, genes, width): mean residual stream at each gene's token; zeros where a gene is absent.
    genes
        Name of each row.
    edges
        Regulators and their targets, in this order.
    windows
        Windows of axes that are fitted to each layer; :func:`sliding_windows` makes a scan.
    excluded
        Edges that are no candidates, such as those of the other sign.
    statistics
        Statistics of the genes from counts; targets then change places only with targets of like expression.
    families
        Homology family by gene; without it each gene is a family of its own and paralogues can feign a signal.
    draws, seed
        Draws of each null, and their seed.

    Raises
    ------
    ValueError
        If the input does not fit, a window is empty or wider than the vectors, or no AUROC is defined.
    """
    for first, last in windows:
        if not 1 <= first <= last:
            raise ValueError(f"window {first}-{last} is empty; axes count from 1 and first must not exceed last")
    if not windows:
        raise ValueError("no window was given; name at least one, such as (5, 7)")
    kept = gene_vectors(vectors, genes)
    rows, columns, contrast = edge_contrast(kept, edges, excluded=excluded, statistics=statistics, families=families)
    coordinates = layer_coordinates(kept.vectors, max(last for _, last in windows))
    shape = (kept.layers, len(windows))
    raw, places = np.empty(shape), []
    for layer, window in np.ndindex(shape):
        cosine = window_cosine(coordinates[layer], windows[window], rows, columns)
        raw[layer, window] = _auroc(contrast.replaced(cosine))
        places.append(contrast.replaced(double_centred_bipartite(cosine, contrast.pairs)))
    centred = np.array([_auroc(place) for place in places])
    nulls = []
    for name in contrast.names:
        # The nulls see labels only, so one seed moves them alike at all places.
        root = contrast.seed(name, seed)
        drawn = np.stack([0.5 + place.to_effect(place.draw(name, draws, root)) for place in places], axis=1)
        moved = contrast.reach(name, root).moved
        nulls.append(against(name, centred.reshape(shape), drawn.reshape(draws, *shape), moved=moved))
    return EdgeRecovery(
        estimand="edges",
        windows=tuple(windows),
        auroc=raw,
        auroc_centred=centred.reshape(shape),
        nulls=tuple(nulls),
        edges=contrast.size,
        pairs=contrast.candidates,
        regulators=tuple(kept.genes[row] for row in rows),
        targets=tuple(kept.genes[column] for column in columns),
    )


def _auroc(contrast: BipartiteContrast) -> float:
    return 0.5 + float(contrast.to_effect(np.array([contrast.observed()]))[0])


@dataclass(frozen=True, eq=False)
class SignedRecovery:
    """Edges of activation and of repression, each against pairs that are neither.

    Attributes
    ----------
    activation, repression
        Recovery of each; their regulators, targets and numbers of edges differ, so the two AUROCs are no paired test.
    """

    activation: EdgeRecovery
    repression: EdgeRecovery


def signed_edge_recovery(
    vectors: ArrayLike,
    genes: Sequence[str],
    signs: Mapping[tuple[str, str], Sign],
    *,
    windows: Sequence[Window] = WINDOWS,
    statistics: GeneStatistics | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> SignedRecovery:
    """Recover activating and repressing edges apart; edges of another or no sign are candidates of neither.

    Parameters
    ----------
    signs
        Sign by (regulator, target), as ``RegulonTable.signs`` has them.
    vectors, genes, windows, statistics, families, draws, seed
        As in :func:`edge_recovery`.

    Raises
    ------
    ValueError
        As :func:`edge_recovery`, for either sign.
    """

    def recovery(wanted: Sign) -> EdgeRecovery:
        others = [edge for edge, sign in signs.items() if sign != wanted]
        return edge_recovery(
            vectors,
            genes,
            [edge for edge, sign in signs.items() if sign == wanted],
            windows=windows,
            excluded=_among(others, genes),
            statistics=statistics,
            families=families,
            draws=draws,
            seed=seed,
        )

    return SignedRecovery(recovery("activation"), recovery("repression"))


def _among(pairs: Iterable[tuple[str, str]], genes: Sequence[str]) -> list[tuple[str, str]] | None:
    known = frozenset(genes)
    return [pair for pair in pairs if known.issuperset(pair)] or None
