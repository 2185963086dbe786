"""Sparse loops of a training step: everything but the encoder's product touches the active features only.

A step's codes are pairs of a row and a feature. Rows of a chunk are worked on by one thread, and so are features of a
chunk; no two threads write the same number, so that the result does not depend on how many there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled, compiled_loosely

__all__ = ["above", "by_feature", "decode_rows", "kth_largest", "top_k_rows", "update_features"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@compiled
def top_k_rows(pre: Floats, k: int, low: int, high: int, count: Ints, feature: Ints, value: Floats) -> None:
    """Write the k largest positive numbers of each row, features ascending; of equal ones the first.

    Parameters
    ----------
    pre
        Shape (rows, features).
    k
        At most how many.
    low, high
        The chunk of rows.
    count
        Shape (rows,): how many were found, written here.
    feature, value
        Shape (rows * k,), written here; those of a row begin at ``row * k``.
    """
    width = pre.shape[1]
    heap = np.empty(k, dtype=np.float32)
    for row in range(low, high):
        held = 0
        for at in range(width):
            number = pre[row, at]
            if number <= 0.0:
                continue
            if held < k:
                child = held
                held += 1
                while child > 0 and heap[(child - 1) >> 1] > number:
                    heap[child] = heap[(child - 1) >> 1]
                    child = (child - 1) >> 1
                heap[child] = number
            elif number > heap[0]:
                hole = 0
                while True:
                    child = 2 * hole + 1
                    if child >= k:
                        break
                    if child + 1 < k and heap[child + 1] < heap[child]:
                        child += 1
                    if heap[child] >= number:
                        break
                    heap[hole] = heap[child]
                    hole = child
                heap[hole] = number
        first = row * k
        count[row] = held
        if held == 0:
            continue
        least = heap[0]
        ties = 0  # how many of the least belong to the k
        for place in range(held):
            ties += heap[place] == least
        found = 0
        for at in range(width):
            number = pre[row, at]
            if number < least or number <= 0.0:
                continue
            if number == least:
                if ties == 0:
                    continue
                ties -= 1
            feature[first + found] = at
            value[first + found] = number
            found += 1
            if found == held:
                break


@compiled
def kth_largest(pre: Floats, k: int) -> float:
    """Return the k-th largest number of a matrix, or 0 where fewer than k are positive.

    Positive numbers order as the bits they are written in: one pass counts their upper halves, and the numbers that
    share that of the k-th are ordered.
    """
    bits = pre.view(np.int32).ravel()
    counts = np.zeros(1 << 15, dtype=np.int64)
    for word in bits:
        if word > 0:
            counts[word >> 16] += 1
    left = k
    bucket = len(counts) - 1
    while bucket >= 0 and counts[bucket] < left:
        left -= counts[bucket]
        bucket -= 1
    if bucket < 0:
        return 0.0
    shared = np.empty(counts[bucket], dtype=np.int32)
    found = 0
    for word in bits:
        if word > 0 and word >> 16 == bucket:
            shared[found] = word
            found += 1
    shared.sort()
    one = np.empty(1, dtype=np.int32)
    one[0] = shared[found - left]
    return float(one.view(np.float32)[0])


@compiled
def above(
    pre: Floats, least: float, most: int, start: NDArray[np.int64], count: Ints, feature: Ints, value: Floats
) -> int:
    """Write every positive number of at least ``least``, row by row, and return how many there are.

    Parameters
    ----------
    pre
        Shape (rows, features).
    least
        The smallest number that counts.
    most
        Room in ``feature`` and ``value``; what is beyond is left out.
    start, count
        Shape (rows,): where those of a row begin and how many they are, written here.
    feature, value
        Shape (room,), written here.
    """
    found = 0
    for row in range(pre.shape[0]):
        start[row] = found
        for at in range(pre.shape[1]):
            number = pre[row, at]
            if number > 0.0 and number >= least and found < most:
                feature[found] = at
                value[found] = number
                found += 1
        count[row] = found - start[row]
    return found


@compiled
def by_feature(
    start: NDArray[np.int64],
    count: Ints,
    feature: Ints,
    bounds: NDArray[np.int64],
    rows: Ints,
    pairs: NDArray[np.int64],
) -> None:
    """Order pairs by feature, rows ascending.

    Parameters
    ----------
    start, count, feature
        Codes by row.
    bounds
        Shape (features + 1,): where the pairs of a feature begin, written here.
    rows, pairs
        Shape (room,): the row of each pair, and its place in ``feature``, written here.
    """
    bounds[:] = 0
    for row in range(len(start)):
        for pair in range(start[row], start[row] + count[row]):
            bounds[feature[pair] + 1] += 1
    for at in range(1, len(bounds)):
        bounds[at] += bounds[at - 1]
    free = bounds[:-1].copy()
    for row in range(len(start)):
        for pair in range(start[row], start[row] + count[row]):
            place = free[feature[pair]]
            rows[place] = row
            pairs[place] = pair
            free[feature[pair]] += 1


@compiled_loosely
def decode_rows(
    wanted: Floats,
    bias: Floats,
    weight: float,
    start: NDArray[np.int64],
    count: Ints,
    feature: Ints,
    value: Floats,
    decoder: Floats,
    level: Ints,
    low: int,
    high: int,
    gradient: Floats,
    slope: Floats,
    error: NDArray[np.float64],
) -> None:
    """Decode each row from its features, level by level, and write the gradients of the squared error.

    Of level l only features of levels up to l are decoded (Matryoshka); usually there is one level.

    Parameters
    ----------
    wanted
        Shape (rows, width): what decoding should give.
    bias
        Shape (width,): what no feature gives.
    weight
        Of the summed squared error of one row at one level.
    start, count, feature, value
        Codes by row, features ascending.
    decoder
        Shape (features, width).
    level
        Shape (features,): the first level that a feature takes part in, ascending.
    low, high
        The chunk of rows.
    gradient
        Shape (levels, rows, width): of what a feature of that level adds, so summed over its and all later levels;
        written here.
    slope
        Shape (room,): of each value, written here.
    error
        Shape (rows,): squared error at the last level, written here.
    """
    levels = gradient.shape[0]
    width = wanted.shape[1]
    given = np.empty(width, dtype=np.float32)
    for row in range(low, high):
        given[:] = bias
        pair, last = start[row], start[row] + count[row]
        for at in range(levels):
            while pair < last and level[feature[pair]] <= at:
                one = decoder[feature[pair]]
                much = value[pair]
                for place in range(width):
                    given[place] += much * one[place]
                pair += 1
            missed = gradient[at, row]
            for place in range(width):
                missed[place] = given[place] - wanted[row, place]
        total = 0.0
        for place in range(width):
            total += gradient[levels - 1, row, place] * gradient[levels - 1, row, place]
        error[row] = total
        for at in range(levels - 1, -1, -1):
            for place in range(width):
                gradient[at, row, place] *= 2.0 * weight
                if at < levels - 1:
                    gradient[at, row, place] += gradient[at + 1, row, place]
        for pair in range(start[row], last):
            one = decoder[feature[pair]]
            missed = gradient[level[feature[pair]], row]
            dot = np.float32(0.0)
            for place in range(width):
                dot += missed[place] * one[place]
            slope[pair] = dot


@compiled_loosely
def _add_pairs(
    at: int,
    bounds: NDArray[np.int64],
    rows: Ints,
    pairs: NDArray[np.int64],
    value: Floats,
    slope: Floats,
    centred: Floats,
    gradient: Floats,
    of_decoder: Floats,
    of_encoder: Floats,
) -> float:
    total = 0.0
    for place in range(bounds[at], bounds[at + 1]):
        missed, read = gradient[rows[place]], centred[rows[place]]
        much, steep = value[pairs[place]], slope[pairs[place]]
        total += steep
        for column in range(len(of_decoder)):
            of_decoder[column] += much * missed[column]
            of_encoder[column] += steep * read[column]
    return total


@compiled_loosely
def _adam(
    parameter: Floats, first: Floats, second: Floats, slope: Floats, rate: float, decay: float, betas: Floats
) -> None:
    # Rates are corrected for the start beforehand: rate by both, epsilon by that of the second moment.
    for place in range(len(parameter)):
        first[place] = betas[0] * first[place] + (np.float32(1.0) - betas[0]) * slope[place]
        second[place] = betas[1] * second[place] + (np.float32(1.0) - betas[1]) * slope[place] * slope[place]
        parameter[place] -= np.float32(rate) * first[place] / (np.sqrt(second[place]) + np.float32(decay))


@compiled_loosely
def update_features(
    low: int,
    high: int,
    level: Ints,
    bounds: NDArray[np.int64],
    rows: Ints,
    pairs: NDArray[np.int64],
    value: Floats,
    slope: Floats,
    gradient: Floats,
    aux_bounds: NDArray[np.int64],
    aux_rows: Ints,
    aux_pairs: NDArray[np.int64],
    aux_value: Floats,
    aux_slope: Floats,
    aux_gradient: Floats,
    centred: Floats,
    encoder: Floats,
    decoder: Floats,
    encoder_bias: Floats,
    moments: Floats,
    bias_moments: Floats,
    rate: float,
    epsilon: float,
    betas: Floats,
    of_bias: Floats,
) -> None:
    """Take the gradients of a chunk of features from their pairs, and a step of Adam for each.

    A decoder vector moves at right angles to itself and is brought back to unit norm. Gradients of a feature are held
    for that feature only, so that no matrix of them is written.

    Parameters
    ----------
    low, high
        The chunk of features.
    level
        Shape (features,).
    bounds, rows, pairs, value, slope, gradient
        Pairs by feature, their values, and gradients as :func:`decode_rows` wrote them.
    aux_bounds, aux_rows, aux_pairs, aux_value, aux_slope, aux_gradient
        The same of dead features, which decode what was missed; one level.
    centred
        Shape (rows, width): what the encoder read.
    encoder, decoder
        Shape (features, width), changed here.
    encoder_bias
        Shape (features,), changed here.
    moments
        Shape (4, features, width): first and second of the encoder, then of the decoder; changed here.
    bias_moments
        Shape (2, features), changed here.
    rate, epsilon, betas
        Of Adam, the first two corrected for the start.
    of_bias
        Shape (width,): what the encoder's reading adds to the gradient of the decoder's bias; added to here.
    """
    width = encoder.shape[1]
    of_decoder = np.empty(width, dtype=np.float32)
    of_encoder = np.empty(width, dtype=np.float32)
    one = np.empty(1, dtype=np.float32)
    for at in range(low, high):
        of_decoder[:] = 0.0
        of_encoder[:] = 0.0
        steep = _add_pairs(at, bounds, rows, pairs, value, slope, centred, gradient[level[at]], of_decoder, of_encoder)
        steep += _add_pairs(
            at, aux_bounds, aux_rows, aux_pairs, aux_value, aux_slope, centred, aux_gradient, of_decoder, of_encoder
        )
        along = np.float32(0.0)
        for column in range(width):
            along += of_decoder[column] * decoder[at, column]
        for column in range(width):
            of_decoder[column] -= along * decoder[at, column]
            of_bias[column] -= np.float32(steep) * encoder[at, column]
        _adam(encoder[at], moments[0, at], moments[1, at], of_encoder, rate, epsilon, betas)
        _adam(decoder[at], moments[2, at], moments[3, at], of_decoder, rate, epsilon, betas)
        one[0] = steep
        _adam(
            encoder_bias[at : at + 1],
            bias_moments[0, at : at + 1],
            bias_moments[1, at : at + 1],
            one,
            rate,
            epsilon,
            betas,
        )
        norm = np.float32(0.0)
        for column in range(width):
            norm += decoder[at, column] * decoder[at, column]
        norm = np.float32(1.0) / np.sqrt(norm)
        for column in range(width):
            decoder[at, column] *= norm
