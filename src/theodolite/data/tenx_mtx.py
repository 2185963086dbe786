"""Cell Ranger's folders of ``matrix.mtx``, ``features.tsv`` or ``genes.tsv``, and ``barcodes.tsv``, packed or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.hdf5 import checked_sparse
from theodolite.data.stored import StoredCells, StoredMatrix
from theodolite.data.tenx import tables

__all__ = ["is_tenx_folder", "open_tenx_mtx"]

_MATRIX = ("matrix.mtx.gz", "matrix.mtx")
_FEATURES = ("features.tsv.gz", "features.tsv", "genes.tsv.gz", "genes.tsv")
_BARCODES = ("barcodes.tsv.gz", "barcodes.tsv")
_LEAST_BYTES_AN_ENTRY = 6  # "1 1 1" and a line break
_MOST_PACKED = 1_100
_LINES = 4_000_000


def is_tenx_folder(path: Path) -> bool:
    """Say whether a path is a folder with a ``matrix.mtx``, or such a file."""
    return path.name.endswith(_MATRIX) or (path.is_dir() and any(path.glob("*matrix.mtx*")))


def open_tenx_mtx(path: Path) -> StoredCells:
    """Read the tables of a folder, or of the folder that a ``matrix.mtx`` lies in; files may share a prefix.

    Raises
    ------
    CellDataError
        ``missing_file``, ``unreadable``, ``wrong_shape``, ``transposed``, or ``empty``.
    """
    matrix_file = _matrix_file(path)
    folder = matrix_file.parent
    prefix = next(matrix_file.name.removesuffix(name) for name in _MATRIX if matrix_file.name.endswith(name))
    features = [line.split("\t") for line in _lines(_beside(folder, prefix, _FEATURES))]
    barcodes = [line.split("\t")[0] for line in _lines(_beside(folder, prefix, _BARCODES))]
    if len({len(row) for row in features}) > 1:
        raise _broken(
            folder, f"the lines of {prefix}features.tsv or {prefix}genes.tsv have different numbers of columns"
        )
    names = ("gene_ids", "symbol", "feature_types")
    width = min(len(features[0]), 3) if features else 0
    if not width or not barcodes:
        raise CellDataError(CellErrorCode.EMPTY, f"{len(barcodes)} barcodes and {len(features)} features in {folder}")
    obs, var = tables(barcodes, {names[place]: [row[place] for row in features] for place in range(width)})
    n_values, kind = _check_head(matrix_file, len(var), len(obs))

    def read() -> sparse.csr_array:
        return _read(matrix_file, len(var), len(obs), n_values, kind)

    def sample() -> Any:
        return read().data

    return StoredCells(path, "10x .mtx", obs, {"X": StoredMatrix((len(obs), len(var)), var, read, sample)})


def _matrix_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(file for file in path.glob("*matrix.mtx*") if file.name.endswith(_MATRIX))
    if len(found) != 1:
        told = ", ".join(file.name for file in found) or "none"
        raise CellDataError(
            CellErrorCode.MISSING_FILE,
            f"{str(path)!r} has {len(found)} files called matrix.mtx or matrix.mtx.gz ({told}); name the one wanted",
        )
    return found[0]


def _beside(folder: Path, prefix: str, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / (prefix + name)).is_file():
            return folder / (prefix + name)
    raise CellDataError(
        CellErrorCode.MISSING_FILE,
        f"{str(folder)!r} has a matrix but no {' or '.join(prefix + name for name in names)}; put the file beside it",
    )


def _broken(file: Path, what: object) -> CellDataError:
    return CellDataError(CellErrorCode.UNREADABLE, f"{str(file)!r} cannot be read ({what}); fetch or write it again")


def _open(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file)) if file.name.endswith(".gz") else file.open("rb")


def _lines(file: Path) -> list[str]:
    try:
        with _open(file) as stream:
            return [line for line in stream.read().decode().splitlines() if line]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _broken(file, error) from error


def _check_head(file: Path, n_features: int, n_barcodes: int) -> tuple[int, str]:
    """Check form and size before anything is read: a wrong size would ask for any amount of memory."""
    try:
        with _open(file) as stream:
            banner = stream.readline(1_000).decode("latin-1").lower().split()
            line = _skip_comments(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(file, error) from error
    if banner[:3] != ["%%matrixmarket", "matrix", "coordinate"] or banner[4:] != ["general"]:
        raise _broken(file, "its first line is not '%%MatrixMarket matrix coordinate integer general'")
    if banner[3] not in ("integer", "real"):
        raise CellDataError(
            CellErrorCode.NOT_NUMBERS, f"{str(file)!r} holds values of type {banner[3]!r}; counts are of type 'integer'"
        )
    try:
        rows, columns, values = (int(word) for word in line.split())
    except ValueError:
        raise _broken(file, f"the line of sizes reads {line[:60]!r}") from None
    if (rows, columns) == (n_barcodes, n_features) and rows != columns:
        raise CellDataError(
            CellErrorCode.TRANSPOSED,
            f"{str(file)!r} has barcodes as rows ({rows} × {columns}); those of 10x have features: transpose it",
        )
    if (rows, columns) != (n_features, n_barcodes):
        raise CellDataError(
            CellErrorCode.WRONG_SHAPE,
            f"{str(file)!r} is a matrix of {rows} × {columns} for {n_features} features and {n_barcodes} barcodes; "
            "fetch the three files of one run",
        )
    room = file.stat().st_size * (_MOST_PACKED if file.name.endswith(".gz") else 1)
    if not 0 <= values * _LEAST_BYTES_AN_ENTRY <= room + _LEAST_BYTES_AN_ENTRY:
        raise _broken(file, f"it announces {values} values, more than it can hold")
    return values, banner[3]


def _skip_comments(stream: BinaryIO) -> bytes:
    """Read up to the line of sizes and return it."""
    while (line := stream.readline(100_000)).startswith(b"%"):
        pass
    return line


def _read(file: Path, n_features: int, n_barcodes: int, n_values: int, kind: str) -> sparse.csr_array:
    # Not by scipy.io.mmread, which ends the process where a packed stream breaks off inside it.
    import pandas as pd

    numbers = {"row": np.int64, "column": np.int64, "value": np.int64 if kind == "integer" else np.float64}
    blocks = []
    try:
        with _open(file) as stream:
            _skip_comments(stream)
            table = pd.read_csv(
                stream, sep=r"\s+", header=None, names=[*numbers, "more"], dtype=numbers, chunksize=_LINES, comment="%"
            )
            for block in table:
                if block["more"].notna().any():
                    raise ValueError("a line has more than three numbers")
                blocks.append([block[name].to_numpy() for name in numbers])
    except pd.errors.EmptyDataError:
        pass
    except Exception as error:
        # No number, out of range, cut off, not text: the packer and the reader each have errors of their own.
        raise _broken(file, f"{type(error).__name__}: {error}") from error
    row, column, value = (
        np.concatenate([block[place] for block in blocks] or [np.zeros(0, int)]) for place in range(3)
    )
    if len(value) != n_values:
        raise _broken(file, f"it announces {n_values} values and holds {len(value)}")
    if n_values and not (1 <= row.min() <= row.max() <= n_features and 1 <= column.min() <= column.max() <= n_barcodes):
        raise _broken(file, "a value lies outside the matrix")
    order = np.lexsort((row, column))
    pointers = np.concatenate([[0], np.cumsum(np.bincount(column - 1, minlength=n_barcodes))])
    return checked_sparse(value[order], row[order] - 1, pointers, shape=(n_barcodes, n_features))
