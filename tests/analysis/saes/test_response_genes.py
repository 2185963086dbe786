from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.saes import ResponseGenes, response_genes, top_genes

N, F, T = 400, 200, 24
GENES = [f"G{i:03d}" for i in range(N)]
TARGETS = GENES[:T]
RATE = np.random.default_rng(9).lognormal(-4.0, 1.0, F)


def world(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, list[str]], np.ndarray]:
    """Return activations of features on genes, regulated genes of each target, and responses, of no relation."""
    activation = rng.gamma(0.5, 1.0, (N, F))
    regulated = {target: rng.choice(GENES, 30, replace=False).tolist() for target in TARGETS}
    return activation, regulated, rng.random((T, F)) < 0.05


def test_targets_whose_responding_features_hold_their_genes_are_found():
    """The first eight targets move three features of their own genes each, beside features of no relation."""
    rng = np.random.default_rng(0)
    activation, regulated, responding = world(rng)
    for row, target in enumerate(TARGETS[:8]):
        for feature in rng.choice(F, 3, replace=False):
            held = [GENES.index(gene) for gene in regulated[target][:12]]
            activation[held, feature] += 20.0
            responding[row, feature] = True
    found = response_genes(responding, TARGETS, regulated, activation, GENES, RATE)
    assert (found.p_matched[:8] <= 0.05).all() and (found.p_targets[:8] <= 3 / T).all()
    assert found.share >= 8 / T and found.p == 1 / 1_000
    assert found.shares_permuted.mean() == pytest.approx(0.05, abs=0.04)
    assert (found.overlap[:8] > found.matched[:8] + 1.0).all() and found.frame().shape == (T, 7)


def test_without_a_relation_p_is_uniform_and_the_share_is_that_of_permuted_targets():
    every: list[ResponseGenes] = []
    for seed in range(12):
        activation, regulated, responding = world(np.random.default_rng(seed))
        every.append(response_genes(responding, TARGETS, regulated, activation, GENES, RATE, draws=199, seed=seed))
    # A binomial of 288 at 0.05 stays at or below 27 in all but about 1 of 1,000 runs.
    assert sum((found.p_matched <= 0.05).sum() for found in every) <= 27
    assert sum((found.p_targets <= 0.05).sum() for found in every) <= 27
    assert np.sum([found.p <= 0.05 for found in every]) <= 3
    assert np.mean([found.share for found in every]) == pytest.approx(
        np.mean([found.shares_permuted.mean() for found in every]), abs=0.03
    )


def test_features_that_fire_often_hold_genes_that_many_regulate_and_matched_features_do_too():
    """Frequent features respond to everything and hold the expressed genes that references are full of."""
    rng = np.random.default_rng(1)
    activation = rng.gamma(0.5, 1.0, (N, F))
    often = np.argsort(-RATE)[:60]
    activation[np.ix_(np.arange(200, 300), often)] += 2.0
    regulated = {target: rng.choice(GENES[200:300], 30, replace=False).tolist() for target in TARGETS}
    responding = np.zeros((T, F), dtype=bool)
    responding[:, often] = rng.random((T, 60)) < 0.3
    found = response_genes(responding, TARGETS, regulated, activation, GENES, RATE, draws=499)
    unmatched = response_genes(responding, TARGETS, regulated, activation, GENES, np.full(F, 0.1), draws=499)
    assert unmatched.share == 1.0, "against any features all targets seem to move their own genes"
    assert found.share <= 0.3 and found.p > 0.05


def test_features_that_respond_to_everything_and_hold_what_everything_regulates_show_no_target():
    """Stress: ten features of fifty stress genes respond to every target, and every target regulates some of them."""
    rng = np.random.default_rng(2)
    activation, _, responding = world(rng)
    activation[np.ix_(np.arange(200, 250), np.arange(10))] += 20.0
    responding[:, :10] = True
    regulated = {target: rng.choice(GENES[200:250], 15, replace=False).tolist() for target in TARGETS}
    found = response_genes(responding, TARGETS, regulated, activation, GENES, RATE, draws=499)
    assert found.share > 0.9, "beyond matched features nearly every target is enriched"
    assert found.p > 0.05 and found.shares_permuted.mean() > 0.9, "and so it is in another target's genes"


def test_the_overlap_is_counted_as_sets_and_a_target_is_not_its_own_gene():
    activation, regulated, responding = world(np.random.default_rng(3))
    activation[0] += 100.0
    regulated = {target: [*genes, target, "unknown"] for target, genes in regulated.items()}
    responding[3] = False
    del regulated[TARGETS[5]]
    found = response_genes(responding, TARGETS, regulated, activation, GENES, RATE, top=7, draws=1)
    assert found.without_response == (TARGETS[3],) and found.without_genes == (TARGETS[5],)
    assert found.targets == tuple(each for each in TARGETS if each not in (TARGETS[3], TARGETS[5]))
    tops = [{GENES[i] for i in row} for row in top_genes(activation, GENES, 7)]
    for row, target in enumerate(found.targets):
        features = np.flatnonzero(responding[TARGETS.index(target)])
        own = set(regulated[target]) - {target}
        assert found.overlap[row] == pytest.approx(np.mean([len(tops[feature] & own) for feature in features]))
        assert found.responding[row] == len(features) and found.regulated[row] == len(own & set(GENES))


def test_what_has_no_genes_to_compare_is_refused_with_a_remedy():
    activation, regulated, responding = world(np.random.default_rng(4))
    with pytest.raises(ValueError, match="0 a regulated gene among 400; two need both. Check that names"):
        response_genes(responding, TARGETS, {"G000": ["A"]}, activation, GENES, RATE)
    with pytest.raises(ValueError, match=r"give \(targets, features\) and \(features,\)"):
        response_genes(responding[:, 1:], TARGETS, regulated, activation, GENES, RATE)
    with pytest.raises(ValueError, match="24 targets have 23 names"):
        response_genes(responding, [*TARGETS[1:], TARGETS[1]], regulated, activation, GENES, RATE)
    with pytest.raises(ValueError, match="level 1;"):
        response_genes(responding, TARGETS, regulated, activation, GENES, RATE, level=1.0)
