from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from theodolite.gates.evidence import draws_to_reach, wealth, wealth_at_zero
from theodolite.gates.evidence.betting import BET_A, BET_B

counts = st.integers(0, 3_000).flatmap(lambda drawn: st.tuples(st.integers(0, drawn), st.just(drawn)))


@pytest.mark.parametrize(("draws", "published"), [(999, 345), (4_999, 1_072), (19_999, 2_832), (99_999, 8_741)])
def test_without_exceedance_the_wealth_is_the_published_one(draws, published):
    assert round(float(wealth(0, draws))) == published
    assert wealth_at_zero(draws) == pytest.approx(float(wealth(0, draws)), rel=1e-11)


@given(counts)
def test_wealth_is_the_ratio_of_beta_functions(pair):
    lost, drawn = pair
    by_hand = betaln(lost + BET_A, drawn - lost + BET_B) - betaln(BET_A, BET_B) - betaln(lost + 1, drawn - lost + 1)
    assert np.log(wealth(lost, drawn)) == pytest.approx(by_hand, abs=1e-8)


@given(counts)
def test_an_exceedance_never_pays_and_a_miss_never_costs(pair):
    lost, drawn = pair
    now, after_miss, after_exceedance = wealth([lost, lost, lost + 1], [drawn, drawn + 1, drawn + 1])
    assert after_exceedance < now < after_miss


@pytest.mark.parametrize("draws", [1, 2, 5, 12, 40])
def test_the_wealth_is_a_martingale_under_exchangeability(draws):
    """The law of the rank among t draws, step by step: t draws hold 0 to t exceedances with equal chance."""
    chance = {0: Fraction(1)}
    for drawn in range(draws):
        moved: dict[int, Fraction] = {}
        for lost, weight in chance.items():
            worse = Fraction(lost + 1, drawn + 2)
            held, lower, higher = wealth([lost, lost + 1, lost], [drawn, drawn + 1, drawn + 1])
            assert held == pytest.approx(float(worse) * lower + float(1 - worse) * higher, rel=1e-12)
            moved[lost + 1] = moved.get(lost + 1, Fraction(0)) + weight * worse
            moved[lost] = moved.get(lost, Fraction(0)) + weight * (1 - worse)
        chance = moved
    assert set(chance.values()) == {Fraction(1, draws + 1)}
    assert np.mean(wealth(np.arange(draws + 1), draws)) == pytest.approx(1.0, rel=1e-12)


def test_a_true_null_seldom_wins():
    """P(sup W >= c) <= 1 / c (Ville); the observed statistic and its draws are exchangeable here."""
    rng = np.random.default_rng(1)
    tail = rng.random((4_000, 1))
    lost = np.cumsum(rng.random((4_000, 2_000)) < tail, axis=1)
    highest = wealth(lost, np.arange(1, 2_001)).max(axis=1)
    assert 0.010 < np.mean(highest >= 20) < 0.05
    assert np.mean(highest >= 100) < 0.01


@pytest.mark.parametrize("threshold", [1.0, 2.0, 20.0, 50.0, 345.0, 1_000.0, 12_794.0, 1e6])
def test_the_draws_that_reach_a_threshold_are_the_fewest(threshold):
    draws = draws_to_reach(threshold)
    assert wealth_at_zero(draws) >= threshold
    assert draws == 0 or wealth_at_zero(draws - 1) < threshold


def test_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="need 0 <= exceedances <= draws"):
        wealth(3, 2)
    with pytest.raises(ValueError, match="-1 draws"):
        wealth_at_zero(-1)
    with pytest.raises(ValueError, match="threshold is 0.5"):
        draws_to_reach(0.5)
