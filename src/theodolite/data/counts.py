"""Validation of count matrices: every way in which a matrix is not counts has a name and a remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from scipy import sparse

__all__ = [
    "CellDataError",
    "CellErrorCode",
    "ValueKind",
    "check_ensembl",
    "kind_of_values",
    "named_columns",
    "validate_counts",
    "validate_names",
    "whole_counts",
]

_INTEGER_TOLERANCE = 1e-6
# log1p of counts per 10,000 cannot exceed log1p(1e4) = 9.21; per million 13.82.
_LARGEST_LOG_VALUE = 14.0
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{11}")


class CellErrorCode(StrEnum):
    """What can be wrong with cells; a closed list."""

    NOT_FINITE = "not_finite"
    NEGATIVE = "negative"
    NOT_INTEGER = "not_integer"
    TOO_LARGE = "too_large"
    DUPLICATE_GENES = "duplicate_genes"
    DUPLICATE_CELLS = "duplicate_cells"
    MISSING_LABELS = "missing_labels"
    MISSING_LAYER = "missing_layer"
    MISSING_FILE = "missing_file"
    UNREADABLE = "unreadable"
    WRONG_SHAPE = "wrong_shape"
    MISSING_GENES = "missing_genes"
    EMPTY_CELLS = "empty_cells"
    EMPTY = "empty"
    BAD_GENE_IDS = "bad_gene_ids"
    NO_KNOWN_GENE = "no_known_gene"
    FILTERED = "filtered"
    BAD_GENE_NAMES = "bad_gene_names"
    BAD_ALIASES = "bad_aliases"
    NOT_NUMBERS = "not_numbers"
    TRANSPOSED = "transposed"
    AMBIGUOUS_LAYER = "ambiguous_layer"
    WRONG_SPECIES = "wrong_species"
    BAD_QUERY = "bad_query"
    NO_CENSUS = "no_census"


class ValueKind(StrEnum):
    """What the values of an expression matrix look like."""

    COUNTS = "counts"
    LOG = "log-normalised values"
    NORMALISED = "normalised values (per cell total)"
    SCALED = "scaled values (z-scores)"
    NEGATIVE = "whole numbers, some of them negative"
    NOT_FINITE = "values that are NaN or infinite"
    NOT_NUMBERS = "no numbers"
    EMPTY = "zeros only"


_REMEDY = {
    ValueKind.SCALED: "name the layer that holds counts; z-scores cannot be turned back",
    ValueKind.LOG: "name the layer that holds counts (often 'raw' or 'counts')",
    ValueKind.NORMALISED: "name the layer that holds counts (often 'raw' or 'counts')",
}


class CellDataError(ValueError):
    """Cells that cannot be used as they are.

    Attributes
    ----------
    code
        Which of the closed list of faults.
    reason
        The message without the code.
    """

    def __init__(self, code: CellErrorCode, message: str) -> None:
        super().__init__(f"{code.value}: {message}")
        self.code = code
        self.reason = message


def _refuse_repeats(code: CellErrorCode, what: str, names: Sequence[str], remedy: str) -> None:
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        shown = ", ".join(map(repr, repeated[:5])) + (" ..." if len(repeated) > 5 else "")
        raise CellDataError(code, f"{len(repeated)} {what} occur more than once ({shown}); {remedy}")


def kind_of_values(values: np.ndarray[Any, Any]) -> ValueKind:
    """Say what non-zero values of an expression matrix look like.

    Parameters
    ----------
    values
        Stored values, of any shape and number.
    """
    if values.dtype.kind not in "biuf":
        return ValueKind.NOT_NUMBERS
    if not np.isfinite(values).all():
        return ValueKind.NOT_FINITE
    if not values.any():
        return ValueKind.EMPTY
    whole = (np.abs(values - np.rint(values)) <= _INTEGER_TOLERANCE).all()
    if (values < 0).any():
        return ValueKind.NEGATIVE if whole else ValueKind.SCALED
    if whole:
        return ValueKind.COUNTS
    return ValueKind.LOG if values.max() <= _LARGEST_LOG_VALUE else ValueKind.NORMALISED


def validate_names(shape: tuple[int, ...], genes: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse names of genes and cells that are none, repeated, or not as many as a matrix has columns and rows.

    Raises
    ------
    CellDataError
        ``empty``, ``wrong_shape``, ``duplicate_genes`` or ``duplicate_cells``.
    """
    if not len(genes) or not len(cells):
        raise CellDataError(CellErrorCode.EMPTY, f"{len(cells)} cells and {len(genes)} genes; check the filters")
    if shape != (len(cells), len(genes)):
        raise CellDataError(
            CellErrorCode.WRONG_SHAPE,
            f"matrix of shape {shape} for {len(cells)} cells and {len(genes)} genes; cells are rows",
        )
    _refuse_repeats(
        CellErrorCode.DUPLICATE_GENES, "gene names", genes, "sum the columns or keep one of each, then name it once"
    )
    _refuse_repeats(CellErrorCode.DUPLICATE_CELLS, "cell names", cells, "prefix each barcode with its sample")


