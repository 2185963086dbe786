"""The worlds of the type-I table: fixed graphs, scores drawn anew, and no signal where none is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.data.pair_worlds import NULL_WORLDS, PairWorld, pair_graph, pair_scores


def test_there_are_six_worlds_without_a_signal_and_two_with_one():
    assert [str(world) for world in NULL_WORLDS] == [
        "iid", "hub_indep", "hub_degree_conf", "lowrank", "lowrank_hub_conf", "paralog",
    ]  # fmt: skip
    assert len(PairWorld) == 8


@pytest.mark.parametrize("paralogues", [False, True])
def test_a_graph_has_its_counts_and_heavy_tails(paralogues):
    for seed in range(4):
        graph = pair_graph(seed, paralogues=paralogues)
        assert graph.edges.shape == graph.coexpression.shape == (40, 300)
        assert graph.edges.sum() == 590
        degree = graph.edges.sum(axis=0)
        assert degree.max() > 5 * degree.mean()
        assert {graph.regulator_families.count(name) for name in graph.regulator_families} == {4}
        assert not set(graph.regulator_families) & set(graph.target_families)
        assert np.corrcoef(degree, graph.target_mean)[0, 1] > 0.2, "well studied genes are highly expressed"
        assert np.corrcoef(graph.target_mean, graph.target_dropout)[0, 1] < -0.5
        assert graph.coexpression[graph.edges].mean() > graph.coexpression[~graph.edges].mean() + 0.05


def test_graphs_differ_by_seed_and_come_back():
    assert np.array_equal(pair_graph(1).edges, pair_graph(1).edges)
    assert not np.array_equal(pair_graph(1).edges, pair_graph(2).edges)


def test_paralogues_share_seven_targets_in_ten():
    edges = pair_graph(0, paralogues=True).edges.astype(int)
    common, degree = edges @ edges.T, edges.sum(axis=1)
    share = (common / np.maximum(degree[:, None], 1))[np.kron(np.eye(10), np.ones((4, 4))).astype(bool)]
    assert 0.65 < np.mean(share[share < 1]) < 0.95


@pytest.mark.parametrize("world", PairWorld)
def test_scores_know_of_edges_only_where_they_should(world):
    """Differences on and off the edges, after the hubs are taken out, over 60 draws."""
    graph = pair_graph(0, paralogues=world is PairWorld.PARALOG)
    gaps = []
    for seed in range(60):
        score = pair_scores(world, graph, np.random.default_rng(seed))
        score = score - score.mean(axis=0) - score.mean(axis=1, keepdims=True)
        gaps.append(score[graph.edges].mean() - score[~graph.edges].mean())
    mean, error = np.mean(gaps), np.std(gaps) / np.sqrt(60)
    assert (mean > 10 * error) if world.endswith("+edge") else (abs(mean) < 4 * error)
