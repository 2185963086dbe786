"""Results go to the rows of their genes, whatever order and names the rows have."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.measurements import BipartiteScores, CellScores, GeneScores, PairScores
from theodolite.tl import MeasureError
from theodolite.tl.storing import GeneRows, check_key, into, put_column, put_facts, put_measurement, put_vectors

# Four rows: B, a row that is no gene, A, and B once more.
ROWS = GeneRows(("A", "B", "C"), np.array([1, -1, 0, 1]))


@pytest.fixture
def data() -> anndata.AnnData:
    found = anndata.AnnData(X=np.ones((2, 4), dtype=np.float32))
    found.var_names = ["b", "none", "a", "b-again"]
    return found


def none(n: int) -> np.ndarray:
    return np.empty((n, 0))


def test_a_gene_is_found_by_name_and_its_rows_all_get_its_score(data: anndata.AnnData) -> None:
    scores = GeneScores(("C", "A", "B"), np.array([3.0, 1.0, 2.0]), ("x", "y", "z"), (), none(3), "units")
    put_measurement(data, "key", ROWS, scores)
    np.testing.assert_array_equal(data.var["key"], [2.0, np.nan, 1.0, 2.0])


def test_a_gene_that_was_not_measured_is_nan(data: anndata.AnnData) -> None:
    put_column(data, "key", ROWS, ["A"], np.array([1.0]))
    np.testing.assert_array_equal(data.var["key"], [np.nan, np.nan, 1.0, np.nan])


def test_pairs_are_symmetric_and_a_gene_has_no_score_with_itself(data: anndata.AnnData) -> None:
    score = np.array([[0.0, 5.0], [5.0, 0.0]])
    put_measurement(data, "key", ROWS, PairScores(("A", "B"), score, ("x", "y"), (), none(2), "units"))
    expected = np.full((4, 4), np.nan)
    expected[2, [0, 3]] = expected[[0, 3], 2] = 5.0
    np.testing.assert_array_equal(data.varp["key"], expected)
    assert data.varp["key"].dtype == np.float32


def test_regulators_are_columns_of_a_table(data: anndata.AnnData) -> None:
    scores = BipartiteScores(
        ("B",), ("A", "B"), np.array([[4.0, 9.0]]), ("y",), ("x", "y"), (), none(1), none(2), "units"
    )
    put_measurement(data, "key", ROWS, scores)
    assert list(data.varm["key"].columns) == ["B"] and list(data.varm["key"].index) == list(data.var_names)
    np.testing.assert_array_equal(data.varm["key"]["B"], [np.nan, np.nan, 4.0, np.nan])


def test_vectors_are_rows(data: anndata.AnnData) -> None:
    put_vectors(data, "key", ROWS, ["B"], np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(data.varm["key"][:, 1], [2.0, np.nan, np.nan, 2.0])


def test_another_shape_has_no_place(data: anndata.AnnData) -> None:
    scores = CellScores(("c",), np.array([1.0]), ("T",), ("d",), "units")
    with pytest.raises(MeasureError, match="CellScores has no place in an AnnData; these have: GeneScores"):
        put_measurement(data, "key", ROWS, scores)


@pytest.mark.parametrize("key", ["", "a/b", 3, None])
def test_a_key_that_no_file_could_hold_is_refused(key: object) -> None:
    with pytest.raises(MeasureError, match="key_added is"):
        check_key(key)


def test_facts_are_plain_data_or_refused(data: anndata.AnnData) -> None:
    put_facts(data, "key", {"layers": [0, None], "names": ["a", "b"], "inner": {"x": 1.5}})
    assert list(data.uns["key"]["names"]) == ["a", "b"] and data.uns["key"]["inner"] == {"x": 1.5}
    with pytest.raises(TypeError, match="cannot be kept in an AnnData"):
        put_facts(data, "key", {"model": object()})


def test_a_copy_leaves_the_input_as_it_is(data: anndata.AnnData) -> None:
    assert into(data, copy=False) is data
    put_column(into(data, copy=True), "key", ROWS, ["A"], np.array([1.0]))
    assert "key" not in data.var


@given(st.data())
def test_every_row_has_the_score_of_its_gene_or_none(data: st.DataObject) -> None:
    genes = tuple(f"g{place}" for place in range(data.draw(st.integers(1, 8))))
    gene_of = data.draw(st.lists(st.integers(-1, len(genes) - 1), min_size=1, max_size=12))
    measured = data.draw(st.lists(st.sampled_from(genes), min_size=1, unique=True))
    pairs = np.arange(len(measured) ** 2, dtype=float).reshape(len(measured), -1)
    scores = PairScores(tuple(measured), pairs + pairs.T, tuple(measured), (), none(len(measured)), "units")
    found = anndata.AnnData(X=np.ones((1, len(gene_of)), dtype=np.float32))
    put_measurement(found, "key", GeneRows(genes, np.array(gene_of)), scores)
    names = [genes[gene] if gene >= 0 else None for gene in gene_of]
    for row, first in enumerate(names):
        for column, second in enumerate(names):
            stored = found.varp["key"][row, column]
            if first == second or first not in measured or second not in measured:
                assert np.isnan(stored)
            else:
                assert stored == scores.score[measured.index(first), measured.index(second)]
