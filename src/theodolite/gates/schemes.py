"""Schemes of nulls: which genes, or which edges, may change places.

The nulls that move genes are one mechanism. A scheme holds *units*, tuples of genes of equal length, and *cells*; a
draw permutes the units of every cell among one another, and genes outside all cells stay where they are. Nulls that
permute an exchangeable unit are exact for scores exchangeable in that unit, whatever the labels (Fisher; Phipson and
Smyth 2010 for the p-value).

``family_block_swap`` moves whole homology families, because paralogues share scores and labels and every null that
moves single genes rejects too often in their presence. ``stratified_labels`` moves single genes between genes of like
expression, because highly expressed genes share scores and labels too. A verdict needs both. ``coexpression_strata``
moves single edges between pairs of like co-expression: alone it is a pair shuffle, and it is never used alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SMALLEST_CELL",
    "VENTILES",
    "EdgeStrata",
    "Scheme",
    "blocked_labels",
    "coexpression_strata",
    "expression_strata",
    "family_block_swap",
    "stratified_labels",
    "target_strata",
]

SMALLEST_CELL = 5
"""Strata with fewer genes are merged into a neighbour: a cell of one or two genes hardly moves."""
VENTILES = 20
"""Classes of co-expression."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scheme:
    """Units permuted within cells.

    Attributes
    ----------
    name
        Name of the null.
    n
        Number of genes.
    size, count
        Shape (c,): genes a unit and units, of each cell.
    genes
        The gene indices of all units, cell after cell, unit after unit.
    """

    name: str
    n: int
    size: Ints
    count: Ints
    genes: Ints

    @classmethod
    def build(cls, name: str, n: int, cells: Sequence[Sequence[Sequence[int]]]) -> Scheme:
        """Make a scheme from nested lists: cells of units of gene indices. Cells of one unit are left out.

        Raises
        ------
        ValueError
            If the units of a cell differ in length or a gene occurs twice.
        """
        kept = [cell for cell in cells if len(cell) > 1]
        for cell in kept:
            if len({len(unit) for unit in cell}) != 1:
                raise ValueError(f"a cell of {name!r} mixes units of {sorted({len(u) for u in cell})} genes")
        flat = [gene for cell in kept for unit in cell for gene in unit]
        if len(set(flat)) != len(flat):
            raise ValueError(f"a gene occurs in two units of {name!r}; a permutation needs disjoint units")
        return cls(
            name,
            n,
            np.array([len(cell[0]) for cell in kept], dtype=np.int64),
            np.array([len(cell) for cell in kept], dtype=np.int64),
            np.array(flat, dtype=np.int64),
        )

    def cells(self) -> list[Ints]:
        """Return one (units, genes a unit) matrix of gene indices a cell."""
        ends = np.cumsum(self.size * self.count)
        parts = np.split(self.genes, ends[:-1]) if len(ends) else []
        return [part.reshape(-1, size) for part, size in zip(parts, self.size, strict=True)]

    def log10_arrangements(self, label: NDArray[np.generic]) -> float:
        """Return log10 of the number of distinct arrangements of ``label`` that the scheme reaches.

        ``label`` (n,) is the membership of a set, for which the count (a multinomial coefficient a cell) is exact, or
        the reference degree of a gene, for which it is a lower bound: an arrangement that leaves a graph as it is maps
        every unit to one of the same degrees, so the stabiliser is no larger than the product of factorials divided by.
        """
        total = 0.0
        for cell in self.cells():
            patterns = Counter(map(tuple, np.asarray(label)[cell].tolist()))
            total += lgamma(len(cell) + 1) - sum(lgamma(repeats + 1) for repeats in patterns.values())
        return total / log(10.0)


def family_block_swap(families: Sequence[str]) -> Scheme:
    """Permute whole families among families of equal size; a family whose size no other has stays in place.

    Genes of a family keep their order, so the scheme maps families onto families and a pair between two families never
    lands inside one.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for gene, family in enumerate(families):
        members[family].append(gene)
    by_size: dict[int, list[list[int]]] = defaultdict(list)
    for unit in members.values():
        by_size[len(unit)].append(unit)
    return Scheme.build("family_block_swap", len(families), [by_size[size] for size in sorted(by_size)])


def stratified_labels(strata: Sequence[tuple[int, ...]]) -> Scheme:
    """Permute single genes within strata; strata of fewer than :data:`SMALLEST_CELL` genes join a neighbour.

    Parameters
    ----------
    strata
        Classes of each gene, outermost first, for example (mean-expression quintile, variance tercile). A small stratum
        joins, of the next lower and the next higher stratum, the one that shares more outer classes with it, and the
        smaller one if both share as many.
    """
    grid: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for gene, stratum in enumerate(strata):
        grid[stratum].append(gene)
    cells = [(key, grid[key]) for key in sorted(grid)]
    while len(cells) > 1 and min(len(genes) for _, genes in cells) < SMALLEST_CELL:
        small = min(range(len(cells)), key=lambda index: len(cells[index][1]))
        near = [index for index in (small - 1, small + 1) if 0 <= index < len(cells)]
        into = min(near, key=lambda index: (-_shared(cells[index][0], cells[small][0]), len(cells[index][1])))
        cells[into] = (cells[into][0], sorted(cells[into][1] + cells[small][1]))
        del cells[small]
    return Scheme.build("stratified_labels", len(strata), [[[gene] for gene in genes] for _, genes in cells])


def _shared(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Return how many outermost classes two strata have in common."""
    return next((depth for depth, (a, b) in enumerate(zip(first, second, strict=True)) if a != b), len(first))


