"""Co-expression of gene pairs in counts: what a claim about pairs must reach beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements.base import Floats, Measurement, MeasurementError, Names

__all__ = ["Coexpression"]

_GRID = 2.0**16
_MATRICES = ("pearson", "robust", "half_a", "half_b")


@dataclass(frozen=True)
class Coexpression(Measurement):
    """Co-expression of every pair of genes, from counts of the same cells and never from a model.

    All four matrices have shape (n, n), are symmetric, lie in [-1, 1], are rounded to 2**-16, so that the last bits of
    another machine's linear algebra change nothing, and are stored as upper triangles. Diagonals are ignored and 0.

    Attributes
    ----------
    genes
        Symbols, unique; n of them.
    pearson, robust
        Two estimates from all cells.
    half_a, half_b
        ``pearson`` from two halves of the cell units: how far it is from being measured without error.
    """

    genes: Names
    pearson: Floats
    robust: Floats
    half_a: Floats
    half_b: Floats
    shape: ClassVar[str] = "Coexpression"
    matrices: ClassVar[frozenset[str]] = frozenset(_MATRICES)

    def _check(self) -> None:
        n = len(self.genes)
        self._require_unique("genes", self.genes)
        for name in _MATRICES:
            matrix = getattr(self, name)
            if matrix.shape != (n, n) or not np.array_equal(matrix, matrix.T):
                raise MeasurementError(f"Coexpression.{name} must be a symmetric {n} x {n} matrix, got {matrix.shape}")
            rounded = np.rint(matrix * _GRID) / _GRID + 0.0  # no negative zeros: equal values, equal bytes
            np.fill_diagonal(rounded, 0.0)
            if (worst := float(np.abs(rounded).max(initial=0.0))) > 1.0:
                raise MeasurementError(f"Coexpression.{name} holds {worst!r}; a correlation lies between -1 and 1")
            rounded.setflags(write=False)
            object.__setattr__(self, name, rounded)

    @classmethod
    def _pack(cls, name: str, array: NDArray[Any]) -> NDArray[Any]:
        return array[np.triu_indices(len(array), 1)].astype(np.float32)

    @classmethod
    def _unpack(cls, name: str, stored: NDArray[Any], rest: Mapping[str, Any]) -> NDArray[Any]:
        n = len(rest["genes"])
        matrix = np.zeros((n, n), dtype=stored.dtype)
        matrix[np.triu_indices(n, 1)] = stored
        return matrix + matrix.T

    def estimators(self, rows: Sequence[str], columns: Sequence[str]) -> Floats:
        """Return ``pearson`` and ``robust`` between two lists of genes, shape (2, rows, columns).

        Raises
        ------
        MeasurementError
            If a gene is not among :attr:`genes`.
        """
        place = self._place(rows, columns)
        return np.stack([self.pearson[place], self.robust[place]])

    def halves(self, rows: Sequence[str], columns: Sequence[str]) -> Floats:
        """Return ``half_a`` and ``half_b`` between two lists of genes, shape (2, rows, columns).

        Raises
        ------
        MeasurementError
            If a gene is not among :attr:`genes`.
        """
        place = self._place(rows, columns)
        return np.stack([self.half_a[place], self.half_b[place]])

    def _place(self, rows: Sequence[str], columns: Sequence[str]) -> tuple[NDArray[Any], ...]:
        position = {gene: index for index, gene in enumerate(self.genes)}
        absent = sorted({gene for gene in (*rows, *columns) if gene not in position})
        if absent:
            raise MeasurementError(
                f"no co-expression of {', '.join(map(repr, absent[:3]))}{' ...' if absent[3:] else ''}; compute it "
                "over all genes of the block"
            )
        return np.ix_([position[gene] for gene in rows], [position[gene] for gene in columns])
