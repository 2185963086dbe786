"""The contrast of regulators and targets against oracles that permute by hand and ask scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from theodolite.data.pair_worlds import PairWorld, pair_graph, pair_scores
from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.curveball import curveball_draws
from theodolite.gates.effects import auroc
from theodolite.gates.kernels import permutations
from theodolite.gates.nulls import evidence_against, null_effects
from theodolite.measurements.centring import double_centred_bipartite

NULLS = ("family_block_swap", "curveball", "stratified_labels", "coexpression_strata")


@pytest.fixture
def apart() -> BipartiteContrast:
    """Regulators and targets without a common family: every pair is a candidate."""
    graph = pair_graph(0)
    score = pair_scores(PairWorld.IID, graph, np.random.default_rng(0))
    return contrast_bipartite(
        score,
        graph.edges,
        graph.regulator_families,
        graph.target_families,
        graph.target_mean,
        graph.target_dropout,
        graph.coexpression,
    )


def mixed(seed: int, signal: float = 0.0) -> BipartiteContrast:
    """Twelve regulators in families of two that are targets as well, and fifty other targets."""
    rng = np.random.default_rng(seed)
    families = [f"F{index // 2}" for index in range(12)]
    targets = families + [f"G{index}" for index in range(50)]
    candidates = np.array(families)[:, None] != np.array(targets)[None, :]
    edges = candidates & (rng.random((12, 62)) < 0.15)
    score = rng.standard_normal((12, 62)) + signal * edges
    return contrast_bipartite(score, edges, families, targets, rng.gamma(2.0, 1.0, 62), rng.random(62))


def test_the_observed_effect_is_the_auroc_of_scikit_learn(apart):
    expected = roc_auc_score(apart.labels.ravel(), apart.score.ravel())
    assert apart.to_effect(np.array([apart.observed()]))[0] + 0.5 == pytest.approx(expected)
    assert auroc(apart.items) == pytest.approx(expected)
    assert (apart.size, apart.candidates) == (590, 12_000)


def test_a_swap_of_families_gives_regulators_the_rows_of_others(apart):
    images = permutations(apart.rows, 30, seed=4)
    expected = [roc_auc_score(apart.labels.ravel(), apart.score[image].ravel()) for image in images]
    effects = apart.to_effect(apart.draw("family_block_swap", 30, 4))
    assert effects + 0.5 == pytest.approx(expected)
    family = np.array(apart.regulator_family)
    assert all(len(set(family[image[family == name]])) == 1 for image in images for name in range(10))


def test_stratified_labels_give_targets_the_columns_of_others(apart):
    images = permutations(apart.columns, 30, seed=4)
    expected = [roc_auc_score(apart.labels.ravel(), apart.score[:, image].ravel()) for image in images]
    assert apart.to_effect(apart.draw("stratified_labels", 30, 4)) + 0.5 == pytest.approx(expected)
    degree = apart.labels.sum(axis=0)
    shift = np.abs(degree[images] - degree).mean()
    assert shift < 0.5 * np.abs(degree[:, None] - degree[None, :]).mean(), "targets of like in-degree change places"


def test_curveball_ranks_the_edges_of_drawn_graphs(apart):
    rows = np.nonzero(apart.labels)[0]
    drawn = curveball_draws(apart.labels, 10, 4, candidates=apart.pairs).columns
    for columns, effect in zip(drawn, apart.to_effect(apart.draw("curveball", 10, 4)), strict=True):
        edges = np.zeros_like(apart.labels)
        edges[rows, columns] = True
        assert effect + 0.5 == pytest.approx(roc_auc_score(edges.ravel(), apart.score.ravel()))


def test_edges_move_between_pairs_of_like_co_expression(apart):
    """Scores that are the ventile of co-expression cannot change by a move inside it."""
    graph = pair_graph(0)
    ventile = np.searchsorted(np.quantile(graph.coexpression, np.arange(1, 20) / 20), graph.coexpression)
    assert apart.replaced(ventile.astype(float)).draw("coexpression_strata", 20, 1).std() == 0.0
    assert apart.draw("coexpression_strata", 20, 1).std() > 0.0


@pytest.mark.parametrize("null", NULLS)
def test_draws_can_be_made_in_pieces_and_have_the_mean_of_chance(apart, null):
    contrast: AnyContrast = apart
    whole = contrast.draw(null, 900, 7)
    pieces = [contrast.draw(null, 50, 7), contrast.draw(null, 650, 7, 50), contrast.draw(null, 200, 7, 700)]
    assert np.array_equal(whole, np.concatenate(pieces))
    effects = contrast.to_effect(whole)
    assert abs(effects.mean()) < 0.02
    assert effects.std() > 0.005


@given(st.integers(0, 2**32))
def test_every_null_keeps_to_candidates_or_ranks_conservatively(seed):
    contrast = mixed(seed)
    middle = (contrast.candidates + 1) / 2
    assert (contrast.rank[~contrast.pairs] >= middle).all()
    assert sorted(contrast.rank[contrast.pairs]) == list(range(1, contrast.candidates + 1))
    shifted = contrast.replaced(np.where(contrast.pairs, contrast.score, -100.0))
    assert np.array_equal(shifted.rank[contrast.pairs], contrast.rank[contrast.pairs])
    assert (shifted.rank[~contrast.pairs] == middle).all()
    assert np.array_equal(shifted.draw("curveball", 20, 1), contrast.draw("curveball", 20, 1))


def test_without_co_expression_there_are_three_nulls():
    contrast = mixed(0)
    assert contrast.names == NULLS[:3]
    for call in (lambda: contrast.draw("coexpression_strata", 1, 1), lambda: contrast.reach("coexpression_strata", 1)):
        with pytest.raises(ValueError, match="no null 'coexpression_strata'; it has family_block_swap, curveball"):
            call()


def test_claims_on_one_reference_share_their_curveball_draws_and_nothing_else(apart):
    other = apart.replaced(-apart.score)
    assert apart.seed("curveball", 1) == other.seed("curveball", 2)
    assert apart.seed("curveball", 1) != mixed(0).seed("curveball", 1)
    assert apart.seed("family_block_swap", 1) != other.seed("family_block_swap", 2)


@pytest.mark.parametrize("null", NULLS)
def test_reach_says_how_many_edges_are_replaced_and_how_many_arrangements_there_are(apart, null):
    far = apart.reach(null, apart.seed(null, 1))
    assert 0.6 < far.moved < 1.0
    assert far.log10_arrangements > 6
    assert apart.margins(null, 300, 1) is (True if null == "curveball" else None)


def test_a_reference_that_no_null_can_change_is_stuck():
    """Four targets of every regulator: rows are alike, and so are the columns of a degree."""
    labels = np.zeros((12, 40), dtype=bool)
    labels[:, :4] = True
    families = [f"F{index // 2}" for index in range(12)]
    targets = [f"T{index}" for index in range(40)]
    contrast = contrast_bipartite(np.zeros((12, 40)), labels, families, targets, np.arange(40.0), np.arange(40.0))
    for null in ("family_block_swap", "curveball"):
        far = contrast.reach(null, 1)
        assert (far.moved, far.log10_arrangements) == (0.0, 0.0)


def test_arrangements_of_family_blocks_are_counted_exactly():
    labels = np.zeros((6, 9), dtype=bool)
    labels[0, 0] = labels[1, 1] = labels[2, 0] = labels[3, 1] = labels[4, 5] = True
    targets = [f"T{index}" for index in range(9)]
    contrast = contrast_bipartite(np.zeros((6, 9)), labels, list("aabbcc"), targets, np.arange(9.0), np.arange(9.0))
    far = contrast.reach("family_block_swap", 1)
    assert 10**far.log10_arrangements == pytest.approx(3), "two of the three blocks are alike"


def test_a_new_reference_brings_its_own_strata_and_scores_stay(apart):
    labels = apart.labels[:, ::-1]
    other = apart.relabelled(labels)
    assert other.observed() == apart.rank[labels].sum()
    assert not np.array_equal(other.columns.genes, apart.columns.genes)
    assert np.array_equal(other.rank, apart.rank)
    assert other.relabelled(apart.labels).draw("stratified_labels", 5, 1) == pytest.approx(
        apart.draw("stratified_labels", 5, 1)
    )


def test_a_reference_pair_inside_a_family_is_refused():
    contrast = mixed(0)
    with pytest.raises(ValueError, match="24 reference pairs are inside a family"):
        contrast.relabelled(np.ones_like(contrast.labels))


def test_planted_edges_are_found_by_every_null():
    graph = pair_graph(1)
    score = pair_scores(PairWorld.LOWRANK_EDGE, graph, np.random.default_rng(0)) + graph.edges
    contrast = contrast_bipartite(
        double_centred_bipartite(score, np.ones_like(graph.edges)),
        graph.edges,
        graph.regulator_families,
        graph.target_families,
        graph.target_mean,
        graph.target_dropout,
        graph.coexpression,
    )
    for null in contrast.names:
        evidence = evidence_against(contrast, null, 999, root=1)
        assert evidence.p == 0.001
        assert evidence.seed == contrast.seed(null, 1)
        assert evidence.margins is (True if null == "curveball" else None)
        assert null_effects(contrast, null, 999, 1).std() == pytest.approx(evidence.spread)
