"""The 700 blood cells that the scanpy package carries, read from its file without importing scanpy.

The file's ``.raw`` holds log1p of counts per 10,000, stored with three decimals, for 765 genes of cells whose totals
over all genes are in ``obs.n_counts``. A cell's smallest non-zero value is one count, so counts are ``expm1(raw)``
divided by it. The file's ``.X`` is scaled and is never read.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.cells import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode

__all__ = ["load_pbmc", "pbmc_path", "recovered_counts"]

_FILE = Path("datasets") / "10x_pbmc68k_reduced.h5ad"
_LABELS = {"cell_type": "bulk_labels", "louvain": "louvain"}
_INTEGER_TOLERANCE = 0.1
_INTEGER_SHARE = 0.9999
# Half of the third decimal in which the file stores its values, and the rounding of float32.
_VALUE_TOLERANCE = 5.1e-4


@dataclass(frozen=True, eq=False)
class _Stored:
    raw: sparse.csr_array
    genes: tuple[str, ...]
    cells: tuple[str, ...]
    total: NDArray[np.float64]
    labels: dict[str, tuple[str, ...]]


def pbmc_path() -> Path:
    """Return where the installed scanpy keeps the file.

    Raises
    ------
    CellDataError
        ``missing_file`` if scanpy is not installed or carries no such file.
    """
    spec = importlib.util.find_spec("scanpy")
    if spec is None or not spec.submodule_search_locations:
        raise CellDataError(CellErrorCode.MISSING_FILE, "scanpy is not installed, and its package carries the cells")
    path = Path(spec.submodule_search_locations[0]) / _FILE
    if not path.is_file():
        raise CellDataError(CellErrorCode.MISSING_FILE, f"the installed scanpy has no {_FILE.as_posix()!r}")
    return path


def recovered_counts(raw: sparse.csr_array) -> sparse.csr_array:
    """Recover integer counts from log1p of scaled counts, where each cell's smallest non-zero count is one.

    Parameters
    ----------
    raw
        Shape (cells, genes), log1p(count * scale of the cell).

    Raises
    ------
    CellDataError
        ``empty_cells`` for a cell without any value, ``not_finite`` or ``negative`` for values that no log1p of
        counts has, ``not_integer`` if fewer than 99.99 % of the recovered counts are whole to within 0.1.
    """
    values = raw.data.astype(np.float64)
    if not np.isfinite(values).all():
        raise CellDataError(CellErrorCode.NOT_FINITE, f"{int((~np.isfinite(values)).sum())} values are not finite")
    if (values <= 0).any():
        raise CellDataError(CellErrorCode.NEGATIVE, f"a stored value is {float(values.min())!r}; they are above 0")
    lengths = np.diff(raw.indptr)
    if (lengths == 0).any():
        raise CellDataError(CellErrorCode.EMPTY_CELLS, f"{int((lengths == 0).sum())} cells have no value at all")
    linear = np.expm1(values)
    one_count = np.minimum.reduceat(linear, raw.indptr[:-1])
    ratio = linear / np.repeat(one_count, lengths)
    counts = np.rint(ratio)
    whole = float((np.abs(ratio - counts) < _INTEGER_TOLERANCE).mean())
    if whole < _INTEGER_SHARE:
        raise CellDataError(
            CellErrorCode.NOT_INTEGER,
            f"only {whole:.4%} of the recovered counts are whole to within {_INTEGER_TOLERANCE}; "
            "these values are not log1p of counts scaled by one factor a cell",
        )
    return sparse.csr_array((counts.astype(np.int32), raw.indices, raw.indptr), shape=raw.shape)


def load_pbmc(path: Path | None = None) -> CellSet:
    """Read the 700 × 765 human blood cells with their integer counts.

    Labels are ``cell_type`` (``bulk_labels`` in the file) and ``louvain``. The file names no donor and no batch, so
    the unit of a split of cells is the cell.

    Raises
    ------
    CellDataError
        If the file is missing, if counts do not come out whole, or if ``log1p(counts * 10,000 / n_counts)`` does not
        give the stored values back to their third decimal.
    """
    stored = _read(path if path is not None else pbmc_path())
    counts = recovered_counts(stored.raw)
    scale = 1e4 / stored.total
    expected = np.log1p(counts.data * np.repeat(scale, np.diff(counts.indptr)))
    if (off := float(np.abs(expected - stored.raw.data).max())) > _VALUE_TOLERANCE:
        raise CellDataError(
            CellErrorCode.NOT_INTEGER,
            f"recovered counts and obs.n_counts miss the stored values by up to {off!r}; this is another file",
        )
    return CellSet(
        name="pbmc",
        genes=stored.genes,
        cells=stored.cells,
        counts=counts,
        labels=stored.labels,
        species="human",
        origin="10x Genomics PBMC 68k (Zheng et al. 2017), 700 cells x 765 genes as carried by the scanpy package",
        scale=scale,
    )


def _read(path: Path) -> _Stored:
    import h5py

    with h5py.File(path) as file:
        if not isinstance(file["obs"], h5py.Dataset):
            return _read_with_anndata(path)
        obs = file["obs"][:]
        genes = tuple(name.decode() for name in file["raw.var"]["index"])
        parts = (file["raw.X/data"][:], file["raw.X/indices"][:], file["raw.X/indptr"][:])
        labels = {
            label: _categories(file[f"uns/{column}_categories"][:], obs[column]) for label, column in _LABELS.items()
        }
    raw = sparse.csr_array(parts, shape=(len(obs), len(genes)))
    cells = tuple(name.decode() for name in obs["index"])
    return _Stored(raw, genes, cells, obs["n_counts"].astype(np.float64), labels)


def _categories(names: NDArray[Any], codes: NDArray[Any]) -> tuple[str, ...]:
    if (codes < 0).any():
        raise CellDataError(CellErrorCode.MISSING_LABELS, f"{int((codes < 0).sum())} cells have no label")
    return tuple(names[code].decode() for code in codes)


def _read_with_anndata(path: Path) -> _Stored:
    # The package's file is in the layout of anndata 0.6, read above without the second that importing anndata takes.
    # A scanpy that rewrites its file in today's layout is read here.
    import anndata

    data = anndata.read_h5ad(path)
    return _Stored(
        sparse.csr_array(data.raw.X),
        tuple(map(str, data.raw.var_names)),
        tuple(map(str, data.obs_names)),
        data.obs["n_counts"].to_numpy(np.float64),
        {label: tuple(map(str, data.obs[column])) for label, column in _LABELS.items()},
    )
