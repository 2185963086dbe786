from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.p_values.investing.lond.lond import Lond

from theodolite.gates.stream import (
    StreamExhausted,
    default_n_max,
    gamma,
    harmonic,
    level_rule,
    settle_level,
)


@pytest.mark.parametrize(("n_max", "factor"), [(200, 4.53), (4_000, 3.04)])
def test_gammas_are_the_published_sequence_rescaled_to_the_length_of_the_stream(n_max, factor):
    published = 0.0722 * log(7) / (7 * exp(sqrt(log(7))))
    assert gamma(7, n_max) / published == pytest.approx(factor, abs=0.005)


@pytest.mark.parametrize("n_max", [1, 2, 50, 4_000])
def test_gammas_decrease_and_sum_to_one(n_max):
    values = [gamma(t, n_max) for t in range(1, n_max + 1)]
    assert sum(values) == pytest.approx(1.0)
    assert values == sorted(values, reverse=True)


def test_harmonic_numbers():
    assert harmonic(10) == pytest.approx(float(sum(Fraction(1, i) for i in range(1, 11))))


def test_levels_and_decisions_are_those_of_lond_for_dependent_tests():
    """The package scales gamma by another constant; its target rate is chosen so that the first levels agree."""
    q, n_max = 0.10, 200
    oracle = Lond(alpha=q * gamma(1, n_max) / (0.07720838 * log(2)), dependent=True)
    supports = 0
    for t, p in enumerate(10 ** -np.random.default_rng(0).uniform(0, 6, n_max), start=1):
        level = settle_level(t, supports, q, n_max)
        rejected = oracle.test_one(float(p))
        assert level.alpha == pytest.approx(oracle.alpha)
        assert (p <= level.alpha) == rejected
        supports += rejected
    assert supports > 20


def test_the_false_discovery_rate_of_a_null_stream_is_below_its_target():
    rng, campaigns, false = np.random.default_rng(1), 2_000, 0
    for _ in range(campaigns):
        false += any(p <= settle_level(t, 0, 0.1, 200).alpha for t, p in enumerate(rng.random(60), start=1))
    assert false / campaigns < 0.1


@given(st.integers(1, 300), st.data())
def test_the_provisional_level_is_never_above_the_level_at_record(t, data):
    before = data.draw(st.integers(0, t - 1))
    rule = level_rule("s", q=0.1, n_max=300, provisional_t=t, supports_before=before)
    settled_t = data.draw(st.integers(before + 1, t))
    more = data.draw(st.integers(before, settled_t - 1))
    assert rule.provisional_alpha <= settle_level(settled_t, more, 0.1, 300).alpha * (1 + 1e-12)


def test_a_stream_ends():
    with pytest.raises(StreamExhausted, match="test 201 of a stream of 200"):
        settle_level(201, 0, 0.1, 200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 0.1, 10), "supports before"),
        ((3, 3, 0.1, 10), "0 to 2"),
        ((1, 0, 1.0, 10), "q is"),
        ((1, 0, 0.1, 0), "n_max"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        settle_level(*arguments)


def test_the_default_length_is_ten_times_the_budget():
    assert default_n_max(30) == 300
    assert default_n_max(5_000) == 10_000
