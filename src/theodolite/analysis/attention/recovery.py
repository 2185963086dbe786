"""Edges of references recovered by layer and head: AUROC, AUPRC and the top k, beside co-expression (arXiv 2602.17532).

An AUROC above one half may be chance, hubs, or edges. The part that graphs with the same degrees reach on average is
the share of hubs; what is beyond it is specific to the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.nulls import EdgeNull, NullSummary, null_summary
from theodolite.analysis.attention.places import Place, each_place
from theodolite.analysis.attention.ranking import Ranking, TopK

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["TOP_K", "Decomposition", "EdgeRecovery", "Recovered", "edge_recovery", "recovered"]

Floats = NDArray[np.float64]

TOP_K = (20, 50, 100, 200, 500)
"""Pairs at the top that are looked at, as in the paper."""
RIVAL = "coexpression"


@dataclass(frozen=True)
class Decomposition:
    """An AUROC as a sum.

    Attributes
    ----------
    chance
        One half.
    degree
        What graphs with the degrees of the reference reach on average, beyond chance.
    specific
        What the edges themselves reach beyond that.
    """

    chance: float
    degree: float
    specific: float


@dataclass(frozen=True)
class Recovered:
    """One score against one reference.

    Attributes
    ----------
    signal
        ``attention``, or ``coexpression`` for the rival.
    reference
        Name of the reference.
    place
        Layer, or head; None for the rival.
    edges, candidates
        Edges of the reference, and pairs they were ranked among.
    auroc
        Share of (edge, other pair) comparisons that the edge wins.
    auprc, prevalence
        Average precision, and its chance level, the share of candidates that are edges.
    top
        The top k, one entry a k.
    nulls
        The AUROC against each null that was drawn.
    """

    signal: str
    reference: str
    place: Place | None
    edges: int
    candidates: int
    auroc: float
    auprc: float
    prevalence: float
    top: tuple[TopK, ...]
    nulls: tuple[NullSummary, ...] = ()

    def null(self, name: EdgeNull) -> NullSummary:
        """Return one null.

        Raises
        ------
        KeyError
            If it was not drawn.
        """
        for summary in self.nulls:
            if summary.null == name:
                return summary
        raise KeyError(f"{name!r} was not drawn; drawn: {[summary.null for summary in self.nulls]}")

    @property
    def decomposition(self) -> Decomposition:
        """Chance, degree and specific part; they add up to the AUROC.

        Raises
        ------
        KeyError
            If the degree-preserving null was not drawn.
        """
        rewired = self.null("degree_preserving").mean
        return Decomposition(0.5, rewired - 0.5, self.auroc - rewired)


@dataclass(frozen=True)
class EdgeRecovery:
    """All scores against all references: layers, heads where asked for, and the rival.

    Attributes
    ----------
    rows
        Reference after reference: the rival first, if there is one, then places in order.
    """

    rows: tuple[Recovered, ...]

    def of(self, reference: str, *, heads: bool = False) -> tuple[Recovered, ...]:
        """Return what attention recovers of a reference, by layer, or by head."""
        return tuple(
            row
            for row in self.rows
            if row.reference == reference and row.place is not None and (row.place.head is not None) == heads
        )

    def rival(self, reference: str) -> Recovered:
        """Return what co-expression recovers of a reference.

        Raises
        ------
        KeyError
            If there was no rival, or the reference is another.
        """
        for row in self.rows:
            if row.reference == reference and row.place is None:
                return row
        raise KeyError(f"no co-expression was held against {reference!r}; pass coexpression=")

    def frame(self) -> DataFrame:
        """Return a tidy table, one row a score and reference; nulls and top k as columns."""
        import pandas as pd

        return pd.DataFrame([_flat(row) for row in self.rows])


def _flat(row: Recovered) -> dict[str, object]:
    flat: dict[str, object] = {
        "signal": row.signal,
        "reference": row.reference,
        "layer": None if row.place is None else row.place.layer,
        "head": None if row.place is None else row.place.head,
        "edges": row.edges,
        "candidates": row.candidates,
        "auroc": row.auroc,
        "auprc": row.auprc,
        "prevalence": row.prevalence,
    }
    for top in row.top:
        flat |= {f"precision@{top.k}": top.precision, f"recall@{top.k}": top.recall, f"f1@{top.k}": top.f1}
    for null in row.nulls:
        flat |= {f"{null.null}.mean": null.mean, f"{null.null}.z": null.z, f"{null.null}.p": null.p}
    return flat


def recovered(
    edges: EdgeLabels,
    score: NDArray[np.floating],
    *,
    signal: str = "attention",
    place: Place | None = None,
    top_k: Sequence[int] = TOP_K,
    draws: dict[EdgeNull, int] | None = None,
    seed: int = 0,
) -> Recovered:
    """Hold one score (n, n) against one reference; parameters as of :func:`edge_recovery`."""
    matrix = edges.matrix(score)
    ranking = Ranking.of(matrix[edges.candidates])
    auroc = ranking.auroc(edges.truth)
    return Recovered(
        signal=signal,
        reference=edges.name,
        place=place,
        edges=edges.size,
        candidates=edges.count,
        auroc=auroc,
        auprc=ranking.average_precision(edges.truth),
        prevalence=edges.prevalence,
        top=tuple(ranking.top(edges.truth, k) for k in top_k),
        nulls=tuple(
            null_summary(edges, matrix, auroc, null, count, seed) for null, count in (draws or {}).items() if count
        ),
    )


def edge_recovery(
    attention: NDArray[np.floating],
    references: Sequence[EdgeLabels],
    *,
    coexpression: NDArray[np.floating] | None = None,
    heads: bool = False,
    top_k: Sequence[int] = TOP_K,
    shuffles: int = 1_000,
    rewirings: int = 200,
    swaps: int = 0,
    seed: int = 0,
) -> EdgeRecovery:
    """Hold every layer (and head) of attention, and absolute co-expression, against references.

    Parameters
    ----------
    attention
        Shape (L, n, n), heads averaged, or (L, H, n, n). Entry (i, j) is the score of gene i as regulator, or first
        gene, and j as target: transpose a model's (query, key) maps where the target's token attends to the regulator.
        May be a memory map; one matrix is in memory at a time, beside a sorted copy of the candidate pairs.
    references
        Labels over the same n genes, from :func:`edge_labels`.
    coexpression
        Shape (n, n), a correlation of expression in the same cells, never of embeddings; its absolute value is the
        rival. NaN is refused.
    heads
        Whether every head is held against the references too; no nulls are drawn for heads.
    top_k
        Numbers of pairs at the top.
    shuffles, rewirings, swaps
        Draws of ``label_shuffle``, ``degree_preserving`` and ``family_swap``; 0 leaves a null out. Drawn graphs take
        two bytes an edge, 512 graphs at a time: a reference of 250,000 edges takes 256 MB.
    seed
        Seed of all draws. Rewired graphs are the same for every layer and the rival.

    Raises
    ------
    ValueError
        If there is no reference, names of references repeat, or a shape does not fit.
    """
    names = [edges.name for edges in references]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"references are named {names}; need one or more, each by a name of its own")
    draws: dict[EdgeNull, int] = {
        "label_shuffle": shuffles,
        "degree_preserving": rewirings,
        "family_swap": swaps,
    }
    found: dict[str, list[Recovered]] = {name: [] for name in names}
    if coexpression is not None:
        for edges in references:
            score = np.abs(coexpression)
            row = recovered(edges, score, signal=RIVAL, top_k=top_k, draws=draws, seed=seed)
            found[edges.name].append(row)
    for place, score in each_place(attention, heads=heads):
        drawn = draws if place.head is None else None
        for edges in references:
            row = recovered(edges, score, place=place, top_k=top_k, draws=drawn, seed=seed)
            found[edges.name].append(row)
    return EdgeRecovery(tuple(row for name in names for row in found[name]))
