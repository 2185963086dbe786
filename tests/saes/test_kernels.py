"""The sparse loops do what numpy does: the k largest of a row, the k-th of a batch, pairs by feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from theodolite.saes import kernels

Floats = NDArray[np.float32]
SEED = st.integers(0, 2**32 - 1)


def numbers(seed: int, rows: int, width: int, tied: bool, lowered: float) -> Floats:
    """Normal numbers less a constant; whole ones where they should tie."""
    found = np.random.default_rng(seed).standard_normal((rows, width)) * 2 - lowered
    return np.asarray(found.round() if tied else found, dtype=np.float32)


def top_k(pre: Floats, k: int, chunks: list[tuple[int, int]]) -> list[tuple[list[int], list[float]]]:
    rows = len(pre)
    count = np.full(rows, -1, dtype=np.int32)
    feature, value = np.full(rows * k, -1, dtype=np.int32), np.full(rows * k, np.nan, dtype=np.float32)
    for low, high in chunks:
        kernels.top_k_rows(pre, k, low, high, count, feature, value)
    found = []
    for row in range(rows):
        held = slice(row * k, row * k + count[row])
        found.append((feature[held].tolist(), value[held].tolist()))
    return found


def above(pre: Floats, least: float, most: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    start, count = np.full(len(pre), -1, dtype=np.int64), np.full(len(pre), -1, dtype=np.int32)
    feature, value = np.full(most, -1, dtype=np.int32), np.full(most, np.nan, dtype=np.float32)
    found = kernels.above(pre, least, most, start, count, feature, value)
    assert found == count.sum()
    rows = np.repeat(np.arange(len(pre)), count)
    np.testing.assert_array_equal(value[:found], pre[rows, feature[:found]])
    return start, count, feature[:found]


@settings(max_examples=200)
@given(SEED, st.integers(1, 5), st.integers(1, 40), st.data(), st.booleans(), st.sampled_from([0.0, 2.0, 9.0]))
def test_the_k_largest_positive_numbers_of_a_row_are_those_of_a_stable_sort(
    seed: int, rows: int, width: int, data: st.DataObject, tied: bool, lowered: float
) -> None:
    k, cut = data.draw(st.integers(1, width)), data.draw(st.integers(0, rows))
    pre = numbers(seed, rows, width, tied, lowered)
    for row, (feature, value) in zip(pre, top_k(pre, k, [(0, cut), (cut, rows)]), strict=True):
        # Stable: of equal numbers the first come first.
        wanted = np.argsort(-row, kind="stable")[:k]
        wanted = np.sort(wanted[row[wanted] > 0])
        assert feature == wanted.tolist()
        assert value == row[wanted].tolist()


def test_of_equal_numbers_the_first_are_taken() -> None:
    pre = np.array([[1, 3, 1, 2, 1, 1], [0, 0, 5, 0, -1, 0], [-1, -2, -3, 0, 0, -0.0]], dtype=np.float32)
    assert top_k(pre, 4, [(0, 3)]) == [([0, 1, 2, 3], [1.0, 3.0, 1.0, 2.0]), ([2], [5.0]), ([], [])]


def test_k_may_be_the_width() -> None:
    pre = np.array([[0.5, -1, 2, 0.25]], dtype=np.float32)
    assert top_k(pre, 4, [(0, 1)]) == [([0, 2, 3], [0.5, 2.0, 0.25])]


@settings(max_examples=200)
@given(SEED, st.integers(1, 6), st.integers(1, 30), st.data(), st.booleans(), st.sampled_from([0.0, 2.0, 9.0]))
def test_the_kth_largest_is_that_of_a_partition_or_nothing(
    seed: int, rows: int, width: int, data: st.DataObject, tied: bool, lowered: float
) -> None:
    k = data.draw(st.integers(1, rows * width))
    pre = numbers(seed, rows, width, tied, lowered)
    wanted = float(np.partition(pre.ravel(), pre.size - k)[pre.size - k])
    assert kernels.kth_largest(pre, k) == max(wanted, 0.0)


@pytest.mark.parametrize("scale", [1e-40, 1e-6, 1.0, 1e30])
def test_the_kth_largest_is_found_at_any_magnitude(scale: float) -> None:
    pre = (np.random.default_rng(0).random((20, 30)) * scale).astype(np.float32)
    ordered = np.sort(pre.ravel())[::-1]
    for k in (1, 7, 599, 600):
        assert kernels.kth_largest(pre, k) == ordered[k - 1]


@given(SEED, st.integers(1, 6), st.integers(1, 20), st.booleans(), st.floats(-1.0, 4.0), st.integers(0, 130))
def test_numbers_above_a_bound_come_row_by_row_as_far_as_there_is_room(
    seed: int, rows: int, width: int, tied: bool, least: float, most: int
) -> None:
    pre = numbers(seed, rows, width, tied, 0.0)
    wanted = [
        (row, at) for row in range(rows) for at in range(width) if pre[row, at] > 0 and float(pre[row, at]) >= least
    ]
    start, count, feature = above(pre, least, most)
    assert list(zip(np.repeat(np.arange(rows), count).tolist(), feature.tolist(), strict=True)) == wanted[:most]
    np.testing.assert_array_equal(start, np.concatenate([[0], np.cumsum(count)[:-1]]))


@given(SEED, st.integers(1, 12), st.integers(1, 10), st.data())
def test_pairs_are_ordered_by_feature_with_rows_ascending(
    seed: int, rows: int, width: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, width))
    draw = np.random.default_rng(seed)
    # Rows have room for k, and fill it to a different extent.
    start, count = np.arange(rows, dtype=np.int64) * k, draw.integers(0, k + 1, rows).astype(np.int32)
    feature = np.full(rows * k, -7, dtype=np.int32)
    listed = []
    for row in range(rows):
        chosen = np.sort(draw.choice(width, count[row], replace=False))
        feature[start[row] : start[row] + count[row]] = chosen
        listed += [(int(at), row, int(start[row]) + place) for place, at in enumerate(chosen)]
    bounds = np.full(width + 1, -1, dtype=np.int64)
    by_row, pairs = np.full(rows * k, -1, dtype=np.int32), np.full(rows * k, -1, dtype=np.int64)
    kernels.by_feature(start, count, feature, bounds, by_row, pairs)
    found = [
        (at, int(by_row[place]), int(pairs[place]))
        for at in range(width)
        for place in range(bounds[at], bounds[at + 1])
    ]
    assert found == sorted(listed)
