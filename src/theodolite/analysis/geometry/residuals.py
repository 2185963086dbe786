"""What of the similarity of regulator and target is left without co-expression (arXiv 2602.22247 §residuals).

The published control took out the cosine of the model's own embeddings and called it co-expression. That is no
control: it is a function of the vectors under test and holds no count. It is kept here under its own name, so that a
published number can be reproduced, and it never counts. What counts is what is left when the correlation of expression
in the same cells is taken out together with mean, variance and dropout of both genes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import Direction, directions
from theodolite.analysis.geometry.edges import Window, edge_contrast, window_cosine
from theodolite.analysis.geometry.inputs import Pairs, families_of, gene_vectors, layer_coordinates, statistics_of
from theodolite.analysis.geometry.nulls import NullResult, against
from theodolite.data import GeneStatistics
from theodolite.gates.adjust import spline_basis
from theodolite.gates.confounds import residual_bipartite

__all__ = ["Control", "RankBiserial", "SimilarityResiduals", "rank_biserial", "similarity_residuals"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

Control = Literal[
    "none",
    "own embedding cosine",
    "expression correlation",
    "expression correlation and gene statistics",
]
"""What was taken out of a similarity before edges were compared with other pairs."""


@dataclass(frozen=True, eq=False)
class RankBiserial:
    """Edges against other pairs after one control, by layer.

    Attributes
    ----------
    control
        What was taken out.
    counts
        Whether a signal under this control counts: only under the last of :data:`Control`.
    effect
        Shape (layers,): rank-biserial correlation, 2 AUROC - 1; above zero where edges are more alike.
    p_greater
        Shape (layers,): one-sided Mann-Whitney p, as published. Pairs share genes, so it is far too small under hubs.
    explained
        Shape (layers,): share of the variance of the similarity that was taken out.
    """

    control: Control
    counts: bool
    effect: Floats
    p_greater: Floats
    explained: Floats

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Whether edges are more or less alike than other pairs at each layer, at 0.05 on either side."""
        return directions(self.effect.tolist(), self.p_greater.tolist())


@dataclass(frozen=True, eq=False)
class SimilarityResiduals:
    """Similarity of regulators and targets under the controls.

    Attributes
    ----------
    raw, own_cosine, expression, expression_and_genes
        Before, and after each control.
    nulls
        For the effect under the last control: regulators, edges by Curveball, and targets moved.
    signal
        Shape (layers,): edges more alike under the last control, against every null at ``alpha``. Nothing else counts.
    alpha
        That level, one layer at a time; ``nulls[i].p_any`` is for the best layer.
    """

    raw: RankBiserial
    own_cosine: RankBiserial
    expression: RankBiserial
    expression_and_genes: RankBiserial
    nulls: tuple[NullResult, ...]
    signal: Bools
    alpha: float


