from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.e_values import mixture_e_value, product_e_values

from theodolite.gates.stream import (
    largest_p,
    mean_of_e,
    merged_p_mean,
    merged_p_min,
    product_of_e,
    smallest_e,
)

E_MERGES = (mean_of_e, product_of_e, smallest_e)
P_MERGES = (merged_p_mean, merged_p_min, largest_p)

some_e = st.lists(st.floats(0, 1e6), min_size=1, max_size=6)
some_p = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def test_merges_by_hand():
    assert mean_of_e([2.0, 6.0, 1.0]) == 3.0
    assert product_of_e([2.0, 6.0, 0.5]) == 6.0
    assert smallest_e([2.0, 6.0]) == 2.0
    assert merged_p_mean([0.01, 0.03]) == pytest.approx(0.04)
    assert merged_p_min([0.01, 0.5, 0.9]) == pytest.approx(0.03)
    assert largest_p([0.01, 0.5]) == 0.5


@given(some_e)
def test_e_merges_are_those_of_the_package(e_values):
    assert mean_of_e(e_values) == pytest.approx(mixture_e_value(e_values))
    assert product_of_e(e_values) == pytest.approx(product_e_values(e_values))


@given(st.floats(0, 1e6))
def test_one_e_value_is_left_as_it_is(e):
    assert [merge([e]) for merge in E_MERGES] == [e] * 3


@given(some_p)
def test_merged_p_values_are_p_values(p_values):
    assert all(0 <= merge(p_values) <= 1 for merge in P_MERGES)


@given(some_e)
def test_the_conjunction_is_the_weakest_evidence(e_values):
    assert smallest_e(e_values) <= mean_of_e(e_values) or smallest_e(e_values) == pytest.approx(mean_of_e(e_values))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("merge", P_MERGES)
def test_merged_p_values_are_valid_under_dependence(merge, correlation):
    """Two-sided p-values of equicorrelated normal variables: at most 5 % are at or below 0.05."""
    rng = np.random.default_rng(3)
    z = np.sqrt(correlation) * rng.normal(size=(2_000, 1)) + np.sqrt(1 - correlation) * rng.normal(size=(2_000, 4))
    ranks = np.abs(z).ravel().argsort()[::-1].argsort().reshape(z.shape)
    merged = np.array([merge(row) for row in (ranks + 1) / z.size])
    assert (merged <= 0.05).mean() <= 0.05


@pytest.mark.parametrize("merge", [mean_of_e, smallest_e])
def test_merged_e_values_of_the_same_data_keep_a_mean_of_one(merge):
    """One fair bet taken four times: merged without assuming independence its mean stays 1."""
    outcomes = [[0.0] * 4, [2.0] * 4]
    assert np.mean([merge(row) for row in outcomes]) <= 1


def test_a_product_of_dependent_e_values_does_not_keep_it():
    outcomes = [[0.0] * 4, [2.0] * 4]
    assert np.mean([product_of_e(row) for row in outcomes]) == 8


def test_products_keep_within_the_range_of_floats():
    assert product_of_e([1e200, 1e200, 1e-300]) == pytest.approx(1e100)
    assert product_of_e([1e200, 1e200]) == sys.float_info.max
    assert mean_of_e([sys.float_info.max] * 3) == sys.float_info.max


@pytest.mark.parametrize("merge", E_MERGES)
@pytest.mark.parametrize("values", [[], [-0.5], [float("nan")], [1.0, float("inf")]])
def test_what_is_no_e_value_is_refused(merge, values):
    with pytest.raises(ValueError, match="e-value"):
        merge(values)


@pytest.mark.parametrize("merge", P_MERGES)
@pytest.mark.parametrize("values", [[], [-0.5], [float("nan")], [0.5, 1.5]])
def test_what_is_no_p_value_is_refused(merge, values):
    with pytest.raises(ValueError, match="p-value"):
        merge(values)
