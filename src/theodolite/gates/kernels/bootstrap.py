"""AUROCs of bootstrap resamples of families."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.gates.kernels.streams import STEP, stream, uniform_below

__all__ = ["family_weights", "weighted_aurocs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def _weights(families: int, resamples: int, seed: np.uint64) -> Ints:
    weights = np.zeros((resamples, families + 1), np.int64)
    for resample in range(resamples):
        state = stream(seed, resample)
        for _ in range(families):
            state += STEP
            weights[resample, uniform_below(state, families)] += 1
        weights[resample, families] = 1
    return weights


def family_weights(families: int, resamples: int, seed: int) -> Ints:
    """Return how often each family is drawn in each bootstrap resample, shape (resamples, families + 1).

    The last column is 1: the weight of the absent second family of a single gene.
    """
    return _weights(families, resamples, np.uint64(seed))


@compiled
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