def rank_biserial(edges: ArrayLike, others: ArrayLike) -> tuple[float, float]:
    """Return the rank-biserial correlation of two samples and the one-sided Mann-Whitney p that edges are larger.

    Raises
    ------
    ValueError
        If a sample is empty.
    """
    from scipy.stats import mannwhitneyu

    first, second = np.asarray(edges, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if not len(first) or not len(second):
        raise ValueError(f"{len(first)} edges and {len(second)} other pairs; a rank-biserial correlation needs both")
    test = mannwhitneyu(first, second, alternative="greater", method="asymptotic")
    return 2.0 * float(test.statistic) / (len(first) * len(second)) - 1.0, float(test.pvalue)


def similarity_residuals(
    vectors: ArrayLike,
    genes: Sequence[str],
    edges: Pairs,
    coexpression: ArrayLike,
    statistics: GeneStatistics,
    *,
    window: Window = (5, 7),
    similarity: Literal["distance", "cosine"] = "distance",
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> SimilarityResiduals:
    """Compare edges with the other pairs of their regulators and targets before and after three controls.

    The first control is a straight line in the cosine of the whole vectors. The second one is a spline in each estimate
    of the correlation of expression. The third one is that with gene statistics and free effects of single genes,
    cross-fitted on pairs of other genes: :func:`theodolite.gates.confounds.residual_bipartite`.

    Parameters
    ----------
    vectors, genes, families
        As in :func:`theodolite.analysis.geometry.edge_recovery`.
    edges
        Regulators and their targets.
    coexpression
        Shape (genes, genes), or (m, genes, genes) for several estimates, from counts of the same cells (such as
        ``theodolite.data.coexpression``), rows and columns as ``genes``. Never from the model.
    statistics
        Statistics of the genes from counts.
    window
        First and last axis.
    similarity
        Minus the Euclidean distance within the window, as published, or the cosine.
    draws, alpha, seed
        Draws of each null, the level of ``signal``, and the seed.

    Raises
    ------
    ValueError
        If the input does not fit or co-expression is not finite.
    """
    kept = gene_vectors(vectors, genes)
    measured = _coexpression(coexpression, len(genes))[:, kept.present][:, :, kept.present]
    rows, columns, contrast = edge_contrast(kept, edges, statistics=statistics, families=families)
    values, family = statistics_of(statistics, kept.genes), families_of(families, kept.genes)
    pairs, labels = contrast.pairs, contrast.labels
    grid = measured[:, rows[:, None], columns[None, :]]
    bases = spline_basis(grid[:, pairs].T)
    coordinates = layer_coordinates(kept.vectors, window[1])
    steps: list[list[tuple[float, float, float]]] = [[], [], [], []]
    places = []
    for hidden, layer in zip(kept.vectors, coordinates, strict=True):
        score = _similarity(layer, window, similarity, rows, columns)
        own = window_cosine(hidden, (1, hidden.shape[1]), rows, columns)
        full = residual_bipartite(
            score,
            grid,
            values[rows],
            values[columns],
            pairs,
            [family[row] for row in rows],
            [family[column] for column in columns],
            seed=seed,
        )
        plain = score[pairs]
        line = np.linalg.qr(np.column_stack([np.ones(len(plain)), own[pairs]]))[0]
        left = (plain, plain - line @ (line.T @ plain), plain - bases @ (bases.T @ plain), full[pairs])
        for step, residual in zip(steps, left, strict=True):
            effect, p = rank_biserial(residual[labels[pairs]], residual[~labels[pairs]])
            step.append((effect, p, 1.0 - float(residual.var() / plain.var())))
        places.append(contrast.replaced(full))
    kinds: tuple[Control, ...] = (
        "none",
        "own embedding cosine",
        "expression correlation",
        "expression correlation and gene statistics",
    )
    found = [RankBiserial(kind, kind == kinds[-1], *np.array(step).T) for kind, step in zip(kinds, steps, strict=True)]
    nulls = []
    for name in contrast.names:
        root = contrast.seed(name, seed)
        drawn = np.stack([2.0 * place.to_effect(place.draw(name, draws, root)) for place in places], axis=1)
        moved = contrast.reach(name, root).moved
        nulls.append(against(name, found[-1].effect, drawn, moved=moved))
    signal = (found[-1].effect > 0.0) & np.all([null.p <= alpha for null in nulls], axis=0)
    return SimilarityResiduals(
        raw=found[0],
        own_cosine=found[1],
        expression=found[2],
        expression_and_genes=found[3],
        nulls=tuple(nulls),
        signal=np.asarray(signal),
        alpha=alpha,
    )


def _coexpression(coexpression: ArrayLike, n: int) -> Floats:
    array = np.asarray(coexpression, dtype=np.float64)
    stack = array[None] if array.ndim == 2 else array
    if stack.ndim != 3 or stack.shape[1:] != (n, n):
        raise ValueError(
            f"co-expression has shape {array.shape}; give ({n}, {n}) or (m, {n}, {n}), in the order of genes"
        )
    if not np.isfinite(stack).all():
        raise ValueError("co-expression holds NaN or infinity; a gene that does not vary has correlation 0")
    return stack


def _similarity(layer: Floats, window: Window, kind: str, rows: Ints, columns: Ints) -> Floats:
    if kind == "cosine":
        return window_cosine(layer, window, rows, columns)
    if kind != "distance":
        raise ValueError(f"similarity is {kind!r}; it is 'distance' or 'cosine'")
    inside = layer[:, window[0] - 1 : window[1]]
    return -np.asarray(np.linalg.norm(inside[rows][:, None] - inside[columns][None, :], axis=2))
