from __future__ import annotations

from itertools import permutations as orders

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.adjust import midranks
from theodolite.gates.evidence import draws_for, exceedances, monte_carlo_p, resolves
from theodolite.gates.kernels import set_statistics
from theodolite.gates.schemes import Scheme


@pytest.mark.parametrize("score", [[3.1, 0.2, 2.0, 1.0, 5.0, 4.0], [1.0, 1.0, 2.0, 2.0, 2.0, 0.0]])
@pytest.mark.parametrize("members", [[0, 4], [0, 1], [2, 3, 4]])
def test_p_is_that_of_full_enumeration_ties_included(score, members):
    rank = midranks(np.array(score))
    observed = rank[members].sum()
    exact = np.mean([rank[list(order)][members].sum() >= observed for order in orders(range(6))])
    draws = 20_000
    sums = set_statistics(rank, np.array(members), Scheme.build("all", 6, [[[g] for g in range(6)]]), draws, seed=1)
    p = monte_carlo_p(exceedances(sums, observed), draws)
    assert p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / draws) ** 0.5 + 1 / draws)


def test_rounding_never_breaks_a_tie_in_favour_of_a_claim():
    observed = 0.1 + 0.2
    assert exceedances(np.array([0.3, 0.2999, 0.31]), observed) == 2


def test_p_is_never_zero():
    assert monte_carlo_p(0, 999) == 0.001
    assert monte_carlo_p(999, 999) == 1.0


@pytest.mark.parametrize(("exceeding", "draws"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(exceeding, draws):
    with pytest.raises(ValueError, match="exceedances"):
        monte_carlo_p(exceeding, draws)


@pytest.mark.parametrize(
    ("alpha", "draws"), [(0.05, 500), (0.02, 1_000), (0.0227, 1_000), (1e-3, 20_000), (1e-6, 100_000)]
)
def test_draws_are_the_next_round_number_above_twenty_over_alpha(alpha, draws):
    assert draws_for(alpha) == draws


@given(st.floats(1e-7, 0.5))
def test_draws_resolve_the_level_unless_capped(alpha):
    draws = draws_for(alpha)
    assert draws == 100_000 or draws + 1 >= 20 / alpha - 1e-6
    assert resolves(draws, alpha) == ((draws + 1) * alpha >= 1)
    if draws < 100_000:
        assert resolves(draws, alpha)


def test_a_level_is_between_zero_and_one():
    with pytest.raises(ValueError, match="alpha is 0.0"):
        draws_for(0.0)
