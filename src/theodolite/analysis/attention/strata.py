"""Scores within cell states, put together over them, against strata of the same sizes that mean nothing (2602.17532).

The highest of several noisy scores is high by its noise, and a score within few cells is noisy. So a gain over all
cells at once is no finding until strata of the same sizes, drawn at random, have been seen not to give it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.ranking import Ranking
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

__all__ = ["Aggregate", "CellScore", "StratifiedRecovery", "aggregated", "rank_correlations", "stratified_recovery"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Aggregate = Literal["max", "mean"]
"""Of the scores of a pair in all strata: the highest, or the mean."""
CellScore = Callable[[Ints], NDArray[np.floating]]
"""Makes the score of all pairs, (n, n), from the cells at some positions."""


@dataclass(frozen=True)
class StratifiedRecovery:
    """AUROC of a score that was made within strata of cells.

    Attributes
    ----------
    reference, aggregate
        What it was held against, and how strata were put together.
    strata
        Names of the strata that were used, with the number of their cells.
    left_out
        Strata with too few cells.
    pooled
        AUROC of the score of all these cells at once.
    stratified
        AUROC of the strata put together.
    shuffled, spread
        Mean and standard deviation of the stratified AUROC over draws in which cells changed strata.
    exceedances, draws, p
        Draws at least as large, draws, and (b + 1) / (B + 1), one-sided.
    """

    reference: str
    aggregate: Aggregate
    strata: tuple[tuple[str, int], ...]
    left_out: tuple[str, ...]
    pooled: float
    stratified: float
    shuffled: float
    spread: float
    exceedances: int
    draws: int
    p: float

    @property
    def gain(self) -> float:
        """Stratified minus pooled AUROC, as the paper reports it."""
        return self.stratified - self.pooled

    @property
    def gain_over_shuffled(self) -> float:
        """Stratified AUROC minus that of strata that mean nothing: the part that cell states give."""
        return self.stratified - self.shuffled


def aggregated(scores: Sequence[NDArray[np.floating]], how: Aggregate) -> Floats:
    """Put scores (n, n) of the same pairs in several strata together.

    A pair without a score (NaN) in a stratum is taken from the others; where none has one it stays NaN.

    Raises
    ------
    ValueError
        If there is no score, the shapes differ, or ``how`` is neither ``max`` nor ``mean``.
    """
    if not scores or len({score.shape for score in scores}) != 1:
        raise ValueError(f"scores of shapes {[score.shape for score in scores]}; need one or more of the same shape")
    if how not in ("max", "mean"):
        raise ValueError(f"strata are put together by {how!r}; it is 'max' or 'mean'")
    total = np.full(scores[0].shape, -np.inf if how == "max" else 0.0)
    count = np.zeros(scores[0].shape, dtype=np.int64)
    for score in scores:
        there = ~np.isnan(score)
        count += there
        if how == "max":
            np.maximum(total, score, out=total, where=there)
        else:
            np.add(total, score, out=total, where=there)
    divisor = np.ones_like(count) if how == "max" else np.maximum(count, 1)
    return np.where(count > 0, total / divisor, np.nan)


def rank_correlations(expression: NDArray[np.floating], *, absolute: bool = True) -> CellScore:
    """Return the score of Spearman's correlation of expression (cells, n) over some of the cells.

    Ranks are taken among the chosen cells. A gene that does not vary there is correlated with nothing (0).
    """
    from scipy.stats import rankdata

    def score(cells: Ints) -> Floats:
        rank = rankdata(np.asarray(expression[cells], dtype=np.float64), axis=0)
        rank -= rank.mean(axis=0)
        size = np.sqrt((rank**2).sum(axis=0))
        rank *= np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
        found = rank.T @ rank
        return np.asarray(np.abs(found) if absolute else found)

    return score


def stratified_recovery(
    edges: EdgeLabels,
    score: CellScore,
    labels: Sequence[str],
    *,
    aggregate: Aggregate = "max",
    blocks: Sequence[str] | None = None,
    least_cells: int = 20,
    draws: int = 99,
    seed: int = 0,
) -> StratifiedRecovery:
    """Score pairs within strata, put them together, and do the same with strata of the same sizes drawn at random.

    Parameters
    ----------
    edges
        The reference over the n genes.
    score
        Makes a score from cells: :func:`rank_correlations`, or a function that averages a model's attention over them.
        It is called once for every stratum in every draw.
    labels
        Stratum of each cell, found without sight of the reference.
    aggregate
        How strata are put together.
    blocks
        Block of each cell (donor, batch); cells then change strata within their block only, so that a difference
        between blocks is in the draws too.
    least_cells
        Strata with fewer cells are left out, with their cells.
    draws, seed
        Draws of the null.

    Raises
    ------
    ValueError
        If fewer than two strata are left, there is no draw, or the lengths of labels and blocks differ.
    """
    if draws < 1 or (blocks is not None and len(blocks) != len(labels)):
        raise ValueError(f"{draws!r} draws, {len(labels)} labels, {blocks and len(blocks)} blocks; need 1 draw or more")
    label = np.array(labels)
    names, sizes = np.unique(label, return_counts=True)
    used = [(str(name), int(size)) for name, size in zip(names, sizes, strict=True) if size >= least_cells]
    if len(used) < 2:
        raise ValueError(
            f"{len(used)} of {len(names)} strata have {least_cells} cells or more; strata are put together from two on"
        )
    cells = np.flatnonzero(np.isin(label, [name for name, _ in used])).astype(np.int64)
    stratum = label[cells]

    def auroc(strata: NDArray[np.str_]) -> float:
        parts = [score(cells[strata == name]) for name, _ in used]
        return _auroc(edges, aggregated(parts, aggregate))

    observed = auroc(stratum)
    scheme = blocked_labels([""] * len(cells) if blocks is None else [blocks[cell] for cell in cells.tolist()])
    moved = permutations(scheme, draws, derive_seed(seed, "strata"))
    drawn = np.array([auroc(stratum[image]) for image in moved])
    exceeding = exceedances(drawn, observed)
    return StratifiedRecovery(
        reference=edges.name,
        aggregate=aggregate,
        strata=tuple(used),
        left_out=tuple(sorted(set(map(str, names)) - {name for name, _ in used})),
        pooled=_auroc(edges, score(cells)),
        stratified=observed,
        shuffled=float(drawn.mean()),
        spread=float(drawn.std(ddof=1)) if draws > 1 else 0.0,
        exceedances=exceeding,
        draws=draws,
        p=monte_carlo_p(exceeding, draws),
    )


def _auroc(edges: EdgeLabels, score: NDArray[np.floating]) -> float:
    return Ranking.of(edges.matrix(score)[edges.candidates]).auroc(edges.truth)
