"""Cells as they stand in a file, before anything is decided: tables of cells and genes, and the matrices by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode, ValueKind, kind_of_values

__all__ = ["AUTO", "StoredCells", "StoredMatrix", "choose_matrix", "wrong_guess"]

AUTO = "auto"
"""What stands for a layer that is to be found."""
_USUAL = ("counts", "raw_counts", "count", "umi", "umis", "raw")
"""Names of layers that hold counts by custom, best first, in lower case."""


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """One matrix of a file.

    Attributes
    ----------
    shape
        (cells, genes).
    var
        Table of its genes, named by its index.
    read
        Reads it, shape (cells, genes).
    sample
        Reads some of its stored values.
    """

    shape: tuple[int, int]
    var: Any
    read: Callable[[], sparse.csr_array]
    sample: Callable[[], NDArray[Any]]

    def kind(self) -> ValueKind:
        """Say what the sampled values look like."""
        return kind_of_values(np.asarray(self.sample()))


@dataclass(frozen=True, eq=False)
class StoredCells:
    """What a file holds.

    Attributes
    ----------
    path
        The file or folder.
    form
        Such as ``10x .h5``.
    obs
        Table of the cells, named by its index.
    matrices
        ``X``, ``raw`` and layers, in this order, of those there are.
    notes
        What a reader should know of the file.
    """

    path: Path
    form: str
    obs: Any
    matrices: Mapping[str, StoredMatrix]
    notes: tuple[str, ...] = field(default=())

    def kinds(self) -> dict[str, ValueKind]:
        """Say of every matrix what its values look like."""
        return {name: matrix.kind() for name, matrix in self.matrices.items()}


def choose_matrix(stored: StoredCells, layer: str) -> tuple[str, str]:
    """Return the name of the matrix that holds the counts, and why it is that one.

    Parameters
    ----------
    stored
        The file.
    layer
        ``X``, ``raw``, the name of a layer, or ``auto`` to look for the one that holds counts.

    Raises
    ------
    CellDataError
        ``missing_layer`` if there is none of that name; for ``auto`` also if none holds counts, and
        ``ambiguous_layer`` if several layers do and no name tells them apart.
    """
    there = ", ".join(map(repr, stored.matrices)) or "none"
    if layer != AUTO:
        if layer in stored.matrices:
            return layer, "it was asked for"
        raise CellDataError(CellErrorCode.MISSING_LAYER, f"no matrix {layer!r}; there is {there}")
    kinds = stored.kinds()
    held = [name for name, kind in kinds.items() if kind is ValueKind.COUNTS]
    told = "; ".join(f"{name!r} holds {kind.value}" for name, kind in kinds.items()) or "there is no matrix"
    if not held:
        raise CellDataError(
            CellErrorCode.MISSING_LAYER, f"no matrix holds counts ({told}); write the file again with its raw counts"
        )
    first = next((name for name in ("X", "raw") if name in held), None)
    usual = sorted((name for name in held if name.lower() in _USUAL), key=lambda name: _USUAL.index(name.lower()))
    if first is None and len(held) > 1 and not usual:
        raise CellDataError(
            CellErrorCode.AMBIGUOUS_LAYER,
            f"{', '.join(map(repr, held))} all hold counts; name one of them as the layer",
        )
    chosen = first or (usual or held)[0]
    return chosen, f"{told}; the first of X, raw and the layers that holds counts is taken"


def wrong_guess(stored: StoredCells, layer: str, error: CellDataError, asked_by: str = "layer ") -> CellDataError:
    """Return the error of a matrix that holds no counts, naming those of the file that do.

    Parameters
    ----------
    stored, layer, error
        The file, the matrix, and what is wrong with it.
    asked_by
        What stands before the name of a matrix where one is asked for.
    """
    if error.code not in (
        CellErrorCode.NOT_INTEGER,
        CellErrorCode.NEGATIVE,
        CellErrorCode.NOT_FINITE,
        CellErrorCode.EMPTY_CELLS,
    ):
        return error
    others = [name for name, kind in stored.kinds().items() if kind is ValueKind.COUNTS and name != layer]
    if not others:
        return CellDataError(error.code, f"matrix {layer!r}: {error.reason}; no other matrix holds counts")
    return CellDataError(
        error.code,
        f"matrix {layer!r}: {error.reason}; beside it {', '.join(map(repr, others))} "
        f"{'holds' if len(others) == 1 else 'hold'} counts: give {asked_by}{others[0]!r}",
    )
