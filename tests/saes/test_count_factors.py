"""Factors of the counts: planted ones are found on some genes, and the others' loadings follow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import spearmanr

from theodolite.saes import SAETrainingError
from theodolite.saes.count_factors import count_factors, count_values, factors_from_bytes, factors_to_bytes

CELLS, K = 60, 3


def planted(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values (cells, genes) that are three programs over cells, and each gene's loadings, mostly zero."""
    cells = np.random.default_rng(0).gamma(1.0, 1.0, (CELLS, K))
    draw = np.random.default_rng(seed)
    loading = draw.gamma(2.0, 1.0, (n, K)) * (draw.random((n, K)) < 0.4) * np.array([3.0, 2.0, 1.0])
    return cells @ loading.T + draw.random((CELLS, n)) * 0.05, loading


@pytest.fixture(scope="module")
def factors() -> np.ndarray:
    return count_factors(planted(150, 1)[0], K)


def test_planted_programs_are_found_and_ranked_by_how_much_genes_differ(factors: np.ndarray) -> None:
    np.testing.assert_allclose(np.linalg.norm(factors, axis=1), 1.0)
    values, loading = planted(80, 2)
    score = count_values(values, [f"G{row}" for row in range(80)], factors, (1, 2)).score
    np.testing.assert_array_equal(score[0], score[1])
    found = [abs(spearmanr(score[0][:, place], loading[:, place]).statistic) for place in range(K)]
    assert min(found) > 0.8, "genes that no factor was fitted to; the strongest program is the first"


def test_loadings_are_those_of_non_negative_least_squares_and_zeros_are_told_apart(factors: np.ndarray) -> None:
    values, _ = planted(40, 3)
    found = count_values(values, [f"G{row}" for row in range(40)], factors, (1,))
    wanted = np.stack([nnls(factors.T, gene)[0] for gene in values.T])
    np.testing.assert_allclose(np.maximum(found.score[0], 0.0), wanted, atol=1e-8)
    lacking = found.score[0][wanted == 0]
    assert len(lacking) > 10 and (lacking <= 0).all() and len(set(lacking.tolist())) == len(lacking)
    assert found.tokens.tolist() == [CELLS] * 40


def test_the_same_counts_give_the_same_factors_and_bytes(factors: np.ndarray) -> None:
    again = count_factors(planted(150, 1)[0], K)
    assert factors_to_bytes(again) == factors_to_bytes(factors)
    np.testing.assert_array_equal(factors_from_bytes(factors_to_bytes(factors)), factors)


def test_what_has_no_factors_is_refused() -> None:
    values, _ = planted(10, 4)
    with pytest.raises(SAETrainingError, match="2 genes in 60 cells have no 3 factors"):
        count_factors(values[:, :2], 3)
    with pytest.raises(SAETrainingError, match="-1.0"):
        count_factors(np.where(values > values.mean(), -1.0, values), 3)
