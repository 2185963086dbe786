from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.stream import economy_e, history_multiplier

CAPS = st.one_of(st.none(), st.integers(0, 8))


def histories(tests: int, cap: int | None) -> list[tuple[int, ...]]:
    """All bit strings that ``tests - 1`` earlier tests may have returned on a block that is not retired."""
    return [bits for bits in product((0, 1), repeat=tests - 1) if cap is None or sum(bits) <= cap]


@given(st.integers(1, 11), CAPS)
def test_the_reciprocals_sum_to_at_most_one_over_all_histories(tests, cap):
    total = sum(Fraction(1, history_multiplier(tests, sum(bits), cap)) for bits in histories(tests, cap))
    assert total <= 1


@pytest.mark.parametrize(("tests", "cap"), [(6, 3), (10, 2), (9, 0)])
def test_with_a_cap_nothing_is_wasted_once_the_cap_can_be_reached(tests, cap):
    assert sum(Fraction(1, history_multiplier(tests, sum(bits), cap)) for bits in histories(tests, cap)) == 1


@given(st.integers(1, 6), CAPS, st.integers(0, 2**32 - 1))
def test_an_adversary_who_chooses_the_claim_by_the_history_gains_nothing(tests, cap, seed):
    """A finite world: each outcome has a history, and for each history one claim has an e-value of mean 1."""
    rng = np.random.default_rng(seed)
    possible = histories(tests, cap)
    outcomes = 4 * len(possible)
    probability = rng.dirichlet(np.ones(outcomes))
    happening = rng.integers(len(possible), size=outcomes)
    e_values = rng.exponential(size=(len(possible), outcomes)) ** 3
    e_values /= (e_values @ probability)[:, None]
    mean = sum(
        probability[outcome] * economy_e(e_values[h, outcome], history_multiplier(tests, sum(possible[h]), cap))
        for outcome, h in enumerate(happening)
    )
    assert mean <= 1 + 1e-9


@given(st.integers(1, 8), CAPS)
def test_the_worst_adversary_has_for_each_history_the_claim_that_is_only_strong_when_it_happens(tests, cap):
    possible = histories(tests, cap)
    probability = 1 / len(possible)
    naive = sum(probability * (1 / probability) for _ in possible)
    paid = sum(probability * economy_e(1 / probability, history_multiplier(tests, sum(bits), cap)) for bits in possible)
    assert naive == pytest.approx(len(possible))
    assert paid <= 1 + 1e-9


def test_the_binomial_coefficient_alone_would_not_do():
    cap, tests = 3, 8
    total = sum(Fraction(cap + 1, history_multiplier(tests, sum(bits), cap)) for bits in histories(tests, cap))
    assert total == cap + 1


def test_multipliers_by_hand():
    assert history_multiplier(1, 0) == 2
    assert history_multiplier(5, 0) == 2
    assert history_multiplier(5, 2) == 8 * 6
    assert history_multiplier(5, 0, cap=2) == 3
    assert history_multiplier(5, 2, cap=2) == 3 * 6
    assert history_multiplier(5, 0, cap=0) == 1


def test_multipliers_beyond_the_range_of_floats():
    multiplier = history_multiplier(4_000, 2_000)
    assert multiplier > 10**1_000
    assert economy_e(1e300, multiplier) == 0.0
    assert economy_e(480.0, history_multiplier(5, 2)) == 10.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "at least 1"),
        ((4, 4), "the 3 earlier tests"),
        ((4, -1), "the 3 earlier tests"),
        ((9, 3, 2), "retired"),
        ((9, 0, -1), "retired"),
    ],
)
def test_histories_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        history_multiplier(*arguments)


@pytest.mark.parametrize(("e", "multiplier", "message"), [(-1.0, 2, "e-value"), (1.0, 0, "history_multiplier")])
def test_discounts_out_of_range_are_refused(e, multiplier, message):
    with pytest.raises(ValueError, match=message):
        economy_e(e, multiplier)
