"""What a model has learned of a graph, asked of the model itself: move a regulator in the input, watch the targets.

Nothing here reads attention or gene vectors, so that what it says of a model is independent of what tools measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = [
    "MASK_GROUPS",
    "Recovery",
    "Reconstructing",
    "centred_size",
    "predicted_changes",
    "recovery",
    "recovery_gain",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MASK_GROUPS = 7
"""A seventh of the genes is hidden in each cell, about the share that training hides."""
RESAMPLES = 2_000
_CELLS_PER_STEP = 32


class Reconstructing(Protocol):
    """A model that predicts log1p CP10K of hidden genes, such as the compact transformer."""

    gene_sd: Any

    def __call__(self, values: Any, gene_index: Any, mask: Any) -> Any:
        """Return predictions (cells, genes)."""
        ...


def predicted_changes(model: Reconstructing, values: NDArray[np.float32], regulators: Sequence[int]) -> Floats:
    """Return how the prediction of every gene changes when a regulator is raised to twice its mean, from no count.

    Each gene is hidden in every seventh cell and predicted there from all others. The regulator itself is never hidden
    while it is moved: its value is that of twice its mean CP10K in one pass and that of no count in the other, in every
    cell, whatever the cell holds of it.

    Parameters
    ----------
    model
        In evaluation mode.
    values
        Shape (cells, genes): log1p CP10K of at least seven cells.
    regulators
        Columns to move, r of them.

    Returns
    -------
    numpy.ndarray
        Shape (r, genes): mean over cells, in standard deviations of the gene; 0 for the regulator itself.

    Raises
    ------
    ValueError
        If there are fewer cells than mask groups, so that some gene would never be hidden.
    """
    import torch

    n_cells, n_genes = values.shape
    if n_cells < MASK_GROUPS:
        raise ValueError(f"{n_cells} cells cannot hide every gene once; give at least {MASK_GROUPS}")
    group = np.random.default_rng(0).permutation(n_genes) % MASK_GROUPS
    hidden = group[None, :] == (np.arange(n_cells) % MASK_GROUPS)[:, None]
    index = torch.arange(n_genes)
    found = np.zeros((len(regulators), n_genes))
    with torch.inference_mode():
        spread = model.gene_sd.double().numpy()
        for row, column in enumerate(regulators):
            mask, twice, none = hidden.copy(), values.copy(), values.copy()
            mask[:, column] = False
            twice[:, column] = np.log1p(2.0 * np.expm1(values[:, column]).mean())
            none[:, column] = 0.0
            total = np.zeros(n_genes)
            for start in range(0, n_cells, _CELLS_PER_STEP):
                batch = slice(start, start + _CELLS_PER_STEP)
                where = torch.from_numpy(mask[batch])
                up, down = (model(torch.from_numpy(moved[batch]), index, where) for moved in (twice, none))
                total += ((up - down).double().numpy() * mask[batch]).sum(axis=0)
            found[row] = total / np.maximum(mask.sum(axis=0), 1) / spread
    return found


def centred_size(changes: Floats, candidates: Bools) -> Floats:
    """Return the logarithm of sizes (r, n), less each target's mean over its candidate regulators.

    A target that answers to everything, and so to its own regulators too, is no evidence of edges.
    """
    size = np.abs(changes)
    # A prediction that does not move at all is the smallest change, not an infinite one.
    logarithm = np.log(np.maximum(size, max(float(size.max()), 1e-300) * 1e-12))
    return np.asarray(logarithm - (logarithm * candidates).sum(axis=0) / np.maximum(candidates.sum(axis=0), 1))


@dataclass(frozen=True)
class Recovery:
    """How well scores rank the edges of a regulator above its other candidates.

    Attributes
    ----------
    auroc
        Mean over regulators of the area under the curve of its own targets.
    low, high
        95 % interval from resampling families of regulators.
    regulators
        Those with a target and a candidate that is none.
    """

    auroc: float
    low: float
    high: float
    regulators: int

    def to_dict(self) -> dict[str, float]:
        """Return plain numbers, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def recovery(score: Floats, edges: Bools, candidates: Bools, families: Sequence[int]) -> Recovery:
    """Return how well a score (r, n) finds the edges (r, n) among the candidates (r, n).

    Regulators are the unit, and paralogous regulators, who share targets, are resampled together.
    """
    return _summary(_by_regulator(score, edges, candidates), families)


def recovery_gain(first: Floats, second: Floats, edges: Bools, candidates: Bools, families: Sequence[int]) -> Recovery:
    """Return the difference of the areas of two scores, paired by regulator; ``auroc`` holds the difference."""
    areas = (_by_regulator(score, edges, candidates) for score in (first, second))
    return _summary(np.subtract(*areas), families)


def _by_regulator(score: Floats, edges: Bools, candidates: Bools) -> Floats:
    """Return the area of each regulator, NaN where it has no target or nothing but targets."""
    areas = np.full(len(score), np.nan)
    for row, (values, inside, counted) in enumerate(zip(score, edges & candidates, candidates, strict=True)):
        n, others = int(inside.sum()), int((counted & ~inside).sum())
        if n and others:
            ranks = rankdata(values[counted])[inside[counted]]
            areas[row] = (ranks.sum() - n * (n + 1) / 2) / n / others
    return areas


def _summary(areas: Floats, families: Sequence[int]) -> Recovery:
    known = ~np.isnan(areas)
    if not known.any():
        raise ValueError("no regulator has both targets and other candidates; give a graph with edges")
    _, family = np.unique(np.asarray(families)[known], return_inverse=True)
    sums, sizes = np.bincount(family, areas[known]), np.bincount(family)
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Recovery(float(areas[known].mean()), float(low), float(high), int(known.sum()))
