from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.attention import Place, choose_nested, choose_on_discovery, edge_labels


def test_the_best_of_many_layers_of_noise_looks_good_only_where_it_was_chosen(world) -> None:
    """The trap of the layer picked on the test: sixty layers of noise, and one of them is the best."""
    w = world("hubs", seed=1)
    rng = np.random.default_rng(0)
    column = rng.standard_normal((60, 1, 140))
    attention = 0.7 * column + rng.standard_normal((60, 140, 140))
    found = choose_nested(attention, w.edges, resamples=300)
    assert found.optimistic > 0.53 and found.places == 60
    assert max(fold.trained for fold in found.folds) > 0.53
    fresh = [choose_nested(np.random.default_rng(seed).standard_normal((40, 140, 140)), w.edges, resamples=50)
             for seed in range(4)]  # fmt: skip
    assert np.mean([one.optimistic for one in fresh]) > 0.525
    assert abs(np.mean([one.nested.estimate for one in fresh]) - 0.5) < 0.015
    assert all(one.optimism > 0 for one in fresh)


def test_the_planted_layer_is_chosen_in_every_fold_and_keeps_its_auroc(world) -> None:
    w = world("nothing", seed=2)
    attention = np.stack([w.noise() for _ in range(12)])
    attention[7] = w.edge_score(1.5)
    found = choose_nested(attention, w.edges, rival=np.abs(w.coexpression), resamples=300)
    assert found.chosen == {Place(8): 5} and found.optimistic_place == Place(8)
    assert found.nested.low > 0.8 and found.nested.low < found.nested.estimate < found.nested.high
    assert found.optimism < 0.02
    assert found.gain is not None and found.gain.low > 0.2
    assert sum(fold.edges for fold in found.folds) == w.edges.size and sum(fold.units for fold in found.folds) == 28


def test_the_nested_auroc_is_the_mean_of_the_folds_by_their_edges(world) -> None:
    w = world("nothing", seed=3)
    found = choose_nested(np.stack([w.noise(), w.noise()]), w.edges, rival=w.noise(), folds=4, resamples=50)
    edges = [fold.edges for fold in found.folds]
    assert found.nested.estimate == pytest.approx(np.average([fold.tested for fold in found.folds], weights=edges))
    expected = np.average([fold.tested - fold.rival for fold in found.folds], weights=edges)
    assert found.gain is not None and found.gain.estimate == pytest.approx(expected)


def test_heads_may_be_chosen_besides_layers_and_undirected_folds_share_no_gene(world) -> None:
    w = world("nothing", seed=4)
    pairs = edge_labels(
        [(w.genes[i], w.genes[j]) for i in range(140) for j in range(i + 1, 140) if (i * j + i + j) % 9 == 0],
        w.genes,
        directed=False,
    )
    attention = np.stack([[w.noise() for _ in range(3)] for _ in range(2)])
    attention[1, 2] += 2.0 * (pairs.labels | pairs.labels.T)
    found = choose_nested(attention, pairs, heads=True, resamples=100)
    assert found.places == 2 * 4 and found.chosen == {Place(2, 3): 5}
    assert found.nested.low > 0.8


def test_a_layer_is_chosen_on_discovery_genes_and_read_on_the_others(world) -> None:
    w = world("nothing", seed=5)
    discovery = set(w.genes[0:140:2])
    attention = np.stack([w.noise() for _ in range(10)])
    attention[3] = w.edge_score(1.5)
    found = choose_on_discovery(attention, w.edges, discovery, resamples=200)
    assert found.chosen == Place(4) == found.optimistic_place
    assert found.discovery > 0.75 and found.confirmation.low > 0.7
    noise = [choose_on_discovery(np.random.default_rng(seed).standard_normal((40, 140, 140)), w.edges, discovery,
                                 resamples=20) for seed in range(6)]  # fmt: skip
    assert np.mean([one.discovery for one in noise]) > 0.54
    assert np.mean([one.optimistic for one in noise]) > 0.54
    assert abs(np.mean([one.confirmation.estimate for one in noise]) - 0.5) < 0.03


def test_no_family_is_on_both_sides_of_a_choice(world) -> None:
    w = world()
    families = [f"F{index // 2}" for index in range(140)]
    pairs = [(w.genes[i], w.genes[(3 * i + 40) % 140]) for i in range(30)]
    edges = edge_labels(pairs, w.genes, families=families, directed=True)
    with pytest.raises(ValueError, match="paralogues would carry the choice over"):
        choose_on_discovery(w.noise()[None], edges, w.genes[0:140:2])
    with pytest.raises(ValueError, match="the confirmation genes cannot be used"):
        choose_on_discovery(w.noise()[None], w.edges, w.genes[:138])
    few = edge_labels([("A", "B"), ("A", "C"), ("B", "D")], tuple("ABCD"), directed=True)
    assert len(choose_nested(np.ones((1, 4, 4)), few, resamples=10).folds) == 2
    clique = edge_labels([("A", "B")], tuple("ABCD"), directed=False)
    with pytest.raises(ValueError, match="no fold of edges has both"):
        choose_nested(np.ones((1, 4, 4)), clique)
