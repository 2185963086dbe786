"""The two baselines against direct formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf, shrunk_covariance

from theodolite.models.baselines import SHRINKAGES, ShrinkageRegression, gene_mean_mse, masked_mse


def factor_cells(seed: int, n_cells: int, n_genes: int, noise: float = 0.5) -> np.ndarray:
    """Cells driven by two hidden factors shared by all seeds."""
    loadings = np.random.default_rng(99).normal(size=(2, n_genes))
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n_cells, 2)) @ loadings + 1 + noise * draw.normal(size=(n_cells, n_genes))


def test_gene_mean_error_counts_hidden_entries_only() -> None:
    training = np.array([[0.0, 2.0], [2.0, 2.0]])
    held_out = np.array([[4.0, 100.0], [1.0, 5.0]])
    masks = np.array([[[True, False], [False, True]]])
    assert gene_mean_mse(training, held_out, masks) == pytest.approx((3**2 + 3**2) / 2)


def test_no_hidden_entry_is_refused() -> None:
    values = np.zeros((2, 3))
    with pytest.raises(ValueError, match="no entry is hidden"):
        masked_mse(values[None], values, np.zeros((1, 2, 3), dtype=bool))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), shrinkage=st.sampled_from([*SHRINKAGES, 1.0]))
def test_prediction_is_the_gaussian_conditional_mean(seed: int, shrinkage: float) -> None:
    training, held_out = factor_cells(seed, 12, 20), factor_cells(seed + 1, 3, 20)
    masks = np.random.default_rng(seed).random((2, 3, 20)) < 0.3
    predicted = ShrinkageRegression.fit(training, shrinkage).predict(held_out, masks)

    mean = training.mean(axis=0)
    covariance = shrunk_covariance(np.cov(training.T, bias=True), shrinkage)
    for repeat, cell in np.ndindex(2, 3):
        hidden, seen = masks[repeat, cell], ~masks[repeat, cell]
        gain = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, hidden)]).T
        expected = mean[hidden] + gain @ (held_out[cell, seen] - mean[seen])
        np.testing.assert_allclose(predicted[repeat, cell, hidden], expected, rtol=1e-7, atol=1e-9)
        np.testing.assert_array_equal(predicted[repeat, cell, seen], held_out[cell, seen])


def test_hidden_values_are_not_read() -> None:
    training, held_out = factor_cells(0, 12, 20), factor_cells(1, 3, 20)
    masks = np.random.default_rng(0).random((1, 3, 20)) < 0.3
    regression = ShrinkageRegression.fit(training, 0.5)
    changed = np.where(masks[0], np.nan, held_out)
    np.testing.assert_array_equal(regression.predict(changed, masks)[masks], regression.predict(held_out, masks)[masks])


def test_the_default_intensity_is_that_of_ledoit_and_wolf() -> None:
    training = factor_cells(2, 30, 20)
    regression = ShrinkageRegression.fit(training)
    oracle = LedoitWolf().fit(training)
    assert regression.shrinkage == pytest.approx(oracle.shrinkage_)
    np.testing.assert_allclose(np.linalg.inv(regression.precision), oracle.covariance_, rtol=1e-6, atol=1e-8)


def test_the_regression_finds_planted_factors() -> None:
    training, held_out = factor_cells(3, 200, 20), factor_cells(4, 50, 20)
    masks = np.random.default_rng(3).random((2, 50, 20)) < 0.15
    regression = ShrinkageRegression.tune(training, 0.15, seed=0)
    error = masked_mse(regression.predict(held_out, masks), held_out, masks)
    # The factors leave nothing but noise of variance 0.25 to an oracle that knows them.
    assert 0.25 * 0.8 < error < 0.25 * 1.4
    assert gene_mean_mse(training, held_out, masks) > 4 * error


def test_tuning_shrinks_more_where_there_is_less_to_learn() -> None:
    clear = ShrinkageRegression.tune(factor_cells(5, 40, 60, noise=0.1), 0.15, seed=0)
    noisy = ShrinkageRegression.tune(factor_cells(5, 40, 60, noise=4.0), 0.15, seed=0)
    assert clear.shrinkage < noisy.shrinkage


def test_impossible_fits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shrinkage=0.0 must be in \(0, 1\]"):
        ShrinkageRegression.fit(factor_cells(0, 5, 4), 0.0)
    with pytest.raises(ValueError, match="every gene is constant"):
        ShrinkageRegression.fit(np.ones((5, 4)), 0.5)
    with pytest.raises(ValueError, match="4 training cells"):
        ShrinkageRegression.tune(factor_cells(0, 4, 4), 0.15, seed=0)
