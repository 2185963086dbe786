from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.p_values.investing.lord.plus_plus import LordPlusPlus

from theodolite.gates.stream import StreamExhausted, gamma, lord_plus_plus, p_from_e


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("q", [0.05, 0.10])
def test_levels_and_decisions_are_those_of_the_package(seed, q, package_weights):
    """The package never lets a level exceed the wealth that is left; with weights that sum to one it never does."""
    n_max = 200
    oracle = LordPlusPlus(alpha=q, wealth=q / 2)
    oracle.seq = package_weights(n_max)
    p_values = 10 ** -np.random.default_rng(seed).uniform(0, 5, n_max)
    candidates = lord_plus_plus(p_values, q, n_max)
    for p, candidate in zip(p_values, candidates, strict=True):
        assert oracle.test_one(float(p)) == candidate.rejected
        assert candidate.alpha == pytest.approx(oracle.alpha)
    assert 20 < sum(candidate.rejected for candidate in candidates) < n_max


def test_the_first_rejection_pays_back_half_and_the_others_the_whole():
    q, n_max = 0.10, 50
    levels = [candidate.alpha for candidate in lord_plus_plus([1.0, 0.0, 1.0, 0.0, 1.0], q, n_max)]

    def weight(t: int) -> float:
        return gamma(t, n_max)

    assert levels == pytest.approx(
        [
            0.05 * weight(1),
            0.05 * weight(2),
            0.05 * weight(3) + 0.05 * weight(1),
            0.05 * weight(4) + 0.05 * weight(2),
            0.05 * weight(5) + 0.05 * weight(3) + 0.10 * weight(1),
        ]
    )


@given(st.lists(st.floats(0, 1), max_size=60))
def test_levels_spend_no_more_than_was_earned(p_values):
    """The sum of the levels is at most q times the rejections, or q / 2 before the first of them."""
    spent, rejections = 0.0, 0
    for candidate in lord_plus_plus(p_values, 0.10, 60):
        spent += candidate.alpha
        assert spent <= max(0.05, 0.10 * rejections) + 1e-12
        rejections += candidate.rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_level_depends_on_earlier_p_values_only(p_values):
    whole = lord_plus_plus(p_values, 0.10, 100)
    assert lord_plus_plus(p_values[:-1], 0.10, 100) == whole[:-1]
    assert lord_plus_plus([*p_values[:-1], 1.0], 0.10, 100)[-1].alpha == whole[-1].alpha


def test_an_empty_stream_has_no_candidates():
    assert lord_plus_plus([], 0.10, 100) == ()


def test_an_e_value_enters_as_the_p_value_of_markov():
    assert p_from_e(40.0) == 0.025
    assert p_from_e(0.3) == p_from_e(0.0) == 1.0


@pytest.mark.parametrize("e", [-1.0, float("nan"), float("inf")])
def test_what_is_no_e_value_is_refused(e):
    with pytest.raises(ValueError, match="at least 0"):
        p_from_e(e)


def test_a_stream_ends():
    with pytest.raises(StreamExhausted, match="3 tests in a stream of 2"):
        lord_plus_plus([0.5] * 3, 0.10, 2)


@pytest.mark.parametrize(("p", "q", "message"), [(1.5, 0.1, "p is 1.5"), (0.5, 0.0, "q is 0.0")])
def test_numbers_out_of_range_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        lord_plus_plus([p], q, 10)
