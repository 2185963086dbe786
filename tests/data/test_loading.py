"""The same cells come out of every form, and what is wrong with a file is told with the remedy."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from cell_files import BARCODES, COUNTS, GENES, IDS, write_h5ad, write_tenx_h5, write_tenx_mtx
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, CellSet, load_cells, read_cells
from theodolite.data.hdf5 import checked_sparse

KEPT = "9a3156e3dd586cbb215c672404b9123af7754b80844581285075c3ec33ee5b20"
"""Hash of the mouse cells as read before anything but .h5ad files was read."""

LOG = np.log1p(COUNTS / COUNTS.sum(1, keepdims=True) * 1e4)
SCALED = (LOG - LOG.mean(0)) / LOG.std(0)

FORMS: dict[str, Callable[[Path], Path]] = {
    "h5ad": lambda folder: write_h5ad(folder / "a.h5ad"),
    "10x h5 of version 3": lambda folder: write_tenx_h5(folder / "a.h5"),
    "10x h5 of version 2": lambda folder: write_tenx_h5(folder / "a.h5", version=2),
    "10x folder of version 3": lambda folder: write_tenx_mtx(folder / "a"),
    "10x folder of version 2": lambda folder: write_tenx_mtx(folder / "a", old=True, packed=False),
    "10x folder with a prefix": lambda folder: write_tenx_mtx(folder / "a", prefix="GSM1_"),
    "matrix.mtx itself": lambda folder: write_tenx_mtx(folder / "a", packed=False) / "matrix.mtx",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_cells(tmp_path: Path, form: str) -> None:
    cells = load_cells(FORMS[form](tmp_path), species="human")
    assert (cells.name, cells.genes, cells.cells, cells.ensembl) == ("a", GENES, BARCODES, IDS)
    assert (cells.counts.toarray() == COUNTS).all()
    whole = load_cells(write_h5ad(tmp_path / "whole.h5ad"), species="human")
    assert cells.sha256 == whole.sha256


@pytest.mark.parametrize("version", [2, 3])
def test_ten_x_files_are_read_as_scanpy_reads_them(tmp_path: Path, version: int) -> None:
    import scanpy

    path = write_tenx_h5(tmp_path / "a.h5", version=version)
    theirs = scanpy.read_10x_h5(path)
    ours = load_cells(path, species="human")
    assert (theirs.X.toarray() == ours.counts.toarray()).all()
    assert tuple(theirs.var_names) == ours.genes and tuple(theirs.var["gene_ids"]) == ours.ensembl
    folder = scanpy.read_10x_mtx(write_tenx_mtx(tmp_path / "b"))
    assert (folder.X.toarray() == load_cells(tmp_path / "b", species="human").counts.toarray()).all()


TYPES = ["Gene Expression"] * 4 + ["Antibody Capture", "CRISPR Guide Capture"]


@pytest.mark.parametrize("form", ["h5", "folder", "h5ad"])
def test_features_that_are_no_genes_are_left_out_and_counted(tmp_path: Path, form: str) -> None:
    if form == "h5":
        path = write_tenx_h5(tmp_path / "a.h5", types=TYPES)
    elif form == "folder":
        path = write_tenx_mtx(tmp_path / "a", types=TYPES)
    else:
        var = pd.DataFrame({"gene_ids": IDS, "feature_types": TYPES}, index=list(GENES))
        path = write_h5ad(tmp_path / "a.h5ad", var=var)
    read = read_cells(path, species="human")
    assert read.cells.genes == GENES[:4]
    assert "1 of type 'Antibody Capture', 1 of type 'CRISPR Guide Capture'" in read.notes[0]


def test_the_library_of_an_aggregated_barcode_can_be_the_batch(tmp_path: Path) -> None:
    cells = load_cells(write_tenx_h5(tmp_path / "a.h5"), species="human", batch="gem_group")
    assert cells.units == ("1", "1", "2", "2")


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        ({"x": COUNTS, "layers": {"counts": COUNTS}}, "X"),
        ({"x": LOG, "raw": COUNTS}, "raw"),
        ({"x": SCALED, "raw": LOG, "layers": {"umi": COUNTS, "spliced": COUNTS}}, "umi"),
        ({"x": LOG, "layers": {"mine": COUNTS}}, "mine"),
        ({"x": None, "layers": {"mine": COUNTS}}, "mine"),
    ],
)
def test_the_matrix_that_holds_counts_is_found(tmp_path: Path, content: dict[str, Any], taken: str) -> None:
    read = read_cells(write_h5ad(tmp_path / "a.h5ad", **content), layer="auto", species="human")
    assert read.layer == taken and f"'{taken}' holds counts" in read.why
    assert (read.cells.counts.toarray() == COUNTS).all()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ({"x": LOG}, CellErrorCode.MISSING_LAYER, "'X' holds log-normalised values"),
        (
            {"x": LOG, "layers": {"spliced": COUNTS, "unspliced": COUNTS}},
            CellErrorCode.AMBIGUOUS_LAYER,
            "'spliced', 'unspliced' all hold counts; name one",
        ),
    ],
)
def test_a_matrix_is_not_guessed(tmp_path: Path, content: dict[str, Any], code: CellErrorCode, words: str) -> None:
    with pytest.raises(CellDataError, match=words) as caught:
        load_cells(write_h5ad(tmp_path / "a.h5ad", **content), layer="auto", species="human")
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("x", "code"),
    [
        (LOG, CellErrorCode.NOT_INTEGER),
        (SCALED, CellErrorCode.NOT_INTEGER),
        (-COUNTS, CellErrorCode.NEGATIVE),
        (np.where(COUNTS == 7, np.nan, COUNTS), CellErrorCode.NOT_FINITE),
        (COUNTS * 0, CellErrorCode.EMPTY_CELLS),
    ],
)
def test_a_wrong_guess_is_told_with_the_matrix_that_is_right(tmp_path: Path, x: Any, code: CellErrorCode) -> None:
    path = write_h5ad(tmp_path / "a.h5ad", x=x, layers={"umi": COUNTS})
    with pytest.raises(CellDataError, match="'umi' holds counts: give layer 'umi'") as caught:
        load_cells(path, layer="X", species="human")
    assert caught.value.code is code
    with pytest.raises(CellDataError, match="no other matrix holds counts"):
        load_cells(write_h5ad(tmp_path / "b.h5ad", x=x), layer="X", species="human")


def _transposed(folder: Path) -> Path:
    many = [f"ENSG{number:011d}" for number in range(1, 31)]
    data = anndata.AnnData(
        X=np.ones((30, 4), dtype=np.float32), obs=pd.DataFrame(index=many), var=pd.DataFrame(index=list(BARCODES))
    )
    data.write_h5ad(folder / "a.h5ad")
    return folder / "a.h5ad"


def _without(folder: Path, name: str) -> Path:
    (write_tenx_mtx(folder / "a") / name).unlink()
    return folder / "a"


def _of_two_runs(folder: Path) -> Path:
    write_tenx_mtx(folder / "a", packed=False)
    (folder / "a" / "barcodes.tsv").write_text("AAAC-1\n")
    return folder / "a"


def _cut(folder: Path) -> Path:
    file = write_tenx_mtx(folder / "a") / "matrix.mtx.gz"
    file.write_bytes(file.read_bytes()[:-20])
    return folder / "a"


def _boastful(folder: Path) -> Path:
    file = write_tenx_mtx(folder / "a", packed=False) / "matrix.mtx"
    lines = file.read_text().splitlines()
    sizes = next(place for place, line in enumerate(lines) if not line.startswith("%"))
    lines[sizes] = "6 4 999999999999"
    file.write_text("\n".join(lines))
    return folder / "a"


def _twice(folder: Path) -> Path:
    write_tenx_mtx(folder / "a", prefix="one_")
    return write_tenx_mtx(folder / "a", prefix="two_")


def _written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda folder: folder / "absent.h5", CellErrorCode.MISSING_FILE, "absent.h5"),
        (lambda folder: _written(folder, "a.loom", b""), CellErrorCode.UNREADABLE, "none of the forms"),
        (lambda folder: _written(folder, "a.h5", b"text"), CellErrorCode.UNREADABLE, "no whole .h5 file"),
        (_transposed, CellErrorCode.TRANSPOSED, "cells are rows here"),
        (
            lambda folder: write_tenx_mtx(folder / "a", matrix=COUNTS),
            CellErrorCode.TRANSPOSED,
            "those of 10x have features",
        ),
        (
            lambda folder: write_tenx_mtx(folder / "a", matrix=LOG.T),
            CellErrorCode.NOT_INTEGER,
            "log-normalised",
        ),
        (lambda folder: _without(folder, "barcodes.tsv.gz"), CellErrorCode.MISSING_FILE, "put the file beside it"),
        (lambda folder: _without(folder, "features.tsv.gz"), CellErrorCode.MISSING_FILE, "genes.tsv"),
        (_of_two_runs, CellErrorCode.WRONG_SHAPE, "the three files of one run"),
        (_cut, CellErrorCode.UNREADABLE, "fetch or write it again"),
        (_boastful, CellErrorCode.UNREADABLE, "more than it can hold"),
        (_twice, CellErrorCode.MISSING_FILE, "name the one wanted"),
        (
            lambda folder: write_tenx_h5(folder / "a.h5", version=2, genomes=("hg19", "mm10")),
            CellErrorCode.WRONG_SPECIES,
            "several genomes",
        ),
        (
            lambda folder: write_tenx_h5(folder / "a.h5", types=["Antibody Capture"] * 6),
            CellErrorCode.EMPTY,
            "give the expression matrix",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    tmp_path: Path, make: Callable[[Path], Path], code: CellErrorCode, words: str
) -> None:
    with pytest.raises(CellDataError, match=words) as caught:
        load_cells(make(tmp_path), species="human")
    assert caught.value.code is code


def test_roles_are_kept_and_a_control_must_be_there(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path / "a.h5ad")
    cells = load_cells(path, species="human", cell_type="kind", donor="donor", perturbation="guide", control="none")
    assert cells.roles == {"donor": "donor", "cell_type": "kind", "perturbation": "guide"}
    with pytest.raises(CellDataError, match="no cell has 'non-targeting' in 'guide'.*'LYZ', 'LYZ.GNLY', 'none'"):
        load_cells(path, species="human", perturbation="guide", control="non-targeting")
    with pytest.raises(CellDataError, match="or neither"):
        load_cells(path, species="human", perturbation="guide")


def test_only_the_matrix_that_is_wanted_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that is not read may be of any size: here one that cannot be read at all."""
    path = write_h5ad(tmp_path / "a.h5ad", layers={"huge": COUNTS})
    with h5py.File(path, "r+") as file:
        del file["layers/huge"]
        file.create_dataset("layers/huge", shape=COUNTS.shape, dtype="S3")
    assert load_cells(path, species="human").genes == GENES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"indices": np.array([0, 9])}, "out of range"),
        ({"indices": np.array([0, -1])}, "out of range"),
        ({"indptr": np.array([0, 2, 1])}, "do not run"),
        ({"indptr": np.array([0, 2])}, "2 pointers"),
        ({"data": np.array(["a", "b"])}, "values of type"),
        ({"indices": np.array([0.0, 1.0])}, "whole numbers"),
    ],
)
def test_parts_that_are_no_sparse_matrix_are_refused_before_scipy_trusts_them(
    changes: dict[str, Any], words: str
) -> None:
    parts = {"data": np.array([1, 2]), "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2])} | changes
    with pytest.raises(CellDataError, match=words):
        checked_sparse(**parts, shape=(2, 3))


def test_dense_and_column_wise_matrices_are_read_alike(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path / "a.h5ad", layers={"dense": COUNTS})
    data = anndata.read_h5ad(path)
    data.layers["by_column"] = sparse.csc_matrix(COUNTS)
    data.write_h5ad(path)
    for layer in ("dense", "by_column"):
        assert (load_cells(path, layer=layer, species="human").counts.toarray() == COUNTS).all()


def test_real_cell_lines_are_read_by_symbols_with_their_ids(shared_data: Path) -> None:
    path = shared_data / "cells" / "mixology_cell_lines.h5ad"
    read = read_cells(path, gene_column="symbol", batch="batch", cell_type="cell_line", species="human")
    cells, report = read.cells, read.genes
    assert cells.counts.shape == (1183, 22_379) and cells.ensembl is not None
    assert all(name.startswith("ENSG") for name in cells.ensembl)
    assert dict(zip(cells.genes, cells.ensembl, strict=True))["GAPDH"] == "ENSG00000111640"
    assert {gene: len(columns) for gene, columns in report.summed}["Y_RNA"] == 82
    assert len(report.dropped) == 51 and all(name.startswith("ERCC-") for name, _ in report.dropped)
    stored = anndata.read_h5ad(path)
    spikes = stored.var_names.str.startswith("ERCC-")
    assert cells.counts.sum() == stored.X[:, ~spikes].sum(dtype=np.float64)
    index = load_cells(path, gene_column="index", species="human")
    assert index.counts.shape == (1183, 22_530)


def test_a_real_folder_can_be_packed_and_unpacked(tmp_path: Path) -> None:
    folder = write_tenx_mtx(tmp_path / "a")
    packed = load_cells(folder, species="human").sha256
    for file in list(folder.iterdir()):
        with gzip.open(file) as source, file.with_suffix("").open("wb") as target:
            shutil.copyfileobj(source, target)
        file.unlink()
    assert load_cells(folder, species="human").sha256 == packed


def test_files_that_name_genes_by_symbols_only_keep_the_identity_that_they_had(shared_data: Path) -> None:
    path = shared_data / "cells" / "paul15_mouse_hematopoiesis.h5ad"
    stored = anndata.read_h5ad(path)
    plain = CellSet.from_counts(
        "paul15",
        stored.X,
        tuple(stored.var_names),
        tuple(stored.obs_names),
        labels={"cell_type": tuple(map(str, stored.obs["cell_type"]))},
        species="mouse",
        origin="",
    )
    assert load_cells(path, species="mouse", labels=["cell_type"]).sha256 == plain.sha256 == KEPT
