from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from theodolite.analysis.manifold import latent_distances, pair_spearman, same_label
from theodolite.manifolds.distances import checked_distances


def test_correlations_over_pairs_are_scipys():
    draw = np.random.default_rng(0)
    first, second = (latent_distances(draw.integers(0, 4, (30, 2))) for _ in range(2))
    upper = np.triu_indices(30, 1)
    assert pair_spearman(first, second) == pytest.approx(spearmanr(first[upper], second[upper]).statistic)
    chosen = np.add.outer(np.arange(30), np.arange(30)) % 3 == 0
    inside = chosen[upper]
    expected = spearmanr(first[upper][inside], second[upper][inside]).statistic
    assert pair_spearman(first, second, chosen) == pytest.approx(expected)


def test_a_correlation_that_is_not_defined_is_none():
    distance = latent_distances(np.random.default_rng(1).standard_normal((5, 2)))
    assert pair_spearman(distance, np.zeros((5, 5))) is None
    assert pair_spearman(distance[:2, :2], distance[:2, :2]) is None


def test_pairs_of_one_label_are_told():
    expected = [[True, False, True], [False, True, False], [True, False, True]]
    np.testing.assert_array_equal(same_label(["a", "b", "a"]), expected)


def test_what_is_no_distances_is_refused():
    with pytest.raises(ValueError, match=r"lengths of shape \(2, 3\) must be a matrix \(n, n\)"):
        checked_distances("lengths", np.ones((2, 3)))
    with pytest.raises(ValueError, match="lengths hold NaN"):
        checked_distances("lengths", np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="lengths are not symmetric"):
        checked_distances("lengths", [[0, 1], [2, 0]])
