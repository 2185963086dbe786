from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from theodolite.claims import Covariate
from theodolite.data import CellDataError, CellErrorCode, CellSet, planted_cells

COUNTS = np.array([[1, 0, 3, 2], [0, 2, 1, 5], [4, 0, 0, 1]])


def cell_set(counts: Any = COUNTS, **changes: Any) -> CellSet:
    values: dict[str, Any] = {
        "genes": ("CD3D", "MS4A1", "LYZ", "GNLY"),
        "cells": ("c1", "c2", "c3"),
        "labels": {"cell_type": ("T", "B", "T"), "donor": ("d1", "d1", "d2"), "plate": ("p1", "p2", "p2")},
        "species": "human",
        "origin": "test",
    }
    return CellSet.from_counts("tiny", counts, **(values | changes))


def test_normalised_values_are_log1p_of_counts_per_ten_thousand() -> None:
    cells = cell_set()
    expected = np.log1p(COUNTS * 1e4 / COUNTS.sum(1, keepdims=True))
    values = cells.log1p_cp10k()
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(np.expm1(values.astype(np.float64)).sum(1), 1e4, rtol=1e-5)


def test_gene_statistics_against_dense_numpy() -> None:
    cells = cell_set()
    dense = np.log1p(COUNTS * 1e4 / COUNTS.sum(1, keepdims=True))
    statistics = cells.gene_statistics()
    np.testing.assert_allclose(statistics.mean_expression, dense.mean(0))
    np.testing.assert_allclose(statistics.variance, dense.var(0))
    np.testing.assert_allclose(statistics.dropout, (COUNTS == 0).mean(0))
    assert statistics.matrix([Covariate.DROPOUT, Covariate.MEAN]).shape == (4, 2)
    np.testing.assert_array_equal(statistics.matrix([Covariate.DROPOUT])[:, 0], statistics.dropout)


@settings(max_examples=30)
@given(cell=st.integers(0, 2), gene=st.integers(0, 3))
def test_the_hash_changes_when_one_count_changes(cell: int, gene: int) -> None:
    changed = COUNTS.copy()
    changed[cell, gene] += 1
    original = cell_set()
    # The scale is held, so that nothing but the one count differs.
    assert replace(original, counts=sparse.csr_array(changed)).sha256 != original.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"genes": ("CD3E", "MS4A1", "LYZ", "GNLY")},
        {"cells": ("c1", "c2", "c4")},
        {"labels": {"cell_type": ("T", "B", "B")}},
        {"species": "mouse"},
    ],
)
def test_the_hash_covers_names_labels_and_species(change: Mapping[str, Sequence[str]]) -> None:
    assert cell_set(**change).sha256 != cell_set().sha256


def test_the_hash_covers_the_scale_but_not_storage_name_or_origin() -> None:
    cells = cell_set()
    assert cells.scale is not None
    assert replace(cells, scale=cells.scale * 2).sha256 != cells.sha256
    same = cell_set(sparse.csc_array(COUNTS.astype(np.float64)), origin="elsewhere")
    assert replace(same, name="other").sha256 == cells.sha256
    assert pickle.loads(pickle.dumps(cells)).sha256 == cells.sha256


def test_a_cell_set_has_a_scale_or_values_never_both() -> None:
    cells = cell_set()
    with pytest.raises(ValueError, match="not both"):
        replace(cells, normalised=sparse.csr_array(COUNTS.astype(np.float32)))
    with pytest.raises(ValueError, match="not neither"):
        replace(cells, scale=None)
    with pytest.raises(CellDataError, match="one positive number a cell"):
        replace(cells, scale=np.array([1.0, 0.0, 2.0]))
    with pytest.raises(CellDataError, match="normalised values of shape"):
        replace(cells, scale=None, normalised=sparse.csr_array(COUNTS[:2].astype(np.float32)))


def test_counts_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        cell_set().counts.data[0] = 7


@pytest.mark.parametrize(
    ("declared", "kind", "units"),
    [
        ({}, "cell", ("c1", "c2", "c3")),
        ({"batch": "plate"}, "batch", ("p1", "p2", "p2")),
        ({"batch": "plate", "donor": "donor"}, "donor", ("d1", "d1", "d2")),
    ],
)
def test_units_are_donors_else_declared_batches_else_cells(
    declared: dict[str, str], kind: str, units: tuple[str, ...]
) -> None:
    cells = cell_set(**declared)
    assert cells.unit_kind == kind
    assert cells.units == units


def test_shuffling_keeps_each_gene_and_loses_the_cells() -> None:
    cells = planted_cells(200, 120, 2, seed=5).cells
    shuffled = cells.shuffled_within_gene(9)
    before, after = cells.log1p_cp10k(), shuffled.log1p_cp10k()
    np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))
    np.testing.assert_array_equal(np.sort(cells.counts.toarray(), axis=0), np.sort(shuffled.counts.toarray(), axis=0))
    np.testing.assert_allclose(
        shuffled.gene_statistics().matrix(), cells.gene_statistics().matrix(), rtol=1e-5, atol=1e-6
    )
    assert (after == 0).sum() == (shuffled.counts.toarray() == 0).sum()
    assert shuffled.scale is None
    varying = before.std(0) > 0
    same = np.mean([np.corrcoef(before[:, gene], after[:, gene])[0, 1] for gene in np.flatnonzero(varying)])
    assert abs(same) < 0.05


