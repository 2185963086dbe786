from __future__ import annotations

from itertools import pairwise
from math import ceil, inf, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.stream import (
    StreamExhausted,
    e_lond_level,
    gamma,
    grid_calibrated_e,
    harmonic,
    settle_level,
)

RATES = st.one_of(st.sampled_from([0.05, 0.1, 0.2]), st.floats(1e-4, 0.999))


def assert_judged_alike(p: float, t: int, q: float, n_max: int) -> None:
    e = grid_calibrated_e(p, t, q, n_max)
    for before in range(t):
        by_e = e >= 1 / e_lond_level(t, before, q, n_max).alpha
        by_p = p <= settle_level(t, before, q, n_max).alpha
        assert by_e == by_p, (p, t, before)


@given(st.floats(0, 1), st.integers(1, 120), RATES)
def test_e_lond_judges_the_e_value_as_r_lond_judges_the_p_value(p, t, q):
    assert_judged_alike(p, t, q, 200)


@given(st.integers(1, 120), RATES, st.data())
def test_it_does_so_on_a_level_and_on_either_side_of_it(t, q, data):
    level = settle_level(t, data.draw(st.integers(0, t - 1)), q, 200).alpha
    for p in (nextafter(level, 0), level, nextafter(level, inf)):
        if p <= 1:
            assert_judged_alike(p, t, q, 200)


@given(st.integers(0, 2_000), st.integers(1, 60))
def test_it_does_so_for_monte_carlo_p_values(exceeding, t):
    assert_judged_alike((exceeding + 1) / 2_001, t, 0.10, 300)


def test_a_p_value_exactly_on_the_first_level_in_a_stream_of_one():
    """q * gamma_1 / H_1 is q itself, so p = 0.1 at q = 0.1 must just be supported."""
    assert grid_calibrated_e(0.1, 1, 0.1, 1) == 1 / 0.1
    assert grid_calibrated_e(nextafter(0.1, 1), 1, 0.1, 1) == 0.0


@given(st.floats(0, 1), st.integers(1, 120))
def test_the_formula_of_the_calibrator_away_from_its_steps(p, t):
    q, n_max = 0.10, 200
    steps = p * harmonic(t) / (q * gamma(t, n_max))
    k = max(1, ceil(steps))
    if abs(steps - round(steps)) > 1e-9:
        expected = 1 / (q * gamma(t, n_max) * k) if k <= t else 0.0
        assert grid_calibrated_e(p, t, q, n_max) == pytest.approx(expected)


@pytest.mark.parametrize("t", [1, 2, 7, 50, 200])
@pytest.mark.parametrize("q", [0.05, 0.10, 0.90])
def test_its_mean_over_a_uniform_p_value_is_at_most_one(t, q):
    """The e-value is constant between two levels of r-LOND, so the integral is a finite sum."""
    levels = [min(1.0, settle_level(t, before, q, 200).alpha) for before in range(t)]
    edges = [0.0, *levels, 1.0]
    mean = sum(grid_calibrated_e((low + high) / 2, t, q, 200) * (high - low) for low, high in pairwise(edges))
    assert mean <= 1 + 1e-12
    assert levels[-1] == 1.0 or mean == pytest.approx(1.0)


def test_its_mean_over_discrete_p_values_is_at_most_one():
    """A permutation p under the null is uniform on 1/(B + 1), ..., 1, which is super-uniform."""
    draws = 9_999
    p_values = np.arange(1, draws + 2) / (draws + 1)
    for t in (1, 5, 30):
        assert np.mean([grid_calibrated_e(p, t, 0.10, 300) for p in p_values]) <= 1


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 120))
def test_a_smaller_p_value_never_gives_a_smaller_e_value(p, other, t):
    low, high = sorted((p, other))
    assert grid_calibrated_e(low, t, 0.1, 200) >= grid_calibrated_e(high, t, 0.1, 200)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        grid_calibrated_e(p, 1, 0.1, 200)


@pytest.mark.parametrize("t", [0, -1])
def test_an_index_below_one_is_refused(t):
    with pytest.raises(ValueError, match="supports before test"):
        grid_calibrated_e(0.5, t, 0.1, 200)


def test_a_stream_ends():
    with pytest.raises(StreamExhausted):
        grid_calibrated_e(1.0, 201, 0.1, 200)
