"""HDF5 files, read so that a damaged one is an error and never the end of the process."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode

__all__ = ["Probe", "checked_sparse", "opened", "read_dense", "sampled", "unreadable"]

_PROBE = Path(__file__).with_name("hdf5_probe.py")
_LEAST_SECONDS = 60.0
_BYTES_A_SECOND = 10e6
_SAMPLED = 200_000
_BLOCK = 1 << 23


class Probe:
    """A process that reads files whole before this one touches them; it may read several, one after another."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path) -> None:
        """Have a file read.

        Raises
        ------
        CellDataError
            ``unreadable`` if it cannot be read, or its reading kills or hangs the process.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_PROBE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(str(path.resolve())) + "\n")
        process.stdin.flush()
        patience = _LEAST_SECONDS + path.stat().st_size / _BYTES_A_SECOND
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            answered = bool(selector.select(patience))
        line = process.stdout.readline() if answered else ""
        if not line:
            self._end()
            what = "the HDF5 library crashes on it" if answered else f"reading it takes more than {patience:.0f} s"
            raise unreadable(path, what)
        if answer := json.loads(line):
            raise unreadable(path, answer)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def unreadable(path: Path, what: object) -> CellDataError:
    """Return the error of a file that is damaged or of another kind than its name says."""
    return CellDataError(
        CellErrorCode.UNREADABLE,
        f"{str(path)!r} is no whole {path.suffix or 'cell'} file ({what}); write it again, or fetch it again",
    )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file; whatever goes wrong inside is ``unreadable``, but for errors that are named already."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except CellDataError:
        raise
    except Exception as error:
        # A damaged file makes h5py and anndata raise nearly anything, RuntimeError and MemoryError among it.
        raise unreadable(path, f"{type(error).__name__}: {error}") from error


def checked_sparse(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], shape: tuple[int, int], *, by_column: bool = False
) -> sparse.csr_array:
    """Make a CSR matrix of its parts, each of which is checked: SciPy trusts them, and may crash on wrong ones.

    Raises
    ------
    CellDataError
        ``unreadable`` if the parts are no matrix of that shape.
    """
    major, minor = reversed(shape) if by_column else shape
    wrong = None
    if not (data.ndim == indices.ndim == indptr.ndim == 1) or not {indices.dtype.kind, indptr.dtype.kind} <= {"i", "u"}:
        wrong = "values, indices and pointers are three lists, the last two of whole numbers"
    elif len(indptr) != major + 1 or len(data) != len(indices):
        wrong = f"{len(indptr)} pointers, {len(data)} values and {len(indices)} indices for a matrix of shape {shape}"
    elif indptr[0] != 0 or indptr[-1] != len(data) or (indptr[1:] < indptr[:-1]).any():
        wrong = "the pointers do not run from 0 to the number of values"
    elif len(indices) and (indices.min() < 0 or indices.max() >= minor):
        wrong = f"an index is out of range for a matrix of shape {shape}"
    elif data.dtype.kind not in "biuf":
        wrong = f"values of type {data.dtype}"
    if wrong is not None:
        raise CellDataError(CellErrorCode.UNREADABLE, f"the sparse matrix is damaged: {wrong}; write the file again")
    kind = sparse.csc_array if by_column else sparse.csr_array
    return sparse.csr_array(kind((data, indices, indptr), shape=shape))


def read_dense(dataset: Any) -> sparse.csr_array:
    """Read a dense matrix row block by row block, so that only its non-zero values stay in memory."""
    rows, columns = dataset.shape
    if dataset.dtype.kind not in "biuf":
        raise CellDataError(CellErrorCode.NOT_NUMBERS, f"the matrix holds values of type {dataset.dtype}")
    step = max(1, _BLOCK // max(1, columns))
    blocks = [sparse.csr_array(np.asarray(dataset[start : start + step])) for start in range(0, rows, step)]
    return sparse.csr_array(sparse.vstack(blocks, format="csr")) if blocks else sparse.csr_array((rows, columns))


def sampled(values: Any) -> NDArray[Any]:
    """Return some values of a list or matrix, or of a data set, spread evenly over its first axis."""
    length = values.shape[0] if values.ndim else 0
    width = int(np.prod(values.shape[1:], dtype=np.int64)) if values.ndim else 0
    if not length or not width:
        return np.zeros(0)
    pieces = 16
    size = max(1, _SAMPLED // pieces // width)
    starts = sorted({int(start) for start in np.linspace(0, max(0, length - size), pieces)})
    return np.concatenate([np.asarray(values[start : start + size]).ravel() for start in starts])
