from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from theodolite.gates.effects import (
    auroc,
    bipartite_items,
    effect_with_interval,
    gene_items,
    pair_items,
    paired_gain,
    resample_weights,
)
from theodolite.gates.kernels import weighted_aurocs


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_auroc_is_that_of_scikit_learn_with_ties(genes):
    score, label = np.array([s for s, _ in genes], dtype=float), np.array([m for _, m in genes])
    items = gene_items(score, label, np.arange(len(genes)))
    if label.all() or not label.any():
        with pytest.raises(ValueError, match="need both classes"):
            auroc(items)
    else:
        assert auroc(items) == pytest.approx(roc_auc_score(label, score))


def test_pairs_inside_a_family_do_not_count():
    rng = np.random.default_rng(0)
    family = np.arange(20) // 2
    score = rng.standard_normal((20, 20))
    score += score.T
    edges = np.triu(rng.random((20, 20)) < 0.2, 1)
    edges |= edges.T
    i, j = np.triu_indices(20, 1)
    counted = family[i] != family[j]
    expected = roc_auc_score(edges[i, j][counted], score[i, j][counted])
    assert auroc(pair_items(score, edges, family)) == pytest.approx(expected)


def test_the_interval_of_a_set_covers_the_truth_about_as_often_as_it_says():
    truth, covered = NormalDist().cdf(0.8 / 2**0.5) - 0.5, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        member = np.zeros(200, dtype=bool)
        member[rng.choice(200, 40, replace=False)] = True
        effect = effect_with_interval(
            gene_items(rng.standard_normal(200) + 0.8 * member, member, np.arange(200) // 2), seed
        )
        covered += effect.low <= truth <= effect.high
    assert 178 <= covered <= 199, "a binomial with 0.95 lies in 178 to 199 of 200, 999 times in 1,000"


def test_the_interval_of_a_set_widens_when_families_share_scores():
    """Twenty copies of one gene a family are no twenty genes: the interval must not believe them."""
    rng = np.random.default_rng(3)
    family = np.repeat(np.arange(20), 20)
    score, member = rng.standard_normal(20)[family] + 0.01 * rng.standard_normal(400), family < 8
    by_family = effect_with_interval(gene_items(score, member, family), 1)
    by_gene = effect_with_interval(gene_items(score, member, np.arange(400)), 1)
    assert by_family.high - by_family.low > 3 * (by_gene.high - by_gene.low)


def test_the_interval_of_pairs_never_covers_too_seldom():
    covered, truth = 0, NormalDist().cdf(0.6 / 2**0.5) - 0.5
    for seed in range(60):
        rng = np.random.default_rng(seed)
        upper = np.triu(rng.random((60, 60)) < 0.05, 1)
        edges = upper | upper.T
        noise = np.triu(rng.standard_normal((60, 60)), 1)
        hub = 0.3 * rng.standard_normal(60)
        score = noise + noise.T + (hub[:, None] + hub[None, :]) + 0.6 * 2**0.5 * 0.7681 * edges
        effect = effect_with_interval(pair_items(score, edges, np.arange(60)), seed, resamples=500)
        covered += effect.low <= truth <= effect.high
    assert covered >= 54


def test_a_baseline_counts_by_its_magnitude_and_with_the_same_resamples():
    rng = np.random.default_rng(5)
    member = np.arange(200) < 40
    main = gene_items(rng.standard_normal(200) + 1.5 * member, member, np.arange(200))
    wrong_way = rng.standard_normal(200) - 1.0 * member
    baseline, gain = paired_gain(main, gene_items(wrong_way, member, np.arange(200)), 1)
    again, same_gain = paired_gain(main, gene_items(-wrong_way, member, np.arange(200)), 1)
    assert baseline.estimate > 0.2
    assert baseline.estimate == pytest.approx(again.estimate)
    assert gain.low == pytest.approx(same_gain.low)
    assert gain.estimate == pytest.approx(auroc(main) - 0.5 - baseline.estimate)
    assert gain.low < gain.estimate < gain.high


def test_a_model_has_no_gain_over_itself():
    member = np.arange(100) < 30
    items = gene_items(np.random.default_rng(1).standard_normal(100) + member, member, np.arange(100))
    _, gain = paired_gain(items, items, 1)
    assert (gain.low, gain.estimate, gain.high) == (0.0, 0.0, 0.0)


def test_baseline_and_main_must_be_of_the_same_families():
    member = np.arange(10) < 5
    score = np.arange(10.0)
    with pytest.raises(ValueError, match="must be the same"):
        paired_gain(gene_items(score, member, np.arange(10)), gene_items(score, member, np.arange(10) // 2), 1)


def test_only_candidate_pairs_of_regulators_and_targets_count():
    rng = np.random.default_rng(0)
    score, edges, candidates = rng.standard_normal((8, 20)), rng.random((8, 20)) < 0.2, rng.random((8, 20)) < 0.9
    items = bipartite_items(score, edges & candidates, candidates, np.arange(8) // 2, np.arange(20))
    assert auroc(items) == pytest.approx(roc_auc_score(edges[candidates], score[candidates]))


def test_regulators_and_targets_are_two_populations_of_families():
    rng = np.random.default_rng(0)
    score, edges = rng.standard_normal((8, 20)), rng.random((8, 20)) < 0.2
    regulator, target = np.arange(8) // 2, np.arange(20) % 5
    items = bipartite_items(score, edges, np.ones((8, 20), dtype=bool), regulator, target)
    weights = resample_weights(items, 50, seed=3)
    assert weights.shape == (50, 4 + 5 + 1)
    assert (weights[:, :4].sum(axis=1) == 4).all() and (weights[:, 4:9].sum(axis=1) == 5).all()
    assert not np.array_equal(weights[:, :4], weights[:, 4:8])
    draws = weighted_aurocs(items.rest, items.reference, items.below, items.through, weights)
    for row, value in zip(weights, draws, strict=True):
        weight = np.outer(row[:4][regulator], row[4:9][target])
        expected = roc_auc_score(edges.ravel(), score.ravel(), sample_weight=weight.ravel())
        assert value == pytest.approx(expected, nan_ok=True)


def test_the_interval_of_regulators_and_targets_never_covers_too_seldom():
    """The rows of four regulators of a family are one row: pairs are not independent, families are."""
    covered, truth = 0, NormalDist().cdf(0.6 / 2**0.5) - 0.5
    for seed in range(60):
        rng = np.random.default_rng(seed)
        family = np.arange(40) // 4
        edges = rng.random((40, 80)) < 0.1
        hubs = 0.5 * rng.standard_normal((10, 1))[family] + 0.3 * rng.standard_normal((1, 80))
        noise = (1.0 - 0.5**2 - 0.3**2) ** 0.5 * rng.standard_normal((40, 80))
        items = bipartite_items(hubs + noise + 0.6 * edges, edges, np.ones((40, 80), dtype=bool), family, np.arange(80))
        effect = effect_with_interval(items, seed, resamples=500)
        covered += effect.low <= truth <= effect.high
    assert covered >= 54


def test_a_baseline_of_other_target_families_is_refused():
    rng = np.random.default_rng(0)
    score, edges, every = rng.standard_normal((4, 6)), np.eye(4, 6, dtype=bool), np.ones((4, 6), dtype=bool)
    one = bipartite_items(score, edges, every, np.arange(4), np.arange(6))
    other = bipartite_items(score, edges, every, np.arange(4), np.arange(6) // 2)
    with pytest.raises(ValueError, match="must be the same"):
        paired_gain(one, other, 1)
