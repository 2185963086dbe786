from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.attention import edge_labels
from theodolite.data import Reference
from theodolite.gates.effects import auroc, pair_items
from theodolite.sources import Source

GENES = ("A", "B", "C", "D", "E")
ORIGIN = (Source("test"),)


def reference(kind: str, members: tuple) -> Reference:
    return Reference(id="r", title="r", kind=kind, members=members, definition="test", origins=ORIGIN)


def test_a_regulon_asks_about_its_regulators_against_all_genes() -> None:
    edges = edge_labels(reference("regulon", (("B", "A"), ("D", "E"), ("A", "absent"))), GENES)
    assert edges.directed and edges.row_names == ("B", "D")
    assert edges.size == 2 and edges.count == 2 * 4
    assert edges.prevalence == 0.25


@pytest.mark.parametrize(
    ("kind", "members", "pairs"), [("pairs", (("B", "A"), ("C", "D")), 2), ("set", ("A", "B", "C"), 3)]
)
def test_pairs_and_sets_ask_about_each_pair_of_genes_once(kind: str, members: tuple, pairs: int) -> None:
    edges = edge_labels(reference(kind, members), GENES)
    assert not edges.directed and edges.count == 10 and edges.size == pairs
    assert np.array_equal(edges.candidates, np.triu(np.ones((5, 5), dtype=bool), 1))


def test_pairs_inside_a_family_are_no_candidates() -> None:
    edges = edge_labels([("A", "B"), ("A", "C")], GENES, families=["f", "f", "g", "h", "h"], directed=True)
    assert edges.size == 1 and edges.count == 3
    pairs = edge_labels([("A", "B"), ("A", "C")], GENES, families=["f", "f", "g", "h", "h"], directed=False)
    assert pairs.size == 1 and pairs.count == 8


def test_a_score_keeps_its_direction_where_edges_have_one_and_is_averaged_elsewhere() -> None:
    score = np.arange(25.0).reshape(5, 5)
    directed = edge_labels([("A", "B"), ("C", "D")], GENES, directed=True)
    assert np.array_equal(directed.matrix(score), score[[0, 2]])
    pairs = edge_labels([("A", "B"), ("C", "D")], GENES, directed=False)
    assert np.array_equal(pairs.matrix(score), (score + score.T) / 2)
    for edges in (directed, pairs):
        assert auroc(edges.items(edges.matrix(score))) == pytest.approx(
            np.mean([[(a > b) + 0.5 * (a == b) for b in edges.matrix(score)[edges.candidates][~edges.truth]]
                     for a in edges.matrix(score)[edges.candidates][edges.truth]])
        )  # fmt: skip


def test_a_part_of_the_rows_is_the_question_of_these_alone() -> None:
    edges = edge_labels([("A", "B"), ("C", "D"), ("C", "E")], GENES, directed=True)
    part = edges.restricted(np.array([False, True]))
    assert part.row_names == ("C",) and part.size == 2 and part.count == 4
    pairs = edge_labels([("A", "B"), ("C", "D")], GENES, directed=False)
    assert pairs.restricted(np.array([True, True, True, False, False])).count == 3
    with pytest.raises(ValueError, match="0 of 1 candidate pairs"):
        pairs.restricted(np.array([False, False, False, True, True]))


def test_items_without_a_direction_are_those_of_the_gates_where_every_pair_is_a_candidate() -> None:
    families = ["f", "f", "g", "h", "i"]
    edges = edge_labels([("A", "C"), ("C", "D")], GENES, families=families, directed=False)
    score = np.random.default_rng(0).random((5, 5)).round(1)
    matrix = edges.matrix(score)
    index = np.unique(families, return_inverse=True)[1]
    found, expected = edges.items(matrix), pair_items(matrix, edges.labels | edges.labels.T, index)
    for field in ("rest", "reference", "below", "through"):
        assert np.array_equal(getattr(found, field), getattr(expected, field))
    assert found.families == expected.families


@pytest.mark.parametrize("directed", [True, False])
def test_pairs_that_no_cell_holds_together_are_no_candidates_and_need_no_score(directed: bool) -> None:
    edges = edge_labels([("A", "B"), ("C", "D"), ("C", "E")], GENES, directed=directed)
    counts = np.full((5, 5), 3)
    counts[2, 4] = counts[4, 2] = 0
    counts[0, 3] = counts[3, 0] = 1
    score = np.where(counts > 0, np.random.default_rng(0).random((5, 5)), np.nan)
    with pytest.raises(ValueError, match="seen_together"):
        edges.matrix(score)
    seen = edges.seen_together(counts, least=2)
    assert seen.size == 2 and edges.count - seen.count == 2
    matrix = seen.matrix(score)
    assert np.isfinite(matrix).all() and 0.0 <= auroc(seen.items(matrix)) <= 1.0
    assert seen.items(matrix).rest.shape[1] == seen.count - seen.size
    with pytest.raises(ValueError, match="least is 0"):
        edges.seen_together(counts, least=0)


def test_what_cannot_be_asked_is_refused_with_the_value() -> None:
    with pytest.raises(ValueError, match="plain pairs do not say"):
        edge_labels([("A", "B")], GENES)
    with pytest.raises(ValueError, match="of kind 'regulon', which settles its direction"):
        edge_labels(reference("regulon", (("A", "B"),)), GENES, directed=False)
    with pytest.raises(ValueError, match="call genes by the same names"):
        edge_labels([("ENSG1", "ENSG2")], GENES, directed=True)
    with pytest.raises(ValueError, match="1 gene names repeat"):
        edge_labels([("A", "B")], ("A", "B", "B"), directed=True)
    with pytest.raises(ValueError, match="2 families for 5 genes"):
        edge_labels([("A", "B")], GENES, directed=True, families=["f", "g"])
    edges = edge_labels([("A", "B")], GENES, directed=True)
    with pytest.raises(ValueError, match=r"shape \(4, 4\)"):
        edges.matrix(np.zeros((4, 4)))
    score = np.zeros((5, 5))
    score[0, 0] = np.nan
    assert edges.matrix(score)[0, 1] == 0.0, "a gene with itself is no candidate, so its score does not matter"
    score[0, 3] = np.nan
    with pytest.raises(ValueError, match="1 of 4 candidate pairs of edges have no finite score"):
        edges.matrix(score)
