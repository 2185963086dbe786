from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from theodolite.gates.confounds.terms import PAIRS_PER_TERM, measured_terms, normal_scores, replicate_terms

EVERY = np.ones((8, 20), dtype=bool)
MANY = 10_000


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return co-expression (2, 8, 20) and covariates (8, 2) and (20, 2)."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (2, 8, 20)), rng.random((8, 2)), rng.random((20, 2))


def test_normal_scores_are_normal_quantiles_of_midranks() -> None:
    values = np.random.default_rng(0).integers(0, 9, (5, 6)).astype(float)
    expected = norm.ppf((rankdata(values).reshape(5, 6) - 0.5) / 30)
    assert normal_scores(values) == pytest.approx(expected)


def test_what_is_not_ranked_gets_the_score_of_its_place_among_what_is() -> None:
    values = np.array([3.0, 1.0, 2.0, 2.5, -9.0, 99.0])
    among = np.array([True, True, True, False, False, False])
    assert normal_scores(values, among) == pytest.approx(norm.ppf([5 / 6, 1 / 6, 3 / 6, 4 / 6, 1 / 6, 5 / 6]))


def test_all_terms_have_mean_zero_and_variance_one_over_the_candidates() -> None:
    coexpression, rows, columns = example()
    candidates = np.random.default_rng(1).random((8, 20)) < 0.8
    terms = measured_terms(coexpression, rows, columns, candidates, MANY)
    assert terms.shape == (12 * 2 + 2, 8, 20)
    assert terms[:, candidates].mean(axis=1) == pytest.approx(np.zeros(26), abs=1e-12)
    assert terms[:, candidates].std(axis=1) == pytest.approx(np.ones(26))
    assert replicate_terms(coexpression, rows, columns, candidates, MANY).shape == (2, 3 + 2 + 3, 8, 20)


def test_only_ranks_enter() -> None:
    coexpression, rows, columns = example()
    odd = np.sign(coexpression) * np.abs(coexpression) ** 3
    plain = measured_terms(coexpression, rows, columns, EVERY, MANY)
    assert measured_terms(odd, np.exp(rows), np.exp(columns), EVERY, MANY) == pytest.approx(plain)


@pytest.mark.parametrize(("terms", "training"), [(14, 0), (20, 20), (26, 26)])
def test_few_pairs_get_fewer_terms(terms: int, training: int) -> None:
    coexpression, rows, columns = example()
    assert len(measured_terms(coexpression, rows, columns, EVERY, PAIRS_PER_TERM * training)) == terms


def test_a_constant_estimate_or_covariate_gives_terms_that_are_zero() -> None:
    coexpression, rows, columns = example()
    coexpression[1] = 0.0
    terms = measured_terms(coexpression, np.ones((8, 1)), np.ones((20, 1)), EVERY, MANY)
    assert np.isfinite(terms).all()
    assert sorted({float(term.std().round(9)) for term in terms}) == [0.0, 1.0]


def test_without_covariates_there_are_terms_of_co_expression_only() -> None:
    coexpression, _, _ = example()
    assert len(measured_terms(coexpression, np.empty((8, 0)), np.empty((20, 0)), EVERY, MANY)) == 18
    assert replicate_terms(coexpression, np.empty((8, 0)), np.empty((20, 0)), EVERY, MANY).shape == (2, 3, 8, 20)