def whole_counts(matrix: Any) -> sparse.csr_array:
    """Check that the values of a matrix are counts and return it in canonical form; names play no part.

    Raises
    ------
    CellDataError
        ``not_numbers``, ``not_finite``, ``not_integer``, ``negative`` or ``too_large``.
    """
    if matrix.dtype.kind not in "biuf":
        raise CellDataError(
            CellErrorCode.NOT_NUMBERS, f"the matrix holds values of type {matrix.dtype}; counts are whole numbers"
        )
    counts = sparse.csr_array(matrix)
    values = counts.data
    if (bad := int((~np.isfinite(values)).sum())) > 0:
        raise CellDataError(CellErrorCode.NOT_FINITE, f"{bad} values are NaN or infinite; counts never are")
    fractional = np.abs(values - np.rint(values)) > _INTEGER_TOLERANCE
    if fractional.any():
        kind = kind_of_values(values)
        raise CellDataError(
            CellErrorCode.NOT_INTEGER,
            f"counts are expected, but {int(fractional.sum())} of {values.size} non-zero values are not whole numbers "
            f"(such as {float(values[fractional][0])!r}); these look like {kind.value}; {_REMEDY[kind]}",
        )
    if (values < 0).any():
        raise CellDataError(
            CellErrorCode.NEGATIVE,
            f"{int((values < 0).sum())} counts are negative (lowest {float(values.min())!r}); "
            "name the layer that holds counts",
        )
    # Entries that name one place twice are added up, which may take the sum over the largest int32.
    if not counts.has_canonical_format and values.size:
        counts = sparse.csr_array(
            (np.rint(values).astype(np.float64), counts.indices.copy(), counts.indptr.copy()), shape=counts.shape
        )
        counts.sum_duplicates()
        values = counts.data
    if values.size and values.max() > np.iinfo(np.int32).max:
        raise CellDataError(
            CellErrorCode.TOO_LARGE,
            f"the largest count is {float(values.max())!r}, above 2**31 - 1; no gene of a cell is counted so often",
        )
    counts = sparse.csr_array(
        (np.rint(values).astype(np.int32), counts.indices.copy(), counts.indptr.copy()), shape=counts.shape
    )
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def validate_counts(matrix: Any, genes: Sequence[str], cells: Sequence[str]) -> sparse.csr_array:
    """Check that a matrix holds counts and return it in canonical form.

    Parameters
    ----------
    matrix
        Dense array or SciPy sparse matrix of shape (cells, genes); floats are admitted when they are whole.
    genes, cells
        Column and row names.

    Returns
    -------
    sparse.csr_array
        int32, indices sorted, no stored zeros.

    Raises
    ------
    CellDataError
        ``empty``, ``wrong_shape``, ``duplicate_genes``, ``duplicate_cells``, ``not_numbers``, ``not_finite``,
        ``not_integer`` (the message says whether the values look scaled, log-normalised or normalised), ``negative``,
        ``too_large`` or ``empty_cells``.
    """
    validate_names(tuple(matrix.shape), genes, cells)
    counts = whole_counts(matrix)
    without = np.flatnonzero(np.diff(counts.indptr) == 0)
    if without.size:
        raise CellDataError(
            CellErrorCode.EMPTY_CELLS,
            f"{without.size} cells have no count at all (first {cells[without[0]]!r}); filter them out",
        )
    return counts


def named_columns(columns: Iterable[str], available: Sequence[str]) -> None:
    """Refuse columns of cell annotation that a table does not have.

    Raises
    ------
    CellDataError
        ``missing_labels``, naming what is missing and what there is.
    """
    missing = [column for column in columns if column not in available]
    if missing:
        raise CellDataError(
            CellErrorCode.MISSING_LABELS,
            f"no column {', '.join(map(repr, missing))} among the cells' labels; "
            f"there is {', '.join(map(repr, available)) or 'none'}",
        )


def check_ensembl(ids: Sequence[str], n_genes: int) -> None:
    """Refuse Ensembl ids that are not one id without version a gene, each id once, ``""`` where there is none.

    Raises
    ------
    CellDataError
        ``bad_gene_ids``.
    """
    if len(ids) != n_genes:
        raise CellDataError(CellErrorCode.BAD_GENE_IDS, f"{len(ids)} Ensembl ids for {n_genes} genes; give one a gene")
    wrong = [name for name in ids if name and not _ENSEMBL.fullmatch(name)]
    if wrong:
        raise CellDataError(
            CellErrorCode.BAD_GENE_IDS,
            f"{len(wrong)} of {len(ids)} are no Ensembl gene ids (such as {wrong[0]!r}); "
            "they read ENSG00000139618, without a version",
        )
    _refuse_repeats(
        CellErrorCode.BAD_GENE_IDS, "Ensembl ids", [name for name in ids if name], "sum the columns of one gene"
    )
