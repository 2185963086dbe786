from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.measurements.centring import double_centred, double_centred_bipartite


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def symmetric(n: int, rng: np.random.Generator) -> np.ndarray:
    upper = np.triu(rng.standard_normal((n, n)), 1)
    return upper + upper.T


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