def blocked_labels(blocks: Sequence[str]) -> Scheme:
    """Permute the labels of single cells within their blocks (donor x tissue); a block of one cell stays as it is.

    Parameters
    ----------
    blocks
        Block of each cell.
    """
    inside: dict[str, list[int]] = defaultdict(list)
    for cell, block in enumerate(blocks):
        inside[block].append(cell)
    return Scheme.build("blocked_labels", len(blocks), [[[cell] for cell in inside[block]] for block in sorted(inside)])


def _quantile_class(values: Floats, classes: int) -> Ints:
    """Return the quantile class (0 to classes - 1) of each value; equal values share a class."""
    cuts = np.quantile(values, np.arange(1, classes) / classes)
    return np.searchsorted(cuts, values, side="left").astype(np.int64)


def expression_strata(mean: Floats, variance: Floats) -> list[tuple[int, ...]]:
    """Return (quintile of mean expression, tercile of variance within that quintile) of each gene.

    Terciles are taken within the quintile: expression and variance are correlated, and terciles over all genes would
    leave most of the grid empty.

    Parameters
    ----------
    mean, variance
        Shape (n,): statistics of each gene from counts.
    """
    return _nested((mean, 5), (variance, 3))


def target_strata(mean: Floats, dropout: Floats, in_degree: NDArray[np.generic]) -> list[tuple[int, ...]]:
    """Return (quintile of mean expression, tercile of dropout within it, tercile of in-degree within both) of targets.

    Parameters
    ----------
    mean, dropout
        Shape (t,): statistics of each target from counts.
    in_degree
        Shape (t,): regulators of each target in the reference.
    """
    return _nested((mean, 5), (dropout, 3), (in_degree.astype(np.float64), 3))


def _nested(*levels: tuple[Floats, int]) -> list[tuple[int, ...]]:
    """Return quantile classes within quantile classes: each level has values, shape (n,), and a number of classes."""
    strata: list[tuple[int, ...]] = [()] * len(levels[0][0])
    for values, classes in levels:
        inside: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for gene, stratum in enumerate(strata):
            inside[stratum].append(gene)
        for stratum, genes in inside.items():
            for gene, number in zip(genes, _quantile_class(values[genes], classes).tolist(), strict=True):
                strata[gene] = (*stratum, number)
    return strata


@dataclass(frozen=True)
class EdgeStrata:
    """Candidate pairs by class; a draw moves edges at random inside each class.

    Attributes
    ----------
    name
        Name of the null.
    order
        Shape (m,): positions of the candidate pairs in the list of all candidates, class after class.
    bounds
        Shape (s + 1,): where each class begins in ``order``, and the end.
    """

    name: str
    order: Ints
    bounds: Ints

    def count(self, edge: NDArray[np.bool_]) -> Ints:
        """Return the edges of each class, shape (s,); ``edge`` (m,) says which candidates are edges."""
        before = np.concatenate([[0], np.cumsum(edge[self.order], dtype=np.int64)])
        return np.diff(before[self.bounds])

    def moved(self, edge: NDArray[np.bool_]) -> float:
        """Return the mean share of edges that a draw replaces by other pairs, exactly; 0 without edges."""
        count = self.count(edge)
        kept = float((count**2 / np.maximum(np.diff(self.bounds), 1)).sum())
        return 1.0 - kept / float(count.sum()) if count.any() else 0.0

    def log10_arrangements(self, edge: NDArray[np.bool_]) -> float:
        """Return log10 of the number of edge lists that the draws reach: a product of binomial coefficients."""
        pairs = zip(np.diff(self.bounds).tolist(), self.count(edge).tolist(), strict=True)
        return sum(lgamma(m + 1) - lgamma(k + 1) - lgamma(m - k + 1) for m, k in pairs) / log(10.0)


def coexpression_strata(coexpression: Floats) -> EdgeStrata:
    """Return the ventiles of co-expression; equal values share one.

    Parameters
    ----------
    coexpression
        Shape (m,): co-expression of each candidate pair, from counts of the same cells.
    """
    ventile = _quantile_class(coexpression, VENTILES)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(ventile, minlength=VENTILES))]).astype(np.int64)
    return EdgeStrata("coexpression_strata", np.argsort(ventile, kind="stable").astype(np.int64), bounds)
