"""What every fitter gives: coordinates of the rows that it was fitted on, and a way to place others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Embedding", "Fitter", "axis_signs", "checked_rows", "rows_to_place", "unsupervised"]

Floats = NDArray[np.float64]


class Embedding(Protocol):
    """A fitted embedding. Distances between its points are Euclidean; only their ranks are ever compared."""

    @property
    def latent(self) -> Floats:
        """Shape (n, dimension): coordinates of the rows that were fitted."""

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of rows (m, width) that were not fitted; the fit stays as it is."""


Fitter: TypeAlias = Callable[[Floats, Floats], Embedding]
"""Fits rows (n, width) to a target ruler (n, n) between them; an unsupervised one does not look at the ruler."""


def unsupervised(fit: Callable[..., Embedding], **settings: Any) -> Fitter:
    """Return a fitter that passes rows and settings to a function, and keeps the ruler from it.

    It can be sent to another process where the function can.
    """
    return partial(_without_ruler, fit, settings)


def _without_ruler(
    fit: Callable[..., Embedding], settings: Mapping[str, Any], rows: Floats, ruler: Floats
) -> Embedding:
    return fit(rows, **settings)


def checked_rows(rows: ArrayLike, *, dimension: int, least: int = 3) -> Floats:
    """Return rows to fit as float64.

    Raises
    ------
    ValueError
        If they are no finite matrix, are fewer than ``least`` or than the dimension needs, or the dimension is not
        positive.
    """
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"rows of shape {array.shape} must be a matrix (n, width) of finite numbers")
    if dimension < 1:
        raise ValueError(f"a latent dimension of {dimension!r} is none; give 1 or more")
    if len(array) < max(least, dimension + 2):
        raise ValueError(
            f"{len(array)} rows are too few for {dimension} latent dimensions; give {max(least, dimension + 2)} or more"
        )
    return array


def rows_to_place(rows: ArrayLike, width: int) -> Floats:
    """Return rows to place as float64.

    Raises
    ------
    ValueError
        If they are no finite matrix of the width that was fitted.
    """
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != width or not np.isfinite(array).all():
        raise ValueError(
            f"rows of shape {array.shape} cannot be placed; the embedding was fitted on rows of {width} finite numbers"
        )
    return array


def axis_signs(latent: Floats) -> Floats:
    """Return the sign (dimension,) that makes the entry farthest from 0 of each axis positive, the first of equals.

    An eigenvector is known up to its sign, and which of the two a solver returns depends on its version.
    """
    # Equal up to rounding counts as equal, so that rounding does not choose the sign.
    size = np.abs(latent)
    first = np.argmax(size >= (1.0 - 1e-9) * size.max(axis=0), axis=0)
    return np.where(latent[first, np.arange(latent.shape[1])] < 0.0, -1.0, 1.0)
