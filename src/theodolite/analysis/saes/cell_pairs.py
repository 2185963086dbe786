"""Whether two features are active together, with the cell as the unit and the gene held.

Two features that are each active at many positions of some cells meet often where those cells happen to be the same,
and two that are active on the same gene meet in every cell. A test over positions calls either a co-activation. Here
one feature's activity is given to other cells, all its positions of a cell at once and each on its own gene, so that
what a feature does in a cell, and on which genes, is the same in every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from theodolite.gates.evidence import exceeding
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

__all__ = ["CellPairs", "cell_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellPairs:
    """Pairs of features at the positions of cells.

    Attributes
    ----------
    share
        Shape (m,): share of the first feature's positions where the second is active too.
    expected
        Shape (m,): mean of the same over draws, in which the second feature's activity is that of other cells at the
        same genes. What it explains is the genes, not the pair.
    p, q
        Shape (m,): one-sided (b + 1) / (B + 1), and its Benjamini-Hochberg value over the pairs that were given. If
        they were chosen for being active together in these cells, both are too small: choose on other cells.
    draws
        B.
    """

    share: Floats
    expected: Floats
    p: Floats
    q: Floats
    draws: int


def cell_pairs(
    activity: csr_array,
    cell: ArrayLike,
    gene: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    blocks: Sequence[str] | None = None,
    draws: int = 199,
    seed: int = 0,
) -> CellPairs:
    """Test pairs of features for being active at the same positions, by permuting one of them over cells.

    Where the other cell has no token of a gene, the position is left out of the draw, and the share is that of the
    positions that are left: a gene that is missing there is no evidence that the feature would be silent on it.

    Parameters
    ----------
    activity
        Shape (positions, F), sparse: a feature is active where its value is not 0.
    cell, gene
        Shape (positions,): number of the cell and of the gene of each position, from 0.
    first, second
        Shape (m,): the pairs.
    blocks
        Block of each cell, by its number: its type, its donor. Activity then moves within blocks, and a pair that only
        shares a cell type is no finding.
    draws, seed
        Permutations of the cells, and their seed.

    Raises
    ------
    ValueError
        If shapes do not fit, a gene has two positions in a cell, or there is no pair or no draw.
    """
    from scipy.stats import false_discovery_control

    binary = csr_array((csr_array(activity) != 0).astype(np.int64))
    cells, genes = np.asarray(cell, dtype=np.int64), np.asarray(gene, dtype=np.int64)
    one, other = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    positions = binary.shape[0]
    if cells.shape != (positions,) or genes.shape != (positions,) or one.shape != other.shape or one.ndim != 1:
        raise ValueError(
            f"{positions} positions with cells {cells.shape} and genes {genes.shape}, pairs of {one.shape} and "
            f"{other.shape}; give a cell and a gene for each position, and two features for each pair"
        )
    if not len(one) or draws < 1 or not positions:
        raise ValueError(f"{len(one)} pairs, {draws} draws, {positions} positions; need one of each or more")
    count, width = int(cells.max()) + 1, int(genes.max()) + 1
    if blocks is not None and len(blocks) != count:
        raise ValueError(f"{len(blocks)} blocks for {count} cells; give one for each")
    key = cells * width + genes
    order = np.argsort(key)
    ordered = key[order]
    if (ordered[1:] == ordered[:-1]).any():
        twice = int(ordered[:-1][ordered[1:] == ordered[:-1]][0])
        raise ValueError(f"gene {twice % width} has two positions in cell {twice // width}; keep one")
    columns, left = np.unique(one, return_inverse=True)
    partners, right = np.unique(other, return_inverse=True)
    of_first, of_second = csr_array(binary[:, columns]), csr_array(binary[:, partners])

    def shares(image: Ints) -> Floats:
        wanted = image[cells] * width + genes
        place = np.minimum(np.searchsorted(ordered, wanted), positions - 1)
        there = ordered[place] == wanted
        kept = of_first[there]
        together = (kept.T @ of_second[order[place[there]]]).toarray()[left, right]
        of = np.asarray(kept.sum(axis=0))[left]
        return np.asarray(together / np.maximum(of, 1))

    observed = shares(np.arange(count))
    scheme = blocked_labels([""] * count if blocks is None else blocks)
    reached, total = np.zeros(len(one), dtype=np.int64), np.zeros(len(one))
    for image in permutations(scheme, draws, derive_seed(seed, "cells")):
        drawn = shares(image)
        reached += exceeding(drawn, observed)
        total += drawn
    p: Floats = np.asarray((reached + 1) / (draws + 1), dtype=np.float64)
    return CellPairs(observed, total / draws, p, false_discovery_control(p), draws)
