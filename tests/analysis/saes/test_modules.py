from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from theodolite.analysis.saes import coactivation_graph, modules


def planted_activity(rng: np.random.Generator) -> csr_array:
    """Return 6,000 positions of 40 features in four groups; a position shows half of one group, and noise."""
    group = rng.integers(0, 12, 6_000)  # most positions show none of the four
    shown = (group[:, None] == np.arange(40) // 10) & (rng.random((6_000, 40)) < 0.5)
    return csr_array(shown | (rng.random((6_000, 40)) < 0.01))


def test_planted_modules_are_found_beyond_degrees_and_whatever_the_resolution():
    graph = coactivation_graph(planted_activity(np.random.default_rng(0)))
    found = modules(graph.first, graph.second, graph.features, draws=19)
    assert adjusted_rand_score(found.module, np.arange(40) // 10) == 1.0
    assert found.p == 1 / 20 and found.modularity > found.rewired.max() + 0.3 and found.moved > 0.3
    assert found.sizes.tolist() == [10] * 4 and found.coverage == 1.0
    at = found.resolutions.tolist().index(1.0)
    assert found.agreement[at] == 1.0 and found.counts[at] == 4 and (found.agreement > 0.8).all()


def test_a_random_graph_has_modules_and_a_high_modularity_that_its_degrees_explain():
    """A modularity above 0.3 is taken for structure; a sparse random graph has it, and so have its rewired copies."""
    p = []
    for seed in range(6):
        drawn = np.array(list(nx.gnm_random_graph(100, 200, seed=seed).edges))
        found = modules(drawn[:, 0], drawn[:, 1], 100, draws=9, seed=seed, resolutions=(1.0,))
        assert found.modularity > 0.4 and found.counts[0] >= 5
        assert found.agreement[0] < 0.8, "and another seed finds others"
        p.append(found.p)
    assert np.median(p) > 0.1


def test_f12_any_rare_feature_has_a_partner_with_a_high_pmi_unless_it_must_be_seen_often():
    """F12: PMI above 3 with one of the targets, no null: independent features of some twenty positions pass."""
    rng = np.random.default_rng(0)
    activity = csr_array(rng.random((20_000, 200)) < 0.001)
    published = coactivation_graph(activity, least_pmi=3.0, least_together=1)
    joined = np.unique(np.concatenate([published.first, published.second]))
    assert len(joined) >= 0.9 * 200, "published: nearly every feature has its highway, and none is connected"
    assert not len(coactivation_graph(activity, least_pmi=3.0, least_together=50).first)
    with pytest.raises(ValueError, match="0 edges, 20 draws.*Without an edge there is no module"):
        modules(*np.zeros((2, 0), dtype=int), 200)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=20)
def test_pmi_is_that_of_a_count_by_hand(seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((40, 6)) * (rng.random((40, 6)) < 0.4)
    found = coactivation_graph(csr_array(values), least_pmi=0.1, least_together=least)
    expected = {}
    for i in range(6):
        for j in range(i + 1, 6):
            a, b = values[:, i] > 0, values[:, j] > 0
            both = int((a & b).sum())
            pmi = np.log2(both / 40 / (a.mean() * b.mean())) if both else -np.inf
            if both >= least and pmi >= 0.1:
                expected[i, j] = (both, pytest.approx(pmi))
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert dict(zip(pairs, zip(found.together.tolist(), found.pmi.tolist(), strict=True), strict=True)) == expected


def test_the_same_seed_gives_the_same_modules_and_bad_graphs_are_refused():
    drawn = np.array(list(nx.gnm_random_graph(40, 80, seed=0).edges)).T
    first, again = (modules(*drawn, 45, draws=3, seed=5) for _ in range(2))
    assert first.module.tolist() == again.module.tolist() and first.rewired.tolist() == again.rewired.tolist()
    assert (first.module[40:] == -1).all() and first.coverage <= 40 / 45
    with pytest.raises(ValueError, match="an edge repeats"):
        modules(np.array([0, 1]), np.array([1, 0]), 3)
    with pytest.raises(ValueError, match="features 0 to 3 of 3"):
        modules(np.array([0]), np.array([3]), 3)
    with pytest.raises(ValueError, match="give .positions, features. and 1 position or more"):
        coactivation_graph(csr_array((0, 4)))
