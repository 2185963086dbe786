from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from theodolite.gates.adjust import adjusted_genes, adjusted_pairs, least_genes, midranks, spline_basis


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def symmetric(n: int, rng: np.random.Generator) -> np.ndarray:
    upper = np.triu(rng.standard_normal((n, n)), 1)
    return upper + upper.T


def test_midranks_are_those_of_scipy(rng):
    values = rng.integers(0, 20, 100).astype(float)
    assert np.array_equal(midranks(values), rankdata(values))


def test_what_a_covariate_predicts_is_taken_out_and_the_rest_stays(rng):
    log_mean, signal = rng.standard_normal((2, 400))
    confound = np.sin(log_mean)
    adjusted = adjusted_genes(confound + 0.2 * signal, np.exp(log_mean)[:, None])
    assert np.corrcoef(adjusted, signal)[0, 1] > 0.95
    assert abs(np.corrcoef(adjusted, confound)[0, 1]) < 0.05


def test_only_ranks_of_covariates_count(rng):
    mean, score = rng.gamma(2.0, 1.0, 300), rng.standard_normal(300)
    assert adjusted_genes(score, np.exp(mean)[:, None]) == pytest.approx(adjusted_genes(score, mean[:, None]))


def test_no_covariate_changes_nothing(rng):
    score = rng.standard_normal(30)
    assert np.array_equal(adjusted_genes(score, np.empty((30, 0))), score)


def test_a_score_that_is_its_covariate_leaves_nothing():
    mean = np.arange(200.0)
    normal = spline_basis(mean[:, None]) @ np.arange(1.0, 8.0)
    assert not adjusted_genes(normal, mean[:, None]).any()


def test_the_basis_is_orthonormal_and_drops_repeated_or_constant_covariates(rng):
    mean = rng.gamma(2.0, 1.0, 300)
    basis = spline_basis(np.column_stack([mean, mean**3, np.ones(300)]))
    assert basis.shape == (300, 7)
    assert basis.T @ basis == pytest.approx(np.eye(7), abs=1e-9)


def test_few_genes_get_a_smaller_basis(rng):
    assert spline_basis(rng.random((69, 1))).shape == (69, 4)
    assert spline_basis(rng.random((70, 1))).shape == (70, 7)
    assert least_genes(3) == 40


@pytest.mark.parametrize("with_mean", [False, True])
def test_products_of_hubs_and_likeness_in_expression_are_taken_out(with_mean, rng):
    n = 200
    z = rng.standard_normal(n)
    hubs = np.exp(0.5 * (z[:, None] + z[None, :]))
    likeness = -((z[:, None] - z[None, :]) ** 2)
    noise = symmetric(n, rng)
    i, j = np.triu_indices(n, 1)
    confound = (likeness if with_mean else hubs)[i, j]
    adjusted = adjusted_pairs(
        (likeness if with_mean else hubs) + 0.3 * noise, z[:, None] if with_mean else np.empty((n, 0))
    )[i, j]
    assert np.corrcoef(adjusted, noise[i, j])[0, 1] > 0.9
    assert abs(np.corrcoef(adjusted, confound)[0, 1]) < 0.1
