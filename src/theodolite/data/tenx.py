"""What the forms of Cell Ranger's matrices have in common: tables of barcodes and of features, and feature types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.stored import StoredMatrix

__all__ = ["EXPRESSION", "expressed", "expression_only", "tables"]

EXPRESSION = "Gene Expression"
GEM_GROUP = "gem_group"
"""Column with the number that ``cellranger aggr`` puts behind barcodes, one a library."""


def tables(barcodes: Sequence[str], columns: Mapping[str, Sequence[str]]) -> tuple[Any, Any]:
    """Return the tables of cells and of features; features are named by symbols where there are any.

    Raises
    ------
    CellDataError
        ``wrong_shape`` if the columns of features are of different lengths.
    """
    import pandas as pd

    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise CellDataError(
            CellErrorCode.WRONG_SHAPE, f"the columns of features are of lengths {lengths}; fetch the file again"
        )
    obs = pd.DataFrame(index=pd.Index(list(barcodes), dtype=object))
    groups = [barcode.rpartition("-")[2] for barcode in barcodes]
    if len(set(groups)) > 1 and all(group.isascii() and group.isdigit() for group in groups):
        obs[GEM_GROUP] = groups
    names = columns.get("symbol", columns.get("gene_ids", ()))
    var = pd.DataFrame(
        {name: list(values) for name, values in columns.items() if name != "symbol"},
        index=pd.Index(list(names), dtype=object),
    )
    return obs, var


def expressed(matrix: StoredMatrix) -> NDArray[np.intp]:
    """Return which columns of a matrix are gene expression: all, where no column of its table says what they are."""
    if "feature_types" not in matrix.var.columns:
        return np.arange(matrix.shape[1], dtype=np.intp)
    return np.flatnonzero([str(kind) == EXPRESSION for kind in matrix.var["feature_types"]])


def expression_only(matrix: StoredMatrix) -> tuple[StoredMatrix, tuple[str, ...]]:
    """Return a matrix without the features that are no gene expression, and what was left out, in words.

    Raises
    ------
    CellDataError
        ``empty`` if no feature is gene expression.
    """
    if "feature_types" not in matrix.var.columns:
        return matrix, ()
    types = [str(value) for value in matrix.var["feature_types"]]
    others = Counter(kind for kind in types if kind != EXPRESSION)
    if not others:
        return matrix, ()
    kept = expressed(matrix)
    told = ", ".join(f"{times} of type {kind!r}" for kind, times in sorted(others.items()))
    if not kept.size:
        raise CellDataError(
            CellErrorCode.EMPTY, f"no feature is of type {EXPRESSION!r}, there are {told}; give the expression matrix"
        )

    def read() -> sparse.csr_array:
        return sparse.csr_array(matrix.read()[:, kept])

    part = StoredMatrix((matrix.shape[0], int(kept.size)), matrix.var.iloc[kept], read, matrix.sample)
    return part, (f"{sum(others.values())} features that are no gene expression were left out ({told})",)
