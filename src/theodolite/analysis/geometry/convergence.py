"""Whether regulators come near the markers of a lineage with depth (arXiv 2602.22247 §convergence).

Distances cannot tell: all of them shrink where the norm shrinks. So a regulator is ranked among all genes by its
distance to the centroid of the lineage's markers, and its ranks are compared with those of genes that are expressed
alike and begin as far, and with its own on the centroids of other lineages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import DepthTrend, depth_trend
from theodolite.analysis.geometry.inputs import GeneVectors, gene_vectors, member_mask, statistics_of
from theodolite.data import GeneStatistics, Reference
from theodolite.gates.confounds.terms import normal_scores
from theodolite.gates.evidence import monte_carlo_p

__all__ = ["Convergence", "GeneNull", "centroid_ranks", "lineage_convergence"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GeneNull:
    """Other genes' ranks to the same centroid.

    Attributes
    ----------
    kind
        ``matched genes``: alike in mean, variance and dropout and in the rank at the first layer. ``all genes``: every
        other gene, where there are no statistics.
    genes
        Their names; no marker is among them.
    mean_rank
        Shape (layers,).
    p_trend
        (1 + b) / (1 + m): genes whose rank correlates with depth as negatively or more.
    p_drop
        The same for the fall of the rank from the first layer to the last.
    """

    kind: Literal["matched genes", "all genes"]
    genes: tuple[str, ...]
    mean_rank: Floats
    p_trend: float
    p_drop: float


@dataclass(frozen=True, eq=False)
class Convergence:
    """One regulator's nearness to a lineage across depth.

    Attributes
    ----------
    gene
        The regulator.
    in_centroid
        Whether it is one of the markers. It then pulls the centroid towards itself, and ``ranks`` are to the centroid
        of the other markers.
    ranks
        Profile of its rank among all genes by Euclidean distance to the centroid: 1 is the nearest, ties share ranks.
    ranks_with_itself
        Shape (layers,): ranks to the centroid with it; other than ``ranks`` only where ``in_centroid``.
    distance, norm
        Shape (layers,): its distance to the centroid, and the root mean square length of all genes' centred vectors.
        A distance means something only in proportion to the norm.
    null
        Genes that are expressed alike.
    other_lineages
        Profiles of its rank on the centroids of other lineages, by name.
    specific
        Whether its rank falls farther here than on every other lineage; None without another lineage.
    """

    gene: str
    in_centroid: bool
    ranks: DepthTrend
    ranks_with_itself: Floats
    distance: Floats
    norm: Floats
    null: GeneNull
    other_lineages: Mapping[str, DepthTrend]
    specific: bool | None


def centroid_ranks(vectors: Floats, markers: Bools) -> tuple[Floats, Floats]:
    """Return ranks and distances (layers, n) of all genes to the centroid of the marked ones; rank 1 is the nearest."""
    from scipy.stats import rankdata

    centre = vectors[:, markers].mean(axis=1, keepdims=True)
    distance = np.linalg.norm(vectors - centre, axis=2)
    return np.asarray(rankdata(distance, axis=1)), np.asarray(distance)


def lineage_convergence(
    vectors: ArrayLike,
    genes: Sequence[str],
    regulators: Sequence[str],
    lineages: Mapping[str, Reference | Iterable[str]],
    lineage: str,
    *,
    statistics: GeneStatistics | None = None,
    matched: int = 200,
) -> tuple[Convergence, ...]:
    """Follow regulators' ranks by distance to the centroid of a lineage's markers across depth.

    Parameters
    ----------
    vectors, genes
        As in :func:`theodolite.analysis.geometry.edge_recovery`.
    regulators
        Names of the genes to follow.
    lineages
        Marker genes by lineage; those but ``lineage`` are a null.
    lineage
        The lineage that is asked about.
    statistics
        Statistics of the genes from counts, to match on.
    matched
        Genes that are matched to each regulator, the nearest in normal scores of the three statistics and of the rank
        at the first layer: a gene that begins far has more room to come near.

    Raises
    ------
    ValueError
        If a regulator or a lineage is not there, or a lineage has fewer than two markers among the genes.
    """
    kept = gene_vectors(vectors, genes)
    if lineage not in lineages:
        raise ValueError(f"no lineage {lineage!r} was given; there are {', '.join(map(repr, lineages))}")
    missing = [gene for gene in regulators if gene not in kept.genes]
    if missing:
        raise ValueError(f"{', '.join(missing[:5])} have no vector at every layer; leave them out")
    masks = {}
    for name, members in lineages.items():
        masks[name] = member_mask(members, kept.genes)
        if masks[name].sum() < 2:
            raise ValueError(f"lineage {name!r} has {int(masks[name].sum())} markers among the genes; give 2 or more")
    values = None if statistics is None else statistics_of(statistics, kept.genes)
    return tuple(_one(kept, kept.genes.index(gene), masks, lineage, values, matched) for gene in regulators)


def _one(
    kept: GeneVectors, place: int, masks: Mapping[str, Bools], lineage: str, values: Floats | None, matched: int
) -> Convergence:
    markers = masks[lineage]
    inside = bool(markers[place])
    with_itself = centroid_ranks(kept.vectors, markers)[0][:, place]
    ranks, distance = centroid_ranks(kept.vectors, _without(markers, place))
    others = {
        name: depth_trend(centroid_ranks(kept.vectors, _without(mask, place))[0][:, place])
        for name, mask in masks.items()
        if name != lineage
    }
    own = depth_trend(ranks[:, place])
    fall = own.first - own.last
    return Convergence(
        gene=kept.genes[place],
        in_centroid=inside,
        ranks=own,
        ranks_with_itself=with_itself,
        distance=distance[:, place],
        norm=_norm(kept.vectors),
        null=_gene_null(kept, place, markers, ranks, values, matched),
        other_lineages=others,
        specific=all(fall > other.first - other.last for other in others.values()) if others else None,
    )


def _without(markers: Bools, place: int) -> Bools:
    left = markers.copy()
    left[place] = False
    return left


def _norm(vectors: Floats) -> Floats:
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.square(centred).sum(axis=2).mean(axis=1)))


def _gene_null(
    kept: GeneVectors, place: int, markers: Bools, ranks: Floats, values: Floats | None, matched: int
) -> GeneNull:
    free = ~markers
    free[place] = False
    chosen = np.flatnonzero(free)
    kind: Literal["matched genes", "all genes"] = "all genes"
    if values is not None:
        if not 1 <= matched <= len(chosen):
            raise ValueError(
                f"{matched} matched genes of {len(chosen)} that are no markers; ask for 1 to {len(chosen)}"
            )
        kind = "matched genes"
        scores = np.column_stack([normal_scores(column) for column in (*values.T, ranks[0])])
        away = np.linalg.norm(scores[chosen] - scores[place], axis=1)
        chosen = np.sort(chosen[np.argsort(away, kind="stable")[:matched]])
    if not len(chosen):
        raise ValueError("every gene is a marker of the lineage; give the other genes of the model too")
    depth = np.arange(len(ranks), dtype=np.float64)
    trends = _correlations(ranks, depth)
    fall = ranks[0] - ranks[-1]
    return GeneNull(
        kind=kind,
        genes=tuple(kept.genes[gene] for gene in chosen),
        mean_rank=ranks[:, chosen].mean(axis=1),
        p_trend=monte_carlo_p(int((trends[chosen] <= trends[place] + 1e-9).sum()), len(chosen)),
        p_drop=monte_carlo_p(int((fall[chosen] >= fall[place]).sum()), len(chosen)),
    )


def _correlations(ranks: Floats, depth: Floats) -> Floats:
    """Return each gene's Spearman correlation of rank with depth, shape (n,); 0 for a gene whose rank stays."""
    from scipy.stats import rankdata

    ordered = rankdata(ranks, axis=0)
    ordered -= ordered.mean(axis=0)
    steps = rankdata(depth) - (len(depth) + 1) / 2.0
    size = np.sqrt(np.square(ordered).sum(axis=0) * np.square(steps).sum())
    return np.asarray(np.divide(steps @ ordered, size, out=np.zeros(ordered.shape[1]), where=size > 0.0))
