from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.analysis.manifold import graph_ruler, mixture_ruler, rank_ruler

FORK = (("stem", "a1"), ("a1", "a2"), ("stem", "b1"))


def test_hops_are_counted_along_edges_in_either_direction():
    ruler = graph_ruler(FORK)
    hops = [[0, 3, 0, 2], [3, 0, 3, 1], [0, 3, 0, 2], [2, 1, 2, 0]]
    np.testing.assert_array_equal(ruler.between(["a2", "b1", "a2", "stem"]), hops)
    np.testing.assert_array_equal(ruler.depth("stem", ["a2", "b1"]), [2, 1])


@given(st.integers(0, 10_000))
def test_weighted_distances_are_those_of_networkx(seed):
    draw = np.random.default_rng(seed)
    known = nx.relabel_nodes(nx.connected_watts_strogatz_graph(12, 4, 0.3, seed=seed), str)
    edges = list(known.edges)
    weights = draw.random(len(edges)) + 0.1
    nx.set_edge_attributes(known, dict(zip(edges, weights, strict=True)), "weight")
    ruler = graph_ruler(edges, weights=weights)
    expected = dict(nx.all_pairs_dijkstra_path_length(known))
    np.testing.assert_allclose(ruler.distance, [[expected[a][b] for b in ruler.nodes] for a in ruler.nodes])


def test_a_graph_in_parts_is_refused_and_the_smaller_parts_are_named():
    with pytest.raises(ValueError, match="2 parts: there is no path from lone and pair to the others; add the edge"):
        graph_ruler((*FORK, ("lone", "pair")))


def test_labels_and_edges_that_are_none_are_named():
    with pytest.raises(ValueError, match="'a3' is no node of the graph; its nodes are a1, a2, b1, stem"):
        graph_ruler(FORK).between(["a1", "a3"])
    with pytest.raises(ValueError, match="'a1' to 'a1' joins a node with itself"):
        graph_ruler([("a1", "a1")])
    with pytest.raises(ValueError, match="'a1' to 'stem' is there twice, perhaps turned round"):
        graph_ruler((*FORK, ("a1", "stem")))
    with pytest.raises(ValueError, match="'a1' to 'a2' is 0.0 long; give a positive length"):
        graph_ruler(FORK, weights=[1, 0, 1])
    with pytest.raises(ValueError, match="3 edges with 2 lengths"):
        graph_ruler(FORK, weights=[1, 1])


def test_ranks_forget_all_but_order():
    np.testing.assert_allclose(rank_ruler([5.0, 1.0, 1e9])[0], [0.0, 0.5, 0.5])
    np.testing.assert_allclose(rank_ruler([3.0, 3.0, 9.0]), rank_ruler([0.0, 0.0, 0.1]))
    with pytest.raises(ValueError, match="3 values that are all equal rank nothing"):
        rank_ruler([2.0, 2.0, 2.0])


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=3, max_size=3))
def test_mixtures_are_as_far_apart_as_what_must_be_replaced(counts):
    shares = np.array(counts) / np.sum(counts, axis=1, keepdims=True)
    distance = mixture_ruler(shares)
    for first in range(3):
        for second in range(3):
            kept = np.minimum(shares[first], shares[second]).sum()
            assert distance[first, second] == pytest.approx(1.0 - kept, abs=1e-12)
    assert distance[0, 2] <= distance[0, 1] + distance[1, 2] + 1e-12


def test_what_is_no_proportions_is_refused_with_its_row():
    with pytest.raises(ValueError, match=r"row 1 of the proportions is \[2.0, 3.0\].*divide counts by their sum"):
        mixture_ruler([[0.5, 0.5], [2, 3]])
    with pytest.raises(ValueError, match="row 0 .* negative somewhere"):
        mixture_ruler([[1.5, -0.5]])
