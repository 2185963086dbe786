"""Draws of a permutation scheme, and rank sums under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.gates.kernels.streams import STEP, stream, uniform_below
from theodolite.gates.schemes import Scheme

__all__ = ["UnitCosts", "assigned_statistics", "pair_statistics", "permutations", "set_statistics", "unit_costs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@compiled
def _permute(size: Ints, count: Ints, genes: Ints, state: np.uint64, order: Ints, image: Ints) -> None:
    """Write into ``image`` the image of every gene under one draw (Fisher and Yates, cell by cell)."""
    offset = 0
    for cell in range(len(size)):
        width, units = size[cell], count[cell]
        for unit in range(units):
            order[unit] = unit
        for last in range(units - 1, 0, -1):
            state += STEP
            other = uniform_below(state, last + 1)
            order[last], order[other] = order[other], order[last]
        for unit in range(units):
            for place in range(width):
                image[genes[offset + unit * width + place]] = genes[offset + order[unit] * width + place]
        offset += width * units


@compiled
def _permutations(n: int, size: Ints, count: Ints, genes: Ints, draws: int, seed: np.uint64, start: int) -> Ints:
    images = np.empty((draws, n), np.int64)
    order = np.empty(n, np.int64)
    for draw in range(draws):
        images[draw] = np.arange(n)
        _permute(size, count, genes, stream(seed, start + draw), order, images[draw])
    return images


@compiled
def _set_sums(
    rank: Floats, members: Ints, size: Ints, count: Ints, genes: Ints, draws: int, seed: np.uint64, start: int
) -> Floats:
    sums = np.empty(draws)
    image = np.arange(len(rank))
    order = np.empty(len(rank), np.int64)
    for draw in range(draws):
        _permute(size, count, genes, stream(seed, start + draw), order, image)
        total = 0.0
        for member in members:
            total += rank[image[member]]
        sums[draw] = total
    return sums


@compiled
def _pair_sums(
    rank: Floats,
    first: Ints,
    second: Ints,
    size: Ints,
    count: Ints,
    genes: Ints,
    draws: int,
    seed: np.uint64,
    start: int,
) -> Floats:
    sums = np.empty(draws)
    image = np.arange(len(rank))
    order = np.empty(len(rank), np.int64)
    for draw in range(draws):
        _permute(size, count, genes, stream(seed, start + draw), order, image)
        total = 0.0
        for edge in range(len(first)):
            total += rank[image[first[edge]], image[second[edge]]]
        sums[draw] = total
    return sums


@compiled
def _assigned_sums(count: Ints, cost: Floats, fixed: float, draws: int, seed: np.uint64, start: int) -> Floats:
    sums = np.empty(draws)
    largest = 0
    for units in count:
        largest = max(largest, units)
    order = np.empty(largest, np.int64)
    for draw in range(draws):
        state = stream(seed, start + draw)
        total = fixed
        offset = 0
        for units in count:
            for unit in range(units):
                order[unit] = unit
            for last in range(units - 1, 0, -1):
                state += STEP
                other = uniform_below(state, last + 1)
                taken = order[other]
                order[other] = order[last]
                total += cost[offset + last * units + taken]
            total += cost[offset + order[0]]
            offset += units * units
        sums[draw] = total
    return sums


def permutations(scheme: Scheme, draws: int, seed: int, start: int = 0) -> Ints:
    """Return draws ``start`` to ``start + draws - 1``, shape (draws, n).

    A row maps every gene to the gene whose score it gets.
    """
    return _permutations(scheme.n, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed), start)


def set_statistics(rank: Floats, members: Ints, scheme: Scheme, draws: int, seed: int, start: int = 0) -> Floats:
    """Return the rank sum of a gene set under each draw.

    Parameters
    ----------
    rank
        Shape (n,): midranks of the scores.
    members
        Indices of the member genes.
    scheme, draws, seed, start
        The null, how many of its draws, and the first of them.

    Returns
    -------
    numpy.ndarray
        Shape (draws,): sum of ranks at the permuted members. The AUROC is an affine function of it.
    """
    return _set_sums(rank, members, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed), start)


def pair_statistics(
    rank: Floats, first: Ints, second: Ints, scheme: Scheme, draws: int, seed: int, start: int = 0
) -> Floats:
    """Return the rank sum of gene pairs under each draw, shape (draws,).

    ``rank`` (n, n) is symmetric; pair e joins ``first[e]`` and ``second[e]``, and a draw moves both of its ends.
    """
    return _pair_sums(rank, first, second, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed), start)


@dataclass(frozen=True)
class UnitCosts:
    """What each unit of a scheme adds to the rank sum with the scores of each other unit of its cell.

    Attributes
    ----------
    count
        Shape (c,): units of each cell.
    cost
        The (units, units) matrices of all cells, flattened one after the other: entry (u, v) is what unit u adds when
        it gets the scores of unit v.
    fixed
        What the genes outside all cells add.
    """

    count: Ints
    cost: Floats
    fixed: float


def unit_costs(scheme: Scheme, labels: Bools, rank: Floats) -> UnitCosts:
    """Return the costs of a scheme that permutes the rows of ``rank`` while ``labels`` stay: one matrix product a cell.

    Parameters
    ----------
    scheme
        Permutes the n rows.
    labels, rank
        Shape (n, m): the reference pairs, and midranks or any other scores of the pairs.
    """
    stays = np.ones(len(rank), dtype=bool)
    stays[scheme.genes] = False
    blocks = []
    for cell in scheme.cells():
        flat = (len(cell), cell.shape[1] * rank.shape[1])
        blocks.append((labels[cell].reshape(flat).astype(np.float64) @ rank[cell].reshape(flat).T).ravel())
    cost = np.concatenate(blocks) if blocks else np.empty(0)
    return UnitCosts(scheme.count, cost, float(rank[stays][labels[stays]].sum()))


def assigned_statistics(costs: UnitCosts, draws: int, seed: int, start: int = 0) -> Floats:
    """Return the rank sum of the reference pairs under each draw of whole rows, shape (draws,).

    Draw k is that of :func:`permutations` for the same scheme and seed. A draw looks up one number a unit, whatever the
    number of pairs; sums of midranks are exact, so no order of summation shows.
    """
    return _assigned_sums(costs.count, costs.cost, costs.fixed, draws, np.uint64(seed), start)
