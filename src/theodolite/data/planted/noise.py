"""Noise that paralogues share: what makes families, not genes, the unit of exchangeability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

__all__ = ["ParalogousNoise"]

Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ParalogousNoise:
    """Standard normal scores of regulators against targets.

    Two regulators of a family correlate by ``row_sharing`` at the same target, two targets of a family by
    ``column_sharing`` at the same regulator.

    Attributes
    ----------
    rows, columns
        Shapes (r,) and (t,): index of each gene's family.
    row_sharing, column_sharing
        Shares of the variance.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    row_sharing: float
    column_sharing: float

    @cached_property
    def _row_family(self) -> NDArray[np.intp]:
        return np.unique(self.rows, return_inverse=True)[1]

    @cached_property
    def _large(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Columns whose family has another column, and the number of that family."""
        _, family, sizes = np.unique(self.columns, return_inverse=True, return_counts=True)
        inside = np.flatnonzero(sizes[family] > 1)
        return inside, np.unique(family[inside], return_inverse=True)[1]

    def draw(self, rng: np.random.Generator) -> Singles:
        """Return scores (r, t) of unit variance."""
        noise = self._alike_rows(len(self.columns), rng)
        inside, family = self._large
        if len(inside) and self.column_sharing > 0:
            own = np.ones(len(self.columns), dtype=np.float32)
            own[inside] = sqrt(1.0 - self.column_sharing)
            noise *= own
            shared = self._alike_rows(int(family.max()) + 1, rng) * np.float32(sqrt(self.column_sharing))
            # Families are spread over genes row by row of the transpose: whole rows are copied, not single numbers.
            spread = np.zeros(noise.T.shape, dtype=np.float32)
            spread[inside] = np.ascontiguousarray(shared.T)[family]
            noise += spread.T
        return noise

    def _alike_rows(self, width: int, rng: np.random.Generator) -> Singles:
        """Return standard normal rows (r, width) of which those of a family correlate by ``row_sharing``."""
        noise = rng.standard_normal((len(self.rows), width), dtype=np.float32)
        if self.row_sharing == 0.0:
            return noise
        noise *= np.float32(sqrt(1.0 - self.row_sharing))
        shared = rng.standard_normal((int(self._row_family.max()) + 1, width), dtype=np.float32)
        shared *= np.float32(sqrt(self.row_sharing))
        noise += shared[self._row_family]
        return noise
