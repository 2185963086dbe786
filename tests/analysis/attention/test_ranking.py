from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from theodolite.analysis.attention import Ranking

ITEMS = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=4, max_size=40).filter(
    lambda items: (
        0 < sum(label and weight > 0 for _, label, weight in items)
        and 0 < sum(not label and weight > 0 for _, label, weight in items)
    )
)


def arrays(items: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, truth, weights = zip(*items, strict=True)
    return np.array(values, dtype=float), np.array(truth), np.array(weights, dtype=float)


@given(ITEMS)
def test_auroc_and_average_precision_are_those_of_scikit_learn_with_ties_and_weights(items: list) -> None:
    values, truth, weights = arrays(items)
    ranking = Ranking.of(values)
    assert ranking.auroc(truth) == pytest.approx(roc_auc_score(truth, values))
    assert ranking.average_precision(truth) == pytest.approx(average_precision_score(truth, values))
    assert ranking.auroc(truth, weights) == pytest.approx(roc_auc_score(truth, values, sample_weight=weights))
    weighted = average_precision_score(truth, values, sample_weight=weights)
    assert ranking.average_precision(truth, weights) == pytest.approx(weighted)


@given(ITEMS, st.integers(1, 50))
def test_the_top_k_is_the_mean_over_the_orders_of_equal_scores(items: list, k: int) -> None:
    values, truth, _ = arrays(items)
    rng = np.random.default_rng(0)
    # a random key decides inside a group of equal scores, which is one order of it
    orders = [np.lexsort((rng.random(len(values)), -values))[:k] for _ in range(400)]
    top = Ranking.of(values).top(truth, k)
    assert top.k == min(k, len(values))
    assert top.precision == pytest.approx(np.mean([truth[order].mean() for order in orders]), abs=0.12)
    assert top.recall * truth.sum() == pytest.approx(top.precision * top.k)
    assert top.f1 == pytest.approx(2 * top.precision * top.k / (top.k + truth.sum()))


@given(ITEMS)
def test_nothing_depends_on_the_order_in_which_items_are_listed(items: list) -> None:
    values, truth, _ = arrays(items)
    order = np.random.default_rng(len(items)).permutation(len(items))
    first, second = Ranking.of(values), Ranking.of(values[order])
    assert first.auroc(truth) == pytest.approx(second.auroc(truth[order]))
    assert first.average_precision(truth) == pytest.approx(second.average_precision(truth[order]))
    assert first.top(truth, 3).recall == pytest.approx(second.top(truth[order], 3).recall)


def test_a_class_that_is_missing_gives_no_number() -> None:
    ranking = Ranking.of(np.array([3.0, 1.0, 2.0]))
    assert np.isnan(ranking.auroc(np.array([True, True, True])))
    assert np.isnan(ranking.average_precision(np.array([False, False, False])))
    with pytest.raises(ValueError, match="the top 0 of 3 pairs with 1 edges"):
        ranking.top(np.array([True, False, False]), 0)
