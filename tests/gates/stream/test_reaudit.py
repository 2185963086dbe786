from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.e_values import e_bh

from theodolite.gates.stream import StreamExhausted, e_lond_level, gamma, grid_calibrated_e, online_e_bh


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tests", [1, 20, 200])
def test_rejections_are_those_of_the_offline_procedure_of_the_package_on_weighted_e_values(seed, tests):
    """The package has e-BH for one batch only, where all weights are equal: e >= T / (q * k).

    Multiplying each e-value by T * gamma_t makes that condition the one of the online procedure.
    """
    q, n_max = 0.10, 300
    e_values = 10 ** np.random.default_rng(seed).uniform(-1, 5, tests)
    weighted = [float(e * tests * gamma(t, n_max)) for t, e in enumerate(e_values, start=1)]
    expected = {t for t, rejected in enumerate(e_bh(weighted, q), start=1) if rejected}
    assert online_e_bh(e_values, q, n_max) == expected


@given(st.lists(st.floats(0, 2_000), max_size=7))
def test_it_rejects_the_largest_set_whose_members_all_meet_the_level_of_its_size(e_values):
    n_max, q = 8, 0.2
    consistent = [
        set(members)
        for size in range(len(e_values) + 1)
        for members in combinations(range(1, len(e_values) + 1), size)
        if all(e_values[t - 1] >= 1 / (q * gamma(t, n_max) * size) for t in members)
    ]
    assert online_e_bh(e_values, q, n_max) == max(consistent, key=len)


@given(st.lists(st.floats(0, 5_000), max_size=40))
def test_it_rejects_all_that_e_lond_supported(e_values):
    supported: set[int] = set()
    for t, e in enumerate(e_values, start=1):
        if e >= 1 / e_lond_level(t, len(supported), 0.1, 40).alpha:
            supported.add(t)
    assert supported <= online_e_bh(e_values, 0.1, 40)


@given(st.lists(st.floats(1e-6, 1).map(lambda x: x**4), max_size=30))
def test_it_rejects_all_that_was_supported_on_a_calibrated_p_value(p_values):
    supported, e_values = set(), []
    for t, p in enumerate(p_values, start=1):
        e_values.append(grid_calibrated_e(p, t, 0.1, 40))
        if e_values[-1] >= 1 / e_lond_level(t, len(supported), 0.1, 40).alpha:
            supported.add(t)
    assert supported <= online_e_bh(e_values, 0.1, 40)


def test_a_test_that_missed_its_level_may_be_rejected_in_retrospect():
    first = 0.6 / (0.1 * gamma(1, 10))
    assert first < 1 / e_lond_level(1, 0, 0.1, 10).alpha
    assert online_e_bh([first], 0.1, 10) == frozenset()
    assert online_e_bh([first, 1e6], 0.1, 10) == {1, 2}


@given(st.lists(st.floats(0, 5_000), min_size=1, max_size=20), st.data())
def test_more_evidence_never_takes_a_rejection_back(e_values, data):
    t = data.draw(st.integers(0, len(e_values) - 1))
    more = [*e_values[:t], e_values[t] * 2, *e_values[t + 1 :]]
    assert online_e_bh(e_values, 0.1, 20) <= online_e_bh(more, 0.1, 20)


def test_an_empty_stream_has_nothing_to_reject():
    assert online_e_bh([], 0.1, 10) == frozenset()


def test_a_stream_ends():
    with pytest.raises(StreamExhausted, match="3 tests in a stream of 2"):
        online_e_bh([1.0] * 3, 0.1, 2)


@pytest.mark.parametrize("e", [-1.0, float("nan"), float("inf")])
def test_what_is_no_e_value_is_refused(e):
    with pytest.raises(ValueError, match="at least 0"):
        online_e_bh([e], 0.1, 2)
