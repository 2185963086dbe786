"""Cells by the words of a campaign file, of every form, and the same in a worker as in the campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cell_files import COUNTS, write_h5ad, write_tenx_h5, write_tenx_mtx

from theodolite.data import CellDataError, CellErrorCode, load_pbmc
from theodolite.experiments import Materials
from theodolite.experiments.campaign import CellsSpec
from theodolite.experiments.inputs import load_cells


@pytest.mark.parametrize("form", ["h5ad", "h5", "folder"])
def test_a_worker_reads_the_same_cells(tmp_path: Path, form: str) -> None:
    write = {"h5ad": write_h5ad, "h5": write_tenx_h5, "folder": write_tenx_mtx}[form]
    path = write(tmp_path / ("a" if form == "folder" else f"a.{form}"))
    spec = CellsSpec(source=str(path), layer="auto", aliases="packaged")
    places = dict.fromkeys(("model", "split_file", "artefacts", "results", "cache"), "")
    sent = Materials(cells=spec, threads=1, **places).model_dump_json()
    again = Materials.model_validate_json(sent).cells
    assert load_cells(again).sha256 == load_cells(spec).sha256
    assert (load_cells(again).counts.toarray() == COUNTS).all()


def test_the_packaged_cells_take_roles_and_keep_their_identity() -> None:
    assert load_cells(CellsSpec()).sha256 == load_pbmc().sha256
    for same in ({"layer": "X"}, {"layer": "auto"}, {"labels": ("cell_type",)}):
        assert load_cells(CellsSpec(**same)).sha256 == load_pbmc().sha256
    cells = load_cells(CellsSpec(cell_type="cell_type"))
    assert cells.roles == {"cell_type": "cell_type"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"species": "mouse"}, CellErrorCode.WRONG_SPECIES),
        ({"aliases": "packaged"}, CellErrorCode.BAD_GENE_NAMES),
        ({"ensembl_column": "id"}, CellErrorCode.BAD_GENE_NAMES),
        ({"layer": "counts"}, CellErrorCode.MISSING_LAYER),
        ({"gene_column": "symbol"}, CellErrorCode.BAD_GENE_NAMES),
        ({"donor": "patient"}, CellErrorCode.MISSING_LABELS),
        ({"batch": "louvain"}, CellErrorCode.MISSING_LABELS),
        ({"labels": ("cell_type", "plate")}, CellErrorCode.MISSING_LABELS),
        ({"cell_type": "tissue"}, CellErrorCode.MISSING_LABELS),
    ],
)
def test_the_packaged_cells_refuse_what_they_are_not(words: dict[str, Any], code: CellErrorCode) -> None:
    with pytest.raises(CellDataError) as caught:
        load_cells(CellsSpec(**words))
    assert caught.value.code is code
