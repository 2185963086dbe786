"""AnnData files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.hdf5 import checked_sparse, opened, read_dense, sampled, unreadable
from theodolite.data.stored import StoredCells, StoredMatrix

__all__ = ["anndata_in_memory", "open_h5ad"]

_BY_COLUMN = {"csr_matrix": False, "csc_matrix": True}


def open_h5ad(path: Path) -> StoredCells:
    """Read the tables of an ``.h5ad`` file; its matrices are read when they are asked for.

    Files in the layout of anndata before 0.7 are read whole.

    Raises
    ------
    CellDataError
        ``unreadable`` or ``wrong_shape``.
    """
    from anndata.io import read_elem

    with opened(path) as file:
        if file.attrs.get("encoding-type") != "anndata":
            return _open_old(path)
        obs, var = _table(path, read_elem, file, "obs"), _table(path, read_elem, file, "var")
        raw_var = _table(path, read_elem, file, "raw/var") if "raw/X" in file else var
        places = {"X": "X", "raw": "raw/X"} | {name: f"layers/{name}" for name in file.get("layers", ())}
        matrices = {
            name: _matrix(path, file[place], place, len(obs), raw_var if name == "raw" else var)
            for name, place in places.items()
            if place in file and file[place].attrs.get("encoding-type") != "null"
        }
    return StoredCells(path, ".h5ad", obs, matrices)


def _table(path: Path, read_elem: Any, file: Any, place: str) -> Any:
    import pandas as pd

    table = read_elem(file[place])
    if not isinstance(table, pd.DataFrame):
        raise unreadable(path, f"{place!r} is no table")
    table.columns = [str(column) for column in table.columns]
    if not table.columns.is_unique:
        raise unreadable(path, f"{place!r} has two columns of one name")
    return table


def _matrix(path: Path, item: Any, place: str, n_cells: int, var: Any) -> StoredMatrix:
    dense = not hasattr(item, "keys")
    shape = tuple(int(size) for size in (item.shape if dense else item.attrs["shape"]))
    if shape != (n_cells, len(var)):
        raise CellDataError(
            CellErrorCode.WRONG_SHAPE,
            f"{place!r} of {str(path)!r} has shape {shape} for {n_cells} cells and {len(var)} genes; write it again",
        )

    def read() -> sparse.csr_array:
        with opened(path) as file:
            found = file[place]
            if dense:
                return read_dense(found)
            by_column = _BY_COLUMN[found.attrs["encoding-type"]]
            parts = (found["data"][:], found["indices"][:], found["indptr"][:])
            return checked_sparse(*parts, shape=(n_cells, len(var)), by_column=by_column)

    def sample() -> Any:
        with opened(path) as file:
            return sampled(file[place] if dense else file[place]["data"])

    return StoredMatrix((n_cells, len(var)), var, read, sample)


def _open_old(path: Path) -> StoredCells:
    import anndata

    return anndata_in_memory(anndata.read_h5ad(path), path, ".h5ad")


def anndata_in_memory(data: Any, path: Path, form: str) -> StoredCells:
    """Return what an AnnData object holds; nothing is copied before a matrix is read.

    Parameters
    ----------
    data
        An ``anndata.AnnData`` whose matrices are in memory.
    path, form
        What it is called in messages.
    """
    for matrix in (data.X, None if data.raw is None else data.raw.X, *data.layers.values()):
        if sparse.issparse(matrix):
            matrix.check_format(full_check=True)
    found = {"X": (data.X, data.var)} if data.X is not None else {}
    if data.raw is not None:
        found["raw"] = (data.raw.X, data.raw.var)
    found |= {name: (matrix, data.var) for name, matrix in data.layers.items()}
    return StoredCells(path, form, data.obs, {name: _in_memory(*pair) for name, pair in found.items()})


def _in_memory(matrix: Any, var: Any) -> StoredMatrix:
    def read() -> sparse.csr_array:
        return sparse.csr_array(matrix)

    def sample() -> Any:
        return sampled(matrix.data if sparse.issparse(matrix) else matrix)

    return StoredMatrix(tuple(matrix.shape), var, read, sample)
