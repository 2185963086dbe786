"""Curveball stars: what every draw keeps, that draws are uniform, and that the observed graph is one of them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates import curveball
from theodolite.gates.curveball import CHUNK, curveball_draws, curveball_statistics, trade_arrangements


def graphs(edges: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Draws as matrices, shape (draws, r, t)."""
    drawn = np.zeros((len(columns), *edges.shape), dtype=int)
    rows = np.nonzero(edges)[0]
    for graph, targets in zip(drawn, columns, strict=True):
        np.add.at(graph, (rows, targets), 1)
    return drawn


def same_degrees(edges: np.ndarray, candidates: np.ndarray) -> set[bytes]:
    """All graphs among the candidates with the degrees of a small one, by brute force."""
    rows = [list(combinations(np.nonzero(allowed)[0], int(row.sum()))) for row, allowed in zip(edges, candidates)]  # noqa: B905
    found = set()
    for choice in product(*rows):
        graph = np.zeros(edges.shape, dtype=bool)
        for row, targets in enumerate(choice):
            graph[row, list(targets)] = True
        if np.array_equal(graph.sum(axis=0), edges.sum(axis=0)):
            found.add(graph.tobytes())
    return found


@st.composite
def small_graphs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    candidates = rng.random(shape) < draw(st.sampled_from([0.5, 0.9, 1.0]))
    return candidates & (rng.random(shape) < 0.4), candidates


@given(small_graphs(), st.integers(0, 2**53 - 1))
def test_every_draw_keeps_all_degrees_and_stays_among_the_candidates(graph, seed):
    edges, candidates = graph
    drawn = curveball_draws(edges, 20, seed, candidates=candidates)
    matrices = graphs(edges, drawn.columns)
    assert drawn.margins
    assert (matrices.sum(axis=1) == edges.sum(axis=0)).all()
    assert (matrices.sum(axis=2) == edges.sum(axis=1)).all()
    assert matrices.max(initial=0) <= 1
    assert not matrices[:, ~candidates].any()
    assert np.array_equal(drawn.kept, (matrices * edges).sum(axis=(1, 2)))


@given(small_graphs(), st.integers(0, 2**32), st.integers(0, 2 * CHUNK), st.integers(1, 30))
def test_a_draw_depends_on_graph_seed_and_number_only(graph, seed, start, draws):
    edges, candidates = graph
    whole = curveball_draws(edges, start + draws, seed, candidates=candidates)
    with patch.object(curveball, "_chunks", curveball._Chunks()):
        piece = curveball_draws(edges, draws, seed, start, candidates=candidates)
    assert np.array_equal(whole.columns[start:], piece.columns)
    assert np.array_equal(whole.kept[start:], piece.kept)


def test_another_seed_or_graph_gives_other_draws():
    edges = np.random.default_rng(0).random((8, 20)) < 0.3
    first = curveball_draws(edges, 5, 1).columns
    assert not np.array_equal(first, curveball_draws(edges, 5, 2).columns)
    assert not np.array_equal(first, curveball_draws(edges, 5, 1, candidates=edges | (np.arange(20) < 15)).columns)


def test_draws_are_uniform_over_the_graphs_of_the_same_degrees():
    """One draw a seed: draws of a seed share their hub. Thirty trades on twelve pairs forget where they began."""
    edges = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], dtype=bool)
    candidates = np.ones_like(edges)
    candidates[1, 1] = False
    reached = same_degrees(edges, candidates)
    first = [curveball_draws(edges, 1, seed, candidates=candidates).columns for seed in range(2_000)]
    counts = Counter(graph.tobytes() for graph in graphs(edges, np.concatenate(first)).astype(bool))
    assert len(reached) == 10
    assert set(counts) == reached
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 27.9, "0.999 quantile, 9 degrees of freedom"


