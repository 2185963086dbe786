from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.p_values.spending.alpha_spending import AlphaSpending
from online_fdr.p_values.spending.functions import LordThree

from theodolite.gates.stream import StreamExhausted, e_lond_level, gamma, spending_level


def test_levels_and_decisions_are_those_of_the_package():
    """The package scales gamma by another constant; its target rate is chosen so that the first levels agree."""
    q, n_max = 0.10, 200
    oracle = AlphaSpending(alpha=q * gamma(1, n_max) / (0.07720838 * log(2)), spend_func=LordThree(k=n_max))
    rejections = 0
    for t, p in enumerate(10 ** -np.random.default_rng(0).uniform(0, 5, n_max), start=1):
        level = spending_level(t, q, n_max)
        rejected = oracle.test_one(float(p))
        assert level == pytest.approx(oracle.alpha)
        assert (p <= level) == rejected
        rejections += rejected
    assert 20 < rejections < n_max


@pytest.mark.parametrize("n_max", [1, 30, 2_000])
def test_a_whole_stream_spends_exactly_the_target(n_max):
    assert sum(spending_level(t, 0.10, n_max) for t in range(1, n_max + 1)) == pytest.approx(0.10)


@given(st.integers(1, 200), st.data())
def test_a_headline_is_always_a_support(t, data):
    before = data.draw(st.integers(0, t - 1))
    assert spending_level(t, 0.10, 200) <= e_lond_level(t, before, 0.10, 200).alpha


def test_a_stream_ends():
    with pytest.raises(StreamExhausted):
        spending_level(3, 0.10, 2)


def test_a_target_out_of_range_is_refused():
    with pytest.raises(ValueError, match="q is 2"):
        spending_level(1, 2, 10)
