from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from theodolite.analysis.exact import EXACT_LIMIT, spearman_exact


def by_enumeration(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Two-sided, greater and less, from every order."""
    a, b = rankdata(x) - (len(x) + 1) / 2, rankdata(y) - (len(y) + 1) / 2
    every = np.array([a @ np.array(order) for order in permutations(b)])
    own = a @ b
    return (
        float(np.mean(np.abs(every) >= abs(own) - 1e-9)),
        float(np.mean(every >= own - 1e-9)),
        float(np.mean(every <= own + 1e-9)),
    )


def test_f6_five_bins_in_perfect_order_have_p_2_of_120_and_no_less():
    found = spearman_exact([1, 2, 3, 4, 5], [1.0, 1.5, 2.1, 3.2, 5.0])
    assert found.rho == pytest.approx(1.0)
    assert found.p == pytest.approx(2 / 120) and found.p_greater == pytest.approx(1 / 120)
    assert found.floor == found.p and found.method == "exact" and found.orders == 120


@settings(max_examples=40)
@given(st.integers(3, 6).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n)] * 2)))
def test_counting_subsets_gives_what_enumerating_orders_gives_ties_included(series):
    x, y = series
    found = spearman_exact(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert (found.rho, found.p, found.floor) == (0.0, 1.0, 1.0)
        return
    assert found.rho == pytest.approx(float(spearmanr(x, y).statistic))
    assert (found.p, found.p_greater, found.p_less) == pytest.approx(by_enumeration(x, y))
    assert found.floor <= found.p


def test_seven_points_agree_with_all_5040_orders():
    x, y = list(range(7)), [2.0, 1.0, 4.0, 3.0, 7.0, 5.0, 6.0]
    found = spearman_exact(x, y)
    assert (found.p, found.p_greater, found.p_less) == pytest.approx(by_enumeration(x, y))


def test_twelve_layers_are_counted_in_full_and_agree_with_sampling():
    rng = np.random.default_rng(3)
    y = rng.standard_normal(12) + 0.15 * np.arange(12)
    counted = spearman_exact(np.arange(12), y)
    drawn = np.array([spearmanr(np.arange(12), rng.permutation(y)).statistic for _ in range(2_000)])
    share = float(np.mean(np.abs(drawn) >= abs(counted.rho) - 1e-9))
    assert counted.method == "exact" and counted.orders == factorial(12)
    assert abs(share - counted.p) < 4 * np.sqrt(counted.p / 2_000)
    assert counted.floor == pytest.approx(2 / factorial(12))
    assert counted.p_greater + counted.p_less > 1.0


def test_beyond_the_limit_orders_are_sampled_and_the_floor_is_stated():
    n = EXACT_LIMIT + 5
    found = spearman_exact(np.arange(n), np.arange(n) ** 2, samples=9_999)
    assert found.method == "sampled" and found.orders == 9_999
    assert found.p == found.floor == pytest.approx(1e-4)
    near = spearman_exact(np.arange(n), np.random.default_rng(0).standard_normal(n), samples=20_000)
    assert near.p == pytest.approx(float(spearmanr(np.arange(n), near_values(n)).pvalue), abs=0.02)


def near_values(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(n)


def test_the_sign_of_a_trend_is_in_the_one_sided_p():
    down = spearman_exact(range(8), range(8, 0, -1))
    assert down.rho == pytest.approx(-1.0) and down.p_less == pytest.approx(1 / factorial(8)) and down.p_greater == 1.0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2, 3], [1, 2], "equal lengths"),
        ([1, 2], [1, 2], "3 or more"),
        ([1, 2, float("nan")], [1, 2, 3], "NaN or infinity"),
    ],
)
def test_what_cannot_be_correlated_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        spearman_exact(x, y)