def test_shuffling_destroys_co_expression() -> None:
    world = planted_cells(400, 120, 2, seed=5)
    members = [world.cells.genes.index(gene) for gene in world.references[0].members]

    def mean_correlation(cells: CellSet) -> float:
        matrix = np.corrcoef(cells.log1p_cp10k()[:, members].T)
        return float(matrix[np.triu_indices_from(matrix, k=1)].mean())

    assert mean_correlation(world.cells) > 0.2
    assert abs(mean_correlation(world.cells.shuffled_within_gene(0))) < 0.02


def test_shuffles_are_reproducible_and_differ_by_seed() -> None:
    cells = planted_cells(50, 60, 1, seed=5).cells
    assert cells.shuffled_within_gene(1).sha256 == cells.shuffled_within_gene(1).sha256
    assert len({cells.sha256, cells.shuffled_within_gene(1).sha256, cells.shuffled_within_gene(2).sha256}) == 3


def test_taking_cells_keeps_their_scale() -> None:
    cells = cell_set()
    taken = cells.take_cells(["c3", "c1"])
    assert taken.label("cell_type") == ("T", "T")
    np.testing.assert_array_equal(taken.log1p_cp10k(), cells.log1p_cp10k()[[2, 0]])
    shuffled = planted_cells(50, 60, 1, seed=5).cells.shuffled_within_gene(1)
    np.testing.assert_array_equal(shuffled.take_cells(shuffled.cells[:3]).log1p_cp10k(), shuffled.log1p_cp10k()[:3])
    with pytest.raises(KeyError, match="c9"):
        cells.take_cells(["c9"])


def test_an_absent_label_is_named_with_what_there_is() -> None:
    with pytest.raises(CellDataError, match="no column 'tissue'.*'cell_type', 'donor', 'plate'") as caught:
        cell_set().label("tissue")
    assert caught.value.code is CellErrorCode.MISSING_LABELS


def test_cells_are_a_source_by_content() -> None:
    cells = cell_set()
    assert cells.source.name == "cells:tiny"
    assert cells.source.sha256 == cells.sha256


IDS = ("ENSG00000167286", "", "ENSG00000090382", "ENSG00000115523")
HASH_BEFORE = "873a9fed44ba38364b5ef5033e4f27d2967020e01db79803e840884480e3a15c"


def test_ensembl_ids_travel_with_the_cells_and_are_hashed_only_where_given() -> None:
    plain, named = cell_set(), cell_set(ensembl=IDS)
    assert plain.ensembl is None and plain.sha256 != named.sha256
    assert named.take_cells(["c2"]).ensembl == IDS
    assert pickle.loads(pickle.dumps(named)).ensembl == IDS
    many = CellSet.from_counts(
        "many", np.full((50, 4), 2), plain.genes, [f"c{i}" for i in range(50)], species="human", origin="", ensembl=IDS
    )
    assert many.shuffled_within_gene(1).ensembl == IDS
    assert cell_set(ensembl=[*IDS[:3], ""]).sha256 != named.sha256


def test_the_hash_of_cells_without_what_came_later_stays_as_it_was() -> None:
    assert cell_set().sha256 == HASH_BEFORE


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (IDS[:3], "3 Ensembl ids for 4 genes"),
        ((*IDS[:3], "ENSG00000115523.14"), "without a version"),
        ((*IDS[:3], "GNLY"), "'GNLY'"),
        ((*IDS[:3], IDS[0]), "1 Ensembl ids occur more than once"),
    ],
)
def test_wrong_ensembl_ids_are_refused(ids: tuple[str, ...], words: str) -> None:
    with pytest.raises(CellDataError, match=words) as caught:
        cell_set(ensembl=ids)
    assert caught.value.code is CellErrorCode.BAD_GENE_IDS


def test_roles_are_columns_of_labels_and_a_perturbation_has_a_control() -> None:
    cells = cell_set(cell_type="cell_type", perturbation="plate", control="p1")
    assert cells.roles == {"cell_type": "cell_type", "perturbation": "plate"}
    assert cells.sha256 != cell_set().sha256
    assert cells.take_cells(["c2"]).control == "p1"
    for wrong in ({"cell_type": "tissue"}, {"perturbation": "plate"}, {"control": "p1"}):
        with pytest.raises(CellDataError) as caught:
            cell_set(**wrong)
        assert caught.value.code is CellErrorCode.MISSING_LABELS


@given(st.integers(1, 40))
def test_cells_are_taken_evenly_from_the_first_to_the_last(most: int) -> None:
    cells = planted_cells(24, 120, 2, seed=3).cells
    taken = cells.take_evenly(most)
    places = np.array([cells.cells.index(cell) for cell in taken.cells])
    assert len(places) == min(most, 24) and places[0] == 0
    if most > 1:
        assert places[-1] == 23 and np.ptp(np.diff(places)) <= 1
    np.testing.assert_array_equal(taken.counts.toarray(), cells.counts.toarray()[places])


def test_no_cell_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="0 cells at most; read one cell or more"):
        planted_cells(24, 120, 2, seed=3).cells.take_evenly(0)
