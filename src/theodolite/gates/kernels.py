"""Compiled loops: draws of a permutation scheme, and AUROCs of bootstrap resamples.

Scores are ranked once; a draw only looks ranks up at permuted indices. Draw ``k`` of a seed is a function of (scheme,
seed, k) alone, so it is the same whatever the number of draws and whatever is tested, and claims can share draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from theodolite.gates.schemes import Scheme

__all__ = ["derive_seed", "family_weights", "pair_statistics", "permutations", "set_statistics", "weighted_aurocs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba finds no writable place for its cache, as in a read-only container
        return cast(Function, numba.njit(nogil=True)(function))


def derive_seed(root: int, *path: str) -> int:
    """Return a seed below 2**53 (exact in every JSON reader) for the named part of a test, from numpy SeedSequence."""
    words = [int.from_bytes(name.encode(), "little") for name in path]
    return int(np.random.SeedSequence([root, *words]).generate_state(1, np.uint64)[0] >> np.uint64(11))


@_compiled
def _mix(state: np.uint64) -> np.uint64:
    """Finalise a counter (splitmix64; Steele, Lea and Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@_compiled
def _stream(seed: np.uint64, index: int) -> np.uint64:
    """Return where draw ``index`` of a seed starts; hashing both keeps neighbouring draws unrelated."""
    return _mix(_mix(seed + np.uint64(0x9E3779B97F4A7C15)) ^ _mix(np.uint64(index) + np.uint64(0xD1B54A32D192ED03)))


@_compiled
def _permute(size: Ints, count: Ints, genes: Ints, state: np.uint64, order: Ints, image: Ints) -> None:
    """Write into ``image`` the image of every gene under one draw (Fisher and Yates, cell by cell)."""
    offset = 0
    for cell in range(len(size)):
        width, units = size[cell], count[cell]
        for unit in range(units):
            order[unit] = unit
        for last in range(units - 1, 0, -1):
            state += np.uint64(0x9E3779B97F4A7C15)
            # multiply-shift on 32 bits: the bias is below units / 2**32
            other = np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(last + 1)) >> np.uint64(32))
            order[last], order[other] = order[other], order[last]
        for unit in range(units):
            for place in range(width):
                image[genes[offset + unit * width + place]] = genes[offset + order[unit] * width + place]
        offset += width * units


@_compiled
def _permutations(n: int, size: Ints, count: Ints, genes: Ints, draws: int, seed: np.uint64) -> Ints:
    images = np.empty((draws, n), np.int64)
    order = np.empty(n, np.int64)
    for draw in range(draws):
        images[draw] = np.arange(n)
        _permute(size, count, genes, _stream(seed, draw), order, images[draw])
    return images


@_compiled
def _set_sums(rank: Floats, members: Ints, size: Ints, count: Ints, genes: Ints, draws: int, seed: np.uint64) -> Floats:
    sums = np.empty(draws)
    image = np.arange(len(rank))
    order = np.empty(len(rank), np.int64)
    for draw in range(draws):
        _permute(size, count, genes, _stream(seed, draw), order, image)
        total = 0.0
        for member in members:
            total += rank[image[member]]
        sums[draw] = total
    return sums


@_compiled
def _pair_sums(
    rank: Floats, first: Ints, second: Ints, size: Ints, count: Ints, genes: Ints, draws: int, seed: np.uint64
) -> Floats:
    sums = np.empty(draws)
    image = np.arange(len(rank))
    order = np.empty(len(rank), np.int64)
    for draw in range(draws):
        _permute(size, count, genes, _stream(seed, draw), order, image)
        total = 0.0
        for edge in range(len(first)):
            total += rank[image[first[edge]], image[second[edge]]]
        sums[draw] = total
    return sums


def permutations(scheme: Scheme, draws: int, seed: int) -> Ints:
    """Return the first ``draws`` draws, shape (draws, n): row k maps every gene to the gene whose score it gets."""
    return _permutations(scheme.n, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed))


def set_statistics(rank: Floats, members: Ints, scheme: Scheme, draws: int, seed: int) -> Floats:
    """Return the rank sum of a gene set under each draw.

    Parameters
    ----------
    rank
        Shape (n,): midranks of the scores.
    members
        Indices of the member genes.
    scheme, draws, seed
        The null, and how many of its draws.

    Returns
    -------
    numpy.ndarray
        Shape (draws,): sum of ranks at the permuted members. The AUROC is an affine function of it.
    """
    return _set_sums(rank, members, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed))


def pair_statistics(rank: Floats, first: Ints, second: Ints, scheme: Scheme, draws: int, seed: int) -> Floats:
    """Return the rank sum of gene pairs under each draw, shape (draws,).

    ``rank`` (n, n) is symmetric; pair e joins ``first[e]`` and ``second[e]``, and a draw moves both of its ends.
    """
    return _pair_sums(rank, first, second, scheme.size, scheme.count, scheme.genes, draws, np.uint64(seed))


@_compiled
def _weights(families: int, resamples: int, seed: np.uint64) -> Ints:
    weights = np.zeros((resamples, families + 1), np.int64)
    for resample in range(resamples):
        state = _stream(seed, resample)
        for _ in range(families):
            state += np.uint64(0x9E3779B97F4A7C15)
            weights[resample, np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(families)) >> np.uint64(32))] += 1
        weights[resample, families] = 1
    return weights


def family_weights(families: int, resamples: int, seed: int) -> Ints:
    """Return how often each family is drawn in each bootstrap resample, shape (resamples, families + 1).

    The last column is 1: the weight of the absent second family of a single gene.
    """
    return _weights(families, resamples, np.uint64(seed))


@_compiled
def _aurocs(
    rest: NDArray[np.uint16], reference: NDArray[np.uint16], below: Ints, through: Ints, weights: Floats
) -> Floats:
    values = np.empty(len(weights))
    cumulated = np.empty(rest.shape[1] + 1)
    for resample in range(len(weights)):
        weight = weights[resample]
        total = 0.0
        cumulated[0] = 0.0
        for item in range(rest.shape[1]):
            total += weight[rest[0, item]] * weight[rest[1, item]]
            cumulated[item + 1] = total
        won = positives = 0.0
        for item in range(reference.shape[1]):
            value = weight[reference[0, item]] * weight[reference[1, item]]
            won += 0.5 * value * (cumulated[below[item]] + cumulated[through[item]])
            positives += value
        values[resample] = won / (positives * total) if positives > 0 and total > 0 else np.nan
    return values


def weighted_aurocs(
    rest: NDArray[np.uint16], reference: NDArray[np.uint16], below: Ints, through: Ints, weights: Ints
) -> Floats:
    """Return the AUROC of weighted items for each row of ``weights``; NaN where a class has no weight.

    The weight of an item is the product of the weights of its two families: rows of ``rest`` (2, m), sorted by score,
    and ``reference`` (2, k). ``below`` and ``through`` (k,) count the items of the rest that score lower, and not
    higher, than each item of the reference, so that ties count one half. Weights are whole numbers, so sums are exact.
    """
    return _aurocs(rest, reference, below, through, weights.astype(np.float64))
