"""Attention between pairs of genes that no cell has: what rows and columns say of them, so that nothing is left of it.

Instruments score on the scale of the logarithm, and take row and column effects out. The filling is therefore the
additive fit, by least squares, to the pairs that are known: a constant, an effect of each row and one of each column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["AdditiveFit"]

Floats = NDArray[np.float64]


class AdditiveFit:
    """Fits row and column effects to the known entries of square matrices; one decomposition serves them all.

    Parameters
    ----------
    known
        Shape (n, n): entries that are fitted, and that :meth:`filled` leaves as they are. The diagonal is left as it is
        and takes no part in the fit, for no instrument scores a gene with itself.

    Notes
    -----
    With K the known entries as 0 and 1, r and c their sums by row and column, the normal equations of
    min sum K (L - x - y)^2 are diag(r) x + K y = a and K' x + diag(c) y = b, with a and b the sums of K L. Eliminating
    y leaves a system in x alone, which is singular (a constant moves from x to y); its pseudo-inverse gives the
    shortest x.
    """

    def __init__(self, known: NDArray[np.bool_]) -> None:
        self._known = known
        self._fitted = known & ~np.eye(len(known), dtype=bool)
        weight = self._fitted.astype(np.float64)
        columns = weight.sum(axis=0)
        self._per_column = np.divide(1.0, columns, out=np.zeros_like(columns), where=columns > 0)
        left = np.diag(weight.sum(axis=1)) - (weight * self._per_column) @ weight.T
        self._inverse = np.linalg.pinv(left, hermitian=True)
        self._weight = weight

    def filled(self, means: Floats) -> Floats:
        """Return means of attention with the fit in place of entries that are not known.

        A known mean of 0 has no logarithm; it stays, and enters the fit as the smallest known mean above 0.
        """
        above = means[self._fitted & (means > 0)]
        if not above.size:
            return means
        logarithm = np.log(np.maximum(means, above.min()))
        level = float(logarithm[self._fitted].mean())
        centred = np.where(self._fitted, logarithm - level, 0.0)
        by_column = centred.sum(axis=0)
        rows = self._inverse @ (centred.sum(axis=1) - self._weight @ (self._per_column * by_column))
        columns = self._per_column * (by_column - self._weight.T @ rows)
        return np.where(self._known, means, np.exp(level + rows[:, None] + columns[None, :]))
