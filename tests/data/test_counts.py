from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, CellSet, validate_counts

GENES = ("CD3D", "MS4A1", "LYZ")
CELLS = ("AAAC-1", "AAAG-1")
COUNTS = np.array([[1, 0, 3], [0, 2, 1]])


def code_of(matrix: Any, genes: tuple[str, ...] = GENES, cells: tuple[str, ...] = CELLS) -> CellErrorCode:
    with pytest.raises(CellDataError) as caught:
        validate_counts(matrix, genes, cells)
    assert str(caught.value).startswith(caught.value.code.value)
    return caught.value.code


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8])
def test_whole_numbers_of_any_storage_become_canonical_int32(wrap: Any, dtype: Any) -> None:
    counts = validate_counts(wrap(COUNTS.astype(dtype)), GENES, CELLS)
    assert counts.dtype == np.int32
    assert counts.has_canonical_format
    assert (counts.toarray() == COUNTS).all()


def test_stored_zeros_are_dropped() -> None:
    stored = sparse.csr_array((np.array([1, 0, 2]), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 3))
    assert validate_counts(stored, GENES, CELLS).nnz == 2


def test_what_is_wrong_has_a_name() -> None:
    assert code_of(np.where(COUNTS == 3, np.nan, COUNTS)) is CellErrorCode.NOT_FINITE
    assert code_of(np.where(COUNTS == 3, np.inf, COUNTS)) is CellErrorCode.NOT_FINITE
    assert code_of(np.where(COUNTS == 3, -3, COUNTS)) is CellErrorCode.NEGATIVE
    assert code_of(COUNTS, genes=("CD3D", "LYZ", "LYZ")) is CellErrorCode.DUPLICATE_GENES
    assert code_of(COUNTS, cells=("AAAC-1", "AAAC-1")) is CellErrorCode.DUPLICATE_CELLS
    assert code_of(COUNTS.T) is CellErrorCode.WRONG_SHAPE
    assert code_of(COUNTS * [[1], [0]]) is CellErrorCode.EMPTY_CELLS
    assert code_of(np.zeros((0, 3)), cells=()) is CellErrorCode.EMPTY
    assert code_of(COUNTS * 2.0**31) is CellErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    ("matrix", "kind"),
    [
        ((COUNTS - COUNTS.mean(0)) / COUNTS.std(0, ddof=1), "scaled values (z-scores)"),
        (np.log1p(COUNTS * 1e4 / COUNTS.sum(1, keepdims=True)), "log-normalised values"),
        (COUNTS * 1e4 / np.array([[7.0], [11.0]]), "normalised values (per cell total)"),
    ],
)
def test_values_that_are_no_counts_are_recognised_and_a_remedy_is_given(matrix: Any, kind: str) -> None:
    assert code_of(matrix) is CellErrorCode.NOT_INTEGER
    with pytest.raises(CellDataError, match="name the layer that holds counts") as caught:
        validate_counts(matrix, GENES, CELLS)
    assert f"these look like {kind};" in str(caught.value)


def test_repeated_genes_are_named() -> None:
    with pytest.raises(CellDataError, match="1 gene names occur more than once .'LYZ'."):
        validate_counts(COUNTS, ("LYZ", "CD3D", "LYZ"), CELLS)


@pytest.mark.parametrize(
    ("labels", "donor"),
    [
        ({"cell_type": ("T", "")}, None),
        ({"cell_type": ("T",)}, None),
        ({"cell_type": ("T", "B")}, "donor"),
    ],
)
def test_labels_that_are_blank_short_or_absent_are_refused(labels: dict[str, tuple[str, ...]], donor: str) -> None:
    with pytest.raises(CellDataError) as caught:
        CellSet.from_counts("x", COUNTS, GENES, CELLS, labels=labels, species="human", origin="test", donor=donor)
    assert caught.value.code is CellErrorCode.MISSING_LABELS
