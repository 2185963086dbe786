"""Thousands of damaged files: each is cells or a named error, never another exception, never the end of the process.

The HDF5 library does crash and hang on some of these files. That takes down the process that reads a file first
(``hdf5_probe.py``), which here serves many files so that each costs milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cell_files import COUNTS, damaged, write_h5ad, write_tenx_h5, write_tenx_mtx
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, CellSet, read_cells
from theodolite.data import hdf5 as guarded
from theodolite.data.counts import ValueKind, kind_of_values, whole_counts
from theodolite.data.hdf5 import Probe

FEW, MANY = 60, 600


def _h5ad(folder: Path) -> Path:
    return write_h5ad(folder / "a.h5ad", layers={"counts": COUNTS}, raw=COUNTS)


def _plain_h5ad(folder: Path) -> Path:
    import anndata

    path = _h5ad(folder)
    anndata.read_h5ad(path).write_h5ad(path)
    return path


# What is made, the file in it that is damaged, and what is read.
Made = Callable[[Path], tuple[Path, Path]]
FORMS: dict[str, Made] = {
    "h5ad": lambda folder: (_h5ad(folder),) * 2,
    "h5ad, not packed": lambda folder: (_plain_h5ad(folder),) * 2,
    "10x h5 of version 3": lambda folder: (write_tenx_h5(folder / "a.h5"),) * 2,
    "10x h5 of version 2": lambda folder: (write_tenx_h5(folder / "a.h5", version=2),) * 2,
    "mtx": lambda folder: (write_tenx_mtx(folder / "a", packed=False) / "matrix.mtx", folder / "a"),
    "mtx.gz": lambda folder: (write_tenx_mtx(folder / "a") / "matrix.mtx.gz", folder / "a"),
    "features": lambda folder: (write_tenx_mtx(folder / "a", packed=False) / "features.tsv", folder / "a"),
    "barcodes.gz": lambda folder: (write_tenx_mtx(folder / "a") / "barcodes.tsv.gz", folder / "a"),
}


def _damage(make: Made, folder: Path, seeds: range) -> Counter[str]:
    file, path = make(folder)
    whole = file.read_bytes()
    found: Counter[str] = Counter()
    with Probe() as probe:
        for seed in seeds:
            file.write_bytes(damaged(whole, seed))
            try:
                read = read_cells(path, layer="auto", species="human", probe=probe)
            except CellDataError as error:
                found[error.code.value] += 1
            else:
                assert isinstance(read.cells, CellSet) and read.cells.counts.data.min() > 0
                found["cells"] += 1
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on which the library hangs need not be waited for as long as a large one on a slow disk."""
    monkeypatch.setattr(guarded, "_LEAST_SECONDS", 3.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_file_is_cells_or_a_named_error(tmp_path: Path, form: str) -> None:
    found = _damage(FORMS[form], tmp_path, range(FEW))
    assert sum(found.values()) == FEW
    assert found["unreadable"] > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("form", FORMS)
def test_thousands_of_damaged_files(tmp_path: Path, form: str) -> None:
    found = _damage(FORMS[form], tmp_path, range(FEW, FEW + MANY))
    assert sum(found.values()) == MANY


def test_what_kills_or_hangs_the_first_reader_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tenx_h5(tmp_path / "a.h5")
    for script, words in (("import os; input(); os.abort()", "crashes on it"), ("input(); input()", "takes more than")):
        stand_in = tmp_path / "probe.py"
        stand_in.write_text(script)
        with monkeypatch.context() as changed:
            changed.setattr(guarded, "_PROBE", stand_in)
            changed.setattr(guarded, "_LEAST_SECONDS", 0.5)
            with pytest.raises(CellDataError, match=words) as caught:
                read_cells(path, species="human")
        assert caught.value.code is CellErrorCode.UNREADABLE
    assert read_cells(path, species="human").cells.counts.sum() == COUNTS.sum()


def test_a_data_set_that_claims_more_than_the_file_holds_is_not_read(tmp_path: Path) -> None:
    """Reading it would fill terabytes with zeros."""
    path = write_tenx_h5(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["matrix/data"]
        file["matrix"].create_dataset("data", shape=(10**13,), chunks=(10**6,), dtype="i4")
    with pytest.raises(CellDataError, match="more than the file can hold"):
        read_cells(path, species="human")


SMALL = st.integers(0, 3)
TYPES = st.sampled_from([np.float32, np.float64, np.int8, np.int64, np.uint64, np.bool_])
MATRICES = st.builds(lambda whole, kind: whole.astype(kind), arrays.arrays(np.int64, (3, 4), elements=SMALL), TYPES)
ODD = st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.5, 1e300, 3e9, -0.0, 5e-324])


@settings(max_examples=200)
@given(matrix=MATRICES, odd=ODD, place=st.tuples(st.integers(0, 2), st.integers(0, 3)), change=st.booleans())
def test_any_matrix_is_counts_or_a_named_error(matrix: Any, odd: float, place: tuple[int, int], change: bool) -> None:
    values = matrix.astype(np.float64) if change else matrix
    if change:
        values[place] = odd
    kind = kind_of_values(values)
    for given_as in (values, sparse.csr_array(values), sparse.csc_array(values)):
        try:
            counts = whole_counts(given_as)
        except CellDataError as error:
            assert kind is not ValueKind.COUNTS or error.code is CellErrorCode.TOO_LARGE
        else:
            assert kind in (ValueKind.COUNTS, ValueKind.EMPTY)
            assert counts.dtype == np.int32 and (counts.toarray() == np.rint(values)).all()


@pytest.mark.parametrize(
    "values", [np.array([["a", "b"]]), np.array([[1 + 2j]]), np.array([[None]], dtype=object), np.array([["1"]])]
)
def test_what_is_no_number_is_named(values: Any) -> None:
    assert kind_of_values(values) is ValueKind.NOT_NUMBERS
    with pytest.raises(CellDataError) as caught:
        whole_counts(values)
    assert caught.value.code is CellErrorCode.NOT_NUMBERS


def test_entries_of_one_place_are_summed_beyond_32_bits_by_refusal() -> None:
    twice = sparse.csr_array((np.array([2**30, 2**30]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    with pytest.raises(CellDataError, match="too_large"):
        whole_counts(twice)
    few = sparse.csr_array((np.array([2.0, 3.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    assert whole_counts(few).toarray().tolist() == [[5, 0]]