def test_the_observed_graph_is_exchangeable_with_its_draws():
    """Each of the six graphs is observed equally often: its p-value is uniform, however short the chains."""
    family = [
        np.frombuffer(graph, dtype=bool).reshape(3, 3)
        for graph in sorted(same_degrees(np.eye(3, dtype=bool), np.ones((3, 3), dtype=bool)))
    ]
    rank = np.random.default_rng(3).permutation(9).reshape(3, 3) + 1.0
    small, trials = 0, 1_200
    for trial in range(trials):
        observed = family[trial % 6]
        draws = curveball_statistics(rank, observed, 19, seed=trial)
        small += (1 + (draws >= rank[observed].sum()).sum()) / 20 <= 0.25
    assert small / trials <= 0.25 + 3 * (0.25 * 0.75 / trials) ** 0.5


def test_statistics_are_rank_sums_of_the_drawn_edges():
    rng = np.random.default_rng(0)
    edges, rank = rng.random((12, 50)) < 0.2, rng.random((12, 50))
    rows = np.nonzero(edges)[0]
    drawn = curveball_draws(edges, 600, seed=4).columns
    assert curveball_statistics(rank, edges, 600, seed=4) == pytest.approx([rank[rows, row].sum() for row in drawn])


def test_most_edges_of_a_sparse_graph_move():
    edges = np.random.default_rng(0).random((40, 300)) < 0.05
    assert 1 - curveball_draws(edges, 200, 1).kept.mean() / edges.sum() > 0.8


@pytest.mark.parametrize(
    "edges",
    [
        np.ones((5, 7), dtype=bool),
        np.tri(6, 6, dtype=bool),
        np.arange(20)[None, :] < 4,
        np.zeros((3, 4), dtype=bool),
    ],
    ids=["complete", "nested", "one regulator", "empty"],
)
def test_a_stuck_graph_says_so(edges):
    drawn = curveball_draws(edges, 50, 1)
    assert drawn.margins
    assert (drawn.kept == edges.sum()).all()
    assert trade_arrangements(edges) == 0.0


@given(small_graphs())
def test_the_number_of_arrangements_is_never_overstated(graph):
    edges, candidates = graph
    if edges.size <= 24:
        assert 10 ** trade_arrangements(edges, candidates) <= len(same_degrees(edges, candidates)) * (1 + 1e-9)


def test_two_regulators_without_a_common_target_trade_all_they_have():
    edges = np.zeros((2, 10), dtype=bool)
    edges[0, :4] = edges[1, 4:10] = True
    assert 10 ** trade_arrangements(edges) == pytest.approx(210)


def test_margins_that_were_broken_are_seen():
    edges = np.random.default_rng(0).random((6, 12)) < 0.4
    columns = np.nonzero(edges)[1].astype(np.int16)
    bounds = np.concatenate([[0], np.cumsum(edges.sum(axis=1))]).astype(np.int64)
    count, seen = np.empty(12, np.int64), np.empty(12, np.int64)

    def keeps(changed: np.ndarray, allowed: np.ndarray) -> bool:
        return curveball._keeps_margins(changed, bounds, allowed, edges.sum(axis=0), count, seen)

    assert keeps(columns, np.ones_like(edges))
    twice, elsewhere = columns.copy(), columns.copy()
    twice[1] = twice[0]
    elsewhere[0] = next(target for target in range(12) if not edges[0, target])
    assert not keeps(twice, np.ones_like(edges))
    assert not keeps(elsewhere, np.ones_like(edges))
    assert not keeps(columns, ~edges)


def test_memory_is_bounded_and_forgotten_draws_come_back_equal(monkeypatch):
    edges = np.random.default_rng(0).random((6, 12)) < 0.4
    monkeypatch.setattr(curveball, "_chunks", curveball._Chunks())
    monkeypatch.setattr(curveball, "CACHE_BYTES", 3 * CHUNK * int(edges.sum()) * 2)
    first = curveball_draws(edges, 10 * CHUNK, 1).columns
    assert len(curveball._chunks._kept) == 3
    assert np.array_equal(curveball_draws(edges, 10 * CHUNK, 1).columns, first)
    assert curveball._chunks._bytes == 3 * CHUNK * edges.sum() * 2


def test_an_edge_that_is_no_candidate_is_refused():
    with pytest.raises(ValueError, match="2 edges are no candidates"):
        curveball_draws(np.ones((1, 3), dtype=bool), 1, 1, candidates=np.array([[True, False, False]]))
