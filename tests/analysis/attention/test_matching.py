from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.analysis.attention import edge_labels, matched_scores
from theodolite.analysis.attention.matching import _nearest


@pytest.fixture(scope="module")
def confounded(world):
    """Return a match where expression makes an edge likely, and scores of edges, of expression and of noise."""
    w = world("expression", seed=1)
    of_targets = np.broadcast_to(w.statistics[:, 0], (140, 140)) + 0.3 * w.noise()
    signals = {"edges": w.edge_score(1.5), "expression": of_targets, "noise": w.noise()}
    return w, signals, matched_scores(w.edges, signals, w.statistics, caliper=0.2)


def test_matching_takes_a_confounded_score_to_chance_and_leaves_a_signal_of_edges(confounded) -> None:
    _, _, match = confounded
    expression, edges, noise = match.of("expression"), match.of("edges"), match.of("noise")
    assert expression.raw > 0.62
    assert abs(expression.matched - 0.5) < 0.05 and expression.within.low < 0.5 + 0.03
    assert edges.raw > 0.8 and edges.matched > 0.8 and edges.within.low > 0.75
    assert noise.within.low < 0.5 < noise.within.high


def test_balance_is_reported_before_and_after_and_a_match_that_reached_it_says_so(confounded) -> None:
    _, _, match = confounded
    balance = {one.covariate: one for one in match.balance}
    assert set(balance) == {"mean", "variance", "dropout", "affected", "logit of the propensity"}
    assert balance["mean"].before > 0.4
    assert all(abs(one.after) < 0.1 for one in match.balance) and match.balanced
    assert match.matched + match.unmatched == match.edges == 420
    assert match.pairs <= 5 * match.matched


def test_a_match_that_the_logistic_model_gets_wrong_says_that_it_is_not_balanced(world) -> None:
    """Edges avoid middling expression on both sides of it: a line sees nothing, and matches in the middle."""
    w = world()
    mean = w.statistics[:, 0]
    away = np.abs(mean - np.median(mean))
    rng = np.random.default_rng(0)
    targets = [rng.choice(140, 12, replace=False, p=away**3 / (away**3).sum()) for _ in range(28)]
    pairs = {(w.genes[i], w.genes[j]) for i in range(28) for j in targets[i] if i != j}
    edges = edge_labels(pairs, w.genes, directed=True)
    skewed = np.column_stack([mean, np.exp(3.0 * mean)])
    match = matched_scores(edges, {"noise": w.noise()}, skewed, affected=False)
    assert not match.balanced and max(abs(one.after) for one in match.balance[:-1]) > 0.1


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=8),
    st.lists(st.integers(-20, 20), min_size=3, max_size=30),
    st.integers(1, 3),
)
def test_the_nearest_are_those_of_all_distances(wanted: list[int], offered: list[int], k: int) -> None:
    first, second = np.array(wanted, dtype=float), np.array(offered, dtype=float)
    near, distance = _nearest(first, second, k)
    everything = np.sort(np.abs(first[:, None] - second[None, :]), axis=1)[:, :k]
    assert np.array_equal(np.sort(distance, axis=1), everything)
    assert np.array_equal(np.abs(second[near] - first[:, None]), distance)
    assert all(len(set(row)) == k for row in near.tolist()), "no pair is taken twice for one edge"


def test_the_shares_within_matched_sets_are_those_of_counting(confounded) -> None:
    w, signals, _ = confounded
    match = matched_scores(w.edges, {"noise": signals["noise"]}, w.statistics, neighbours=w.edges.count - 420)
    # every other pair is a match of every edge, so that matched, within and raw are one number
    score = match.of("noise")
    assert score.within.estimate == pytest.approx(score.raw) == pytest.approx(score.matched)
    assert all(one.before == pytest.approx(one.after) for one in match.balance)


def test_a_narrower_caliper_leaves_more_edges_without_a_match(confounded) -> None:
    w, signals, wide = confounded
    narrow = matched_scores(w.edges, signals, w.statistics, caliper=1e-4)
    assert narrow.unmatched > wide.unmatched
    genes = tuple("ABCD")
    edges = edge_labels([("A", "C"), ("B", "C")], genes, directed=True)
    unlike = np.array([[1.0], [2.0], [9.0], [3.0]])
    with pytest.raises(ValueError, match="no edge of edges has a pair within the caliper 1e-06; widen it"):
        matched_scores(edges, {"any": np.ones((4, 4))}, unlike, neighbours=1, caliper=1e-6, affected=False)


def test_what_cannot_be_matched_is_refused(world) -> None:
    w = world()
    with pytest.raises(ValueError, match="0 neighbours"):
        matched_scores(w.edges, {"noise": w.noise()}, w.statistics, neighbours=0)
    with pytest.raises(ValueError, match="caliper above 0"):
        matched_scores(w.edges, {"noise": w.noise()}, w.statistics, caliper=0.0)
    pairs = edge_labels([(w.genes[0], w.genes[1])], w.genes, directed=False)
    with pytest.raises(ValueError, match="edges with a direction"):
        matched_scores(pairs, {"noise": w.noise()}, w.statistics)
    with pytest.raises(KeyError, match="'string' was not matched"):
        matched_scores(w.edges, {"noise": w.noise()}, w.statistics, resamples=10).of("string")
