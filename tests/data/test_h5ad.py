from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, load_cells

COUNTS = np.array([[1, 0, 3], [0, 2, 1], [4, 0, 7]])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    data = anndata.AnnData(
        X=np.log1p(COUNTS / 3).astype(np.float32),
        obs=pd.DataFrame(
            {"cell_type": ["T", "B", None], "donor": ["d1", "d2", "d2"], "plate": ["1", "1", "2"]},
            index=["c1", "c2", "c3"],
        ),
        var=pd.DataFrame({"symbol": ["CD3D", "MS4A1", "LYZ"]}, index=["ENSG1", "ENSG2", "ENSG3"]),
    )
    data.layers["counts"] = sparse.csr_matrix(COUNTS)
    data.raw = anndata.AnnData(X=COUNTS.astype(np.float32), var=data.var)
    file = tmp_path / "small.h5ad"
    data.write_h5ad(file)
    return file


@pytest.mark.parametrize("layer", ["counts", "raw"])
def test_counts_come_from_the_named_layer(path: Path, layer: str) -> None:
    cells = load_cells(path, layer=layer, labels=["plate"], donor="donor", species="human")
    assert (cells.counts.toarray() == COUNTS).all()
    assert cells.genes == ("ENSG1", "ENSG2", "ENSG3")
    assert (cells.name, cells.origin, cells.unit_kind) == ("small", "small.h5ad", "donor")
    assert dict(cells.labels) == {"plate": ("1", "1", "2"), "donor": ("d1", "d2", "d2")}


def test_genes_can_be_named_by_a_column(path: Path) -> None:
    cells = load_cells(path, layer="counts", gene_column="symbol", species="human")
    assert cells.genes == ("CD3D", "MS4A1", "LYZ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"layer": "X"}, CellErrorCode.NOT_INTEGER, "log-normalised"),
        ({"layer": "spliced"}, CellErrorCode.MISSING_LAYER, "'X', 'raw', 'counts'"),
        ({"layer": "raw", "labels": ["tissue"]}, CellErrorCode.MISSING_LABELS, "'cell_type', 'donor', 'plate'"),
        ({"layer": "raw", "labels": ["cell_type"]}, CellErrorCode.MISSING_LABELS, "missing for 1 of 3 cells"),
        ({"layer": "raw", "gene_column": "name"}, CellErrorCode.MISSING_LABELS, "no column 'name'"),
    ],
)
def test_what_a_file_lacks_is_named(path: Path, arguments: dict[str, Any], code: CellErrorCode, words: str) -> None:
    with pytest.raises(CellDataError, match=words) as caught:
        load_cells(path, species="human", **arguments)
    assert caught.value.code is code


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CellDataError, match="absent.h5ad") as caught:
        load_cells(tmp_path / "absent.h5ad", layer="X", species="human")
    assert caught.value.code is CellErrorCode.MISSING_FILE


def test_real_mouse_counts_are_read(shared_data: Path) -> None:
    file = shared_data / "cells" / "paul15_mouse_hematopoiesis.h5ad"
    stored = anndata.read_h5ad(file)
    cells = load_cells(file, layer="X", species="mouse")
    assert cells.counts.shape == (2660, 240)
    assert cells.counts.sum() == stored.X.sum()


def test_a_file_that_is_no_whole_h5ad_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(CellDataError, match="is no whole .h5ad file") as found:
        load_cells(path, layer="X", species="human")
    assert found.value.code is CellErrorCode.UNREADABLE
