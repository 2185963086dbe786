"""Pairs that no cell has: the fit of rows and columns leaves nothing of them, whatever else is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.models.gaps import AdditiveFit


def additive(seed: int, n: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.normal(0, 1, n)[:, None] + draw.normal(0, 1, n)[None, :] - 6


def holes(seed: int, n: int, share: float) -> np.ndarray:
    drawn = np.random.default_rng(seed + 1).random((n, n)) < share
    return ~(drawn | drawn.T)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.0, 0.5))
def test_an_additive_matrix_is_filled_exactly(seed: int, share: float) -> None:
    truth, known = additive(seed, 30), holes(seed, 30, share)
    filled = AdditiveFit(known).filled(np.where(known, np.exp(truth), 0.0))
    off = ~np.eye(30, dtype=bool)
    np.testing.assert_allclose(np.log(filled)[off], truth[off], atol=1e-8)


def test_it_is_the_least_squares_fit() -> None:
    known = holes(3, 12, 0.3)
    logarithm = additive(3, 12) + np.random.default_rng(9).normal(0, 0.3, (12, 12))
    filled = np.log(AdditiveFit(known).filled(np.where(known, np.exp(logarithm), 0.0)))
    rows, columns = np.nonzero(known & ~np.eye(12, dtype=bool))
    design = np.zeros((len(rows), 24))
    design[np.arange(len(rows)), rows] = design[np.arange(len(rows)), 12 + columns] = 1.0
    effects, *_ = np.linalg.lstsq(design, logarithm[rows, columns], rcond=None)
    fitted = effects[:12, None] + effects[None, 12:]
    np.testing.assert_allclose(filled[~known], fitted[~known], atol=1e-8)


def test_what_is_known_and_the_diagonal_stay() -> None:
    known = holes(5, 20, 0.2) | np.eye(20, dtype=bool)
    means = np.where(known, np.exp(additive(5, 20)), 0.0)
    np.testing.assert_array_equal(AdditiveFit(known).filled(means)[known], means[known])


def test_a_known_mean_that_rounds_to_nothing_hardly_moves_its_row() -> None:
    known = holes(7, 60, 0.3)
    truth = np.where(known, np.exp(additive(7, 60) * 0.3), 0.0)
    row, column = np.argwhere(known & ~np.eye(60, dtype=bool))[0]
    rounded = truth.copy()
    rounded[row, column] = 0.0
    before, after = (np.log(AdditiveFit(known).filled(means)[~known]) for means in (truth, rounded))
    assert np.abs(before - after).max() < 0.2


def test_a_gene_without_any_pair_is_filled_by_the_others() -> None:
    known = np.ones((6, 6), dtype=bool)
    known[2] = known[:, 2] = False
    filled = AdditiveFit(known).filled(np.where(known, 0.2, 0.0))
    assert filled == pytest.approx(0.2)
