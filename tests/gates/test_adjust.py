from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from theodolite.gates.adjust import (
    adjusted_genes,
    adjusted_pairs,
    double_centred,
    double_centred_bipartite,
    least_genes,
    midranks,
    spline_basis,
)


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


def test_double_centring_is_the_least_squares_fit_of_additive_hubs(rng):
    score, n = symmetric(30, rng), 30
    i, j = np.triu_indices(n, 1)
    design = np.zeros((len(i), n))
    design[np.arange(len(i)), i] = design[np.arange(len(i)), j] = 1.0
    fitted = design @ np.linalg.lstsq(design, score[i, j], rcond=None)[0]
    centred = double_centred(score)
    assert centred[i, j] == pytest.approx(score[i, j] - fitted)
    assert centred.sum(axis=1) == pytest.approx(np.zeros(n), abs=1e-10)


def test_double_centring_needs_three_genes():
    with pytest.raises(ValueError, match="three genes"):
        double_centred(np.zeros((2, 2)))


def test_double_centring_of_regulators_and_targets_is_the_least_squares_fit_over_candidates(rng):
    score, candidates = rng.standard_normal((12, 30)), rng.random((12, 30)) < 0.7
    candidates[3], candidates[:, 5] = False, False
    i, j = np.nonzero(candidates)
    design = np.zeros((len(i), 42))
    design[np.arange(len(i)), i] = design[np.arange(len(i)), 12 + j] = 1.0
    effects = np.linalg.lstsq(design, score[i, j], rcond=None)[0]
    centred = double_centred_bipartite(score, candidates)
    assert centred[i, j] == pytest.approx(score[i, j] - design @ effects)
    assert (centred * candidates).sum(axis=0) == pytest.approx(np.zeros(30), abs=1e-9)
    assert (centred * candidates).sum(axis=1) == pytest.approx(np.zeros(12), abs=1e-9)


@given(st.integers(0, 2**32))
def test_hubs_alone_leave_ties_and_no_order(seed):
    rng = np.random.default_rng(seed)
    hubs = rng.standard_normal((9, 1)) + rng.standard_normal((1, 14))
    candidates = rng.random((9, 14)) < 0.9
    candidates[0] = True
    assert not double_centred_bipartite(hubs, candidates)[candidates].any()


def test_double_centring_needs_a_candidate():
    with pytest.raises(ValueError, match="of one family"):
        double_centred_bipartite(np.zeros((2, 2)), np.zeros((2, 2), dtype=bool))


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
