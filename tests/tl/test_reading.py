"""An AnnData in memory is read as its file would be, and what is wrong with it is told likewise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from cell_files import BARCODES, COUNTS, GENES, IDS
from scipy import sparse

from theodolite import tl
from theodolite.data import CellDataError, CellErrorCode, load_cells
from theodolite.tl import MeasureError, read_anndata

LOG = np.log1p(COUNTS / COUNTS.sum(1, keepdims=True) * 1e4).astype(np.float32)


@pytest.fixture
def data() -> anndata.AnnData:
    """Return log values in ``X``, counts in ``raw`` and in a layer; ``raw`` has its genes in another order."""
    obs = pd.DataFrame({"donor": ["d1", "d2"] * (len(BARCODES) // 2) + ["d1"] * (len(BARCODES) % 2)}, index=BARCODES)
    found = anndata.AnnData(X=LOG, obs=obs, var=pd.DataFrame({"gene_ids": IDS}, index=GENES))
    found.layers["umi"] = sparse.csc_matrix(COUNTS)
    turned = pd.DataFrame({"gene_ids": IDS[::-1]}, index=GENES[::-1])
    found.raw = anndata.AnnData(X=COUNTS[:, ::-1].astype(np.float32), obs=obs, var=turned)
    return found


def test_cells_in_memory_are_those_of_the_file(data: anndata.AnnData, tmp_path: Path) -> None:
    data.write_h5ad(tmp_path / "a.h5ad")
    options: dict[str, Any] = {"donor": "donor", "species": "human"}
    filed = load_cells(tmp_path / "a.h5ad", layer="umi", **options)
    read = read_anndata(data, counts="umi", cells=options)
    assert read.cells.sha256 == filed.sha256
    assert read.cells.unit_kind == "donor" and read.cells.ensembl == tuple(IDS)


def test_a_view_is_read_as_its_copy(data: anndata.AnnData) -> None:
    view = data[:, 1:]
    assert view.is_view
    assert read_anndata(view, counts="umi").cells.sha256 == read_anndata(view.copy(), counts="umi").cells.sha256
    assert view.is_view


def test_rows_of_var_are_found_in_raw_by_name(data: anndata.AnnData) -> None:
    read = read_anndata(data, counts="raw")
    assert read.cells.genes == tuple(GENES[::-1])
    assert [read.rows.genes[place] for place in read.rows.gene_of] == list(GENES)


def test_log_values_are_refused_with_the_matrix_that_holds_counts(data: anndata.AnnData) -> None:
    with pytest.raises(CellDataError, match="log-normalised values.*give counts='raw'") as caught:
        read_anndata(data)
    assert caught.value.code is CellErrorCode.NOT_INTEGER
    assert read_anndata(data, counts="auto").cells.counts.sum() == COUNTS.sum()


def test_columns_of_one_gene_are_one_and_both_rows_know_it(data: anndata.AnnData) -> None:
    data.var_names = ["TWICE", "TWICE", *GENES[2:]]
    data.var["gene_ids"] = ""
    read = read_anndata(data, counts="umi")
    assert list(read.rows.gene_of[:3]) == [0, 0, 1]
    assert read.cells.counts.toarray()[:, 0].tolist() == COUNTS[:, :2].sum(axis=1).tolist()


def test_features_that_are_no_expression_are_no_genes(data: anndata.AnnData) -> None:
    data.var["feature_types"] = ["Antibody Capture", *["Gene Expression"] * (len(GENES) - 1)]
    read = read_anndata(data, counts="umi")
    assert list(read.rows.gene_of) == [-1, *range(len(GENES) - 1)]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ("a path.h5ad", {}, "adata is of type str; give an anndata.AnnData"),
        (None, {"counts": "no"}, "no matrix 'no'; there is 'X', 'raw', 'umi'"),
        (None, {"cells": {"layer": "umi"}}, "cells has the key 'layer'; there are name, species"),
        (None, {"counts": "umi", "cells": {"donor": "patient"}}, "no column 'patient' among the cells' labels"),
        (None, {"counts": "umi", "cells": {"perturbation": "donor"}}, "perturbation is 'donor' and control is None"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(data: anndata.AnnData, given: Any, options: Any, said: str) -> None:
    with pytest.raises((MeasureError, CellDataError), match=said):
        read_anndata(data if given is None else given, **options)


def test_a_backed_object_is_to_be_read_into_memory(data: anndata.AnnData, tmp_path: Path) -> None:
    data.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(MeasureError, match=r"adata is backed by .*; give adata.to_memory\(\)"):
        read_anndata(anndata.read_h5ad(tmp_path / "a.h5ad", backed="r"), counts="umi")


def test_cells_become_an_anndata_and_come_back(small_world: Any) -> None:
    cells = small_world.planted.cells
    data = tl.as_anndata(cells)
    assert data.shape == cells.counts.shape and list(data.obs.columns) == ["cell_type"]
    back = read_anndata(data, cells={"species": "planted", "labels": ["cell_type"]}).cells
    assert back.sha256 == cells.sha256
