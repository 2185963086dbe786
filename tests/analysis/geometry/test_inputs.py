from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry.inputs import (
    families_of,
    gene_vectors,
    layer_coordinates,
    member_mask,
    pair_positions,
    statistics_of,
)
from theodolite.data import GeneStatistics, Reference
from theodolite.sources import Source


def test_f3_zero_rows_and_unknown_rows_are_absent_at_every_layer():
    vectors = np.random.default_rng(0).standard_normal((3, 5, 4))
    vectors[:, 1] = 0.0
    vectors[2, 3] = np.nan
    kept = gene_vectors(vectors, ["A", "B", "C", "D", "E"])
    assert kept.genes == ("A", "C", "E") and kept.absent == ("B", "D")
    assert kept.vectors.shape == (3, 3, 4) and kept.layers == 3
    assert np.array_equal(kept.vectors, vectors[:, [0, 2, 4]])


@pytest.mark.parametrize(
    ("change", "genes", "message"),
    [
        (lambda v: v[0], ["A", "B", "C"], r"give \(layers, genes, width\)"),
        (lambda v: v, ["A", "B"], "3 rows of vectors for 2 gene names"),
        (lambda v: v, ["A", "B", "A"], "gene names repeat: A"),
        (lambda v: v * 0.0, ["A", "B", "C"], "none of 3 genes"),
        (lambda v: np.where(np.arange(4) == 2, np.inf, v), ["A", "B", "C"], "vectors of A, B, C hold NaN or infinity"),
    ],
)
def test_input_that_does_not_fit_is_named(change, genes, message):
    with pytest.raises(ValueError, match=message):
        gene_vectors(change(np.ones((2, 3, 4))), genes)


def test_coordinates_are_those_of_the_singular_value_decomposition():
    rows = np.random.default_rng(1).standard_normal((1, 30, 6)) + 5.0
    found = layer_coordinates(rows, 3)[0]
    left, singular, _ = np.linalg.svd(rows[0] - rows[0].mean(axis=0), full_matrices=False)
    assert np.abs(found) == pytest.approx(np.abs(left[:, :3] * singular[:3]))


def test_pairs_come_from_references_and_from_plain_pairs_and_count_once():
    pairs = Reference("p", "p", "pairs", (("A", "B"), ("B", "C"), ("C", "X")), "test", (Source(name="test"),))
    assert [ends.tolist() for ends in pair_positions(pairs, ["A", "B", "C"], directed=False)] == [[0, 1], [1, 2]]
    plain = [("B", "A"), ("A", "B"), ("A", "A")]
    assert len(pair_positions(plain, ["A", "B"], directed=False)[0]) == 1
    assert len(pair_positions(plain, ["A", "B"], directed=True)[0]) == 2
    with pytest.raises(ValueError, match="check that names agree"):
        pair_positions([("X", "Y")], ["A", "B"], directed=True)


def test_genes_are_aligned_by_name():
    table = GeneStatistics(("B", "A"), np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([0.5, 0.6]))
    assert statistics_of(table, ["A", "B"]).tolist() == [[2.0, 4.0, 0.6], [1.0, 3.0, 0.5]]
    with pytest.raises(ValueError, match="1 genes have no statistics, among them C"):
        statistics_of(table, ["A", "C"])
    assert families_of({"A": "f", "B": "f"}, ["A", "B", "C"]) == ("f", "f", "alone:C")
    assert member_mask(["B", "Z"], ["A", "B"]).tolist() == [False, True]
