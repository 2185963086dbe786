from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from theodolite.analysis.attention import rank_correlation


def test_f6_five_points_in_order_have_the_exact_p_of_two_in_a_hundred_and_twenty() -> None:
    """The t-approximation gives 0 (published: 1.4e-24) for rho 1 whatever the number of points."""
    found = rank_correlation(np.arange(5.0), np.array([0.1, 0.2, 0.3, 0.4, 0.9]))
    assert found.rho == pytest.approx(1.0) and found.exact
    assert found.p == pytest.approx(2 / 120) == found.floor


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=5))
def test_rho_and_p_are_those_of_all_orders(values: list[int]) -> None:
    x, y = np.arange(float(len(values))), np.array(values, dtype=float)
    found = rank_correlation(x, y)
    if len(set(values)) == 1:
        assert (found.rho, found.p) == (0.0, 1.0)
        return
    rho = spearmanr(x, y).statistic
    assert found.rho == pytest.approx(rho)
    drawn = np.array([spearmanr(x, np.array(order)).statistic for order in permutations(values)])
    assert found.p == pytest.approx((np.abs(drawn) >= abs(rho) - 1e-9).mean())


def test_many_points_are_drawn_and_p_is_never_below_its_floor() -> None:
    found = rank_correlation(np.arange(18.0), np.arange(18.0) ** 2)
    assert not found.exact and found.p == found.floor == 1 / 10_000
    rng = np.random.default_rng(0)
    noise = [rank_correlation(np.arange(12.0), rng.standard_normal(12), seed).p for seed in range(60)]
    assert np.mean(np.array(noise) < 0.05) < 0.15


def test_two_points_have_no_trend() -> None:
    with pytest.raises(ValueError, match="of 2 and 2 points"):
        rank_correlation(np.arange(2.0), np.arange(2.0))
