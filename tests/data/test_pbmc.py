from __future__ import annotations

import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, CellSet, load_cells, load_pbmc
from theodolite.data.pbmc import pbmc_path, recovered_counts


@pytest.fixture(scope="module")
def pbmc() -> CellSet:
    return load_pbmc()


def stored_raw() -> tuple[sparse.csr_array, np.ndarray]:
    """Read the file independently of the loader."""
    with h5py.File(pbmc_path()) as file:
        raw = sparse.csr_array(
            (file["raw.X/data"][:], file["raw.X/indices"][:], file["raw.X/indptr"][:]), shape=(700, 765)
        )
        return raw, file["obs"]["n_counts"].astype(np.float64)


def test_size_labels_and_units(pbmc: CellSet) -> None:
    assert pbmc.counts.shape == (700, 765)
    assert len(set(pbmc.label("cell_type"))) == 10
    assert pbmc.label("cell_type").count("Dendritic") == 240
    assert len(set(pbmc.label("louvain"))) == 11
    assert pbmc.unit_kind == "cell"
    assert {"CD79A", "NKG7", "HLA-DRA", "LYZ"} <= set(pbmc.genes)


def test_counts_are_whole_by_the_totals_that_the_file_keeps_apart(pbmc: CellSet) -> None:
    raw, total = stored_raw()
    # An oracle that does not use the smallest value of a cell: the total before genes were dropped.
    by_total = np.expm1(raw.toarray().astype(np.float64)) * total[:, None] / 1e4
    assert np.abs(by_total - np.rint(by_total)).max() < 0.1
    np.testing.assert_array_equal(pbmc.counts.toarray(), np.rint(by_total))


def test_values_come_back_to_the_third_decimal_that_the_file_stores(pbmc: CellSet) -> None:
    raw, _ = stored_raw()
    stored = raw.toarray().astype(np.float64)
    np.testing.assert_allclose(stored, np.round(stored, 3), atol=1e-6)
    assert np.abs(pbmc.log1p_cp10k() - stored).max() < 5.1e-4


def test_recovered_counts_have_the_smallest_count_one_in_every_cell(pbmc: CellSet) -> None:
    assert np.minimum.reduceat(pbmc.counts.data, pbmc.counts.indptr[:-1]).max() == 1
    assert pbmc.counts.sum(axis=1).min() > 300


def test_the_content_hash_is_the_one_that_ledgers_name(pbmc: CellSet) -> None:
    assert pbmc.sha256 == "f307f277f0e4857b234e5b4df0605b138cc9282c5ac5508636660ef4a7c64744"


def test_neither_scanpy_nor_anndata_is_imported() -> None:
    code = (
        "import sys; from theodolite.data import load_pbmc; load_pbmc();"
        "print([m for m in ('scanpy', 'anndata', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_same_cells_are_read_from_a_file_in_todays_layout(tmp_path: Path, pbmc: CellSet) -> None:
    import anndata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata.read_h5ad(pbmc_path()).write_h5ad(tmp_path / "rewritten.h5ad")
    assert load_pbmc(tmp_path / "rewritten.h5ad").sha256 == pbmc.sha256


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::anndata.OldFormatWarning")
@pytest.mark.parametrize(("layer", "kind"), [("X", "scaled values"), ("raw", "log-normalised values")])
def test_reading_either_matrix_of_the_file_as_counts_is_refused(layer: str, kind: str) -> None:
    with pytest.raises(CellDataError, match=f"these look like {kind}") as caught:
        load_cells(pbmc_path(), layer=layer, species="human")
    assert caught.value.code is CellErrorCode.NOT_INTEGER


def test_a_file_whose_totals_disagree_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "changed.h5ad"
    changed.write_bytes(pbmc_path().read_bytes())
    with h5py.File(changed, "r+") as file:
        obs = file["obs"][:]
        obs["n_counts"] *= 2
        file["obs"][:] = obs
    with pytest.raises(CellDataError, match="miss the stored values"):
        load_pbmc(changed)


def test_a_cell_without_a_label_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "changed.h5ad"
    changed.write_bytes(pbmc_path().read_bytes())
    with h5py.File(changed, "r+") as file:
        obs = file["obs"][:]
        obs["bulk_labels"][:3] = -1
        file["obs"][:] = obs
    with pytest.raises(CellDataError, match="3 cells have no label") as caught:
        load_pbmc(changed)
    assert caught.value.code is CellErrorCode.MISSING_LABELS


def test_without_scanpy_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CellDataError, match="scanpy is not installed") as caught:
        load_pbmc()
    assert caught.value.code is CellErrorCode.MISSING_FILE


@settings(max_examples=50)
@given(
    counts=st.lists(st.lists(st.integers(0, 40), min_size=5, max_size=5), min_size=1, max_size=6),
    scale=st.floats(0.5, 20.0),
)
def test_planted_counts_are_recovered_whatever_the_scale(counts: list[list[int]], scale: float) -> None:
    planted = np.array([[1, *row] for row in counts])
    raw = sparse.csr_array(np.log1p(planted * scale))
    np.testing.assert_array_equal(recovered_counts(raw).toarray(), planted)


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        (np.array([[0.5, 1.2, 0.9], [0.3, 0.7, 1.9]]), CellErrorCode.NOT_INTEGER),
        (np.array([[-0.5, 1.2], [0.3, 0.7]]), CellErrorCode.NEGATIVE),
        (np.array([[np.nan, 1.2], [0.3, 0.7]]), CellErrorCode.NOT_FINITE),
        (np.array([[0.0, 0.0], [0.3, 0.7]]), CellErrorCode.EMPTY_CELLS),
    ],
)
def test_values_that_are_no_log_counts_are_refused(matrix: np.ndarray, code: CellErrorCode) -> None:
    with pytest.raises(CellDataError) as caught:
        recovered_counts(sparse.csr_array(matrix))
    assert caught.value.code is code
