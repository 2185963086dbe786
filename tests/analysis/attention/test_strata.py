from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from theodolite.analysis.attention import aggregated, edge_labels, rank_correlations, stratified_recovery

GENES = tuple(f"G{index:02d}" for index in range(40))
PAIRS = [(GENES[2 * k], GENES[2 * k + 1]) for k in range(15)]
STATES = 3


def cells(rng: np.random.Generator, planted: bool) -> tuple[np.ndarray, list[str]]:
    """Return expression (cells, genes) and states; if planted, each pair goes with and against in two states."""
    value = rng.standard_normal((60 * STATES, 40))
    state = np.repeat(np.arange(STATES), 60)
    if planted:
        for k in range(15):
            for sign, inside in ((1.0, state == k % STATES), (-1.0, state == (k + 1) % STATES)):
                value[inside, 2 * k + 1] += sign * value[inside, 2 * k]
    return value, [f"state {k}" for k in state]


@pytest.fixture(scope="module")
def edges():
    return edge_labels(PAIRS, GENES, directed=False)


def test_pairs_that_go_together_in_one_state_are_found_by_strata_and_better_than_by_random_ones(edges) -> None:
    value, states = cells(np.random.default_rng(0), planted=True)
    found = stratified_recovery(edges, rank_correlations(value), states, draws=49)
    assert found.stratified > 0.95 and found.pooled < 0.7 and found.gain > 0.3
    assert found.gain_over_shuffled > 0.2 and found.p == 1 / 50 and found.exceedances == 0
    assert found.strata == (("state 0", 60), ("state 1", 60), ("state 2", 60)) and found.left_out == ()


@pytest.mark.parametrize("aggregate", ["max", "mean"])
def test_states_that_mean_nothing_do_no_better_than_random_ones(edges, aggregate: str) -> None:
    p = []
    for seed in range(12):
        value, states = cells(np.random.default_rng(seed), planted=False)
        value[:, 1:30:2] += 0.3 * value[:, 0:30:2]
        p.append(stratified_recovery(edges, rank_correlations(value), states, aggregate=aggregate, draws=19).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.25 and np.median(p) > 0.1


def test_a_difference_between_donors_is_in_the_draws_where_donors_are_blocks(edges) -> None:
    """States that are nothing but donors cannot be told from them: no cell can change places, and no draw differs."""
    value, states = cells(np.random.default_rng(0), planted=True)
    found = stratified_recovery(edges, rank_correlations(value), states, blocks=states, draws=9)
    assert found.p == 1.0 and found.shuffled == pytest.approx(found.stratified)


def test_rank_correlations_are_those_of_scipy_over_the_chosen_cells() -> None:
    value = np.random.default_rng(0).poisson(2.0, (50, 5)).astype(float)
    value[:30, 4] = 1.0
    chosen = np.arange(30)
    found = rank_correlations(value, absolute=False)(chosen)
    assert found[:4, :4] == pytest.approx(spearmanr(value[:30, :4]).statistic)
    assert not found[4].any(), "a gene that does not vary among these cells is correlated with nothing"
    assert (rank_correlations(value)(chosen) >= 0).all()


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, -2.0, np.nan]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_strata_are_put_together_as_numpy_does_without_what_is_missing(parts: list[list[float]]) -> None:
    scores = [np.array(part).reshape(2, 2) for part in parts]
    there = ~np.isnan(scores).all(axis=0)
    for how, expected in (("max", np.nanmax), ("mean", np.nanmean)):
        found = aggregated(scores, how)
        assert np.isnan(found[~there]).all()
        assert found[there] == pytest.approx(expected(np.array(scores)[:, there], axis=0))


def test_small_strata_are_left_out_with_their_cells_and_named(edges) -> None:
    value, states = cells(np.random.default_rng(0), planted=True)
    states[:5] = ["rare"] * 5
    found = stratified_recovery(edges, rank_correlations(value), states, draws=3)
    assert found.left_out == ("rare",) and found.strata[0] == ("state 0", 55)
    with pytest.raises(ValueError, match="0 of 4 strata have 100 cells"):
        stratified_recovery(edges, rank_correlations(value), states, least_cells=100)
    with pytest.raises(ValueError, match="0 draws"):
        stratified_recovery(edges, rank_correlations(value), states, draws=0)
    with pytest.raises(ValueError, match="it is 'max' or 'mean'"):
        aggregated([np.ones((2, 2))], "median")
    with pytest.raises(ValueError, match="one or more of the same shape"):
        aggregated([np.ones((2, 2)), np.ones((3, 3))], "max")
