"""Where the rows of a training come from: a store of activations, or an array; and what scales them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest, sha256_bytes
from theodolite.models.activations import Activations
from theodolite.models.sites import Site
from theodolite.saes.settings import SAETrainingError

__all__ = ["ArrayRows", "Rows", "Scaling", "StoredRows", "hold_out_cells", "scaling_of"]

Floats = NDArray[np.float32]
_SCALING_DRAWS = 16


class Rows(Protocol):
    """Rows of activations to train on, and others that are held out."""

    @property
    def width(self) -> int:
        """Width of a row."""
        ...

    @property
    def key(self) -> str:
        """Hash of what the rows are: equal keys give equal draws."""
        ...

    @property
    def about(self) -> dict[str, Any]:
        """What the rows are, plain data."""
        ...

    def draws(self, size: int, seed: int, *, first: int = 0, held_out: bool = False) -> Iterator[Floats]:
        """Yield ``size`` rows at a time, (size, width), with replacement, from the draw ``first`` on, without end."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Rows of an array.

    Attributes
    ----------
    values
        Shape (n, width).
    held_out
        Shape (n,): rows that are not trained on.
    """

    values: NDArray[np.floating[Any]]
    held_out: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        if self.values.ndim != 2 or self.held_out.shape != (len(self.values),):
            raise SAETrainingError(f"values of shape {self.values.shape} with a mask of {self.held_out.shape}")
        if not np.isfinite(self.values).all():
            raise SAETrainingError("the activations hold a number that is not finite")
        if self.held_out.all() or not self.held_out.any():
            raise SAETrainingError(
                f"{int(self.held_out.sum())} of {len(self.held_out)} rows are held out; leave some on either side"
            )

    @property
    def width(self) -> int:
        """Width of a row."""
        return int(self.values.shape[1])

    @property
    def key(self) -> str:
        """Hash of values, as which numbers they are read, and mask."""
        kind = [self.values.dtype.str, *self.values.shape]
        return digest(["array-rows-1", kind, *(sha256_bytes(each.tobytes()) for each in (self.values, self.held_out))])

    @property
    def about(self) -> dict[str, Any]:
        """What the rows are."""
        return {"rows": len(self.values), "held_out_rows": int(self.held_out.sum())}

    def draws(self, size: int, seed: int, *, first: int = 0, held_out: bool = False) -> Iterator[Floats]:
        """Yield rows; see :class:`Rows`."""
        offered = np.flatnonzero(self.held_out if held_out else ~self.held_out)
        number = first
        while True:
            drawn = np.random.default_rng([seed, number]).integers(len(offered), size=size)
            yield np.asarray(self.values[offered[drawn]], dtype=np.float32)
            number += 1


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of one site of a store; tokens that are no gene are left out.

    Attributes
    ----------
    store
        The activations.
    site
        Of which.
    held_out
        Shape (cells,): cells that are not trained on.
    genes
        Shape (genes of the model,): whose tokens are read; all where not given.
    """

    store: Activations
    site: Site
    held_out: NDArray[np.bool_]
    genes: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        if self.site not in self.store.sites:
            raise SAETrainingError(f"{self.site} is not stored; there are {', '.join(self.store.of.sites)}")
        if self.held_out.shape != (self.store.n_cells,) or self.held_out.all() or not self.held_out.any():
            raise SAETrainingError(
                f"{int(self.held_out.sum())} of {self.store.n_cells} cells are held out; leave some on either side"
            )

    @property
    def width(self) -> int:
        """Width of a row."""
        return int(self.store.shard(0).tensors[self.site].shape[1])

    @property
    def key(self) -> str:
        """Hash of the store, the site and the cells that are held out."""
        genes = None if self.genes is None else sha256_bytes(self.genes.tobytes())
        return digest(["stored-rows-1", self.store.key, str(self.site), sha256_bytes(self.held_out.tobytes()), genes])

    @property
    def about(self) -> dict[str, Any]:
        """What the rows are."""
        of = self.store.of
        return {
            "site": str(self.site),
            "activations": self.store.key,
            "model_sha256": of.model_sha256,
            "variant": of.variant,
            "cells_sha256": of.cells_sha256,
            "cells": self.store.n_cells,
            "held_out_cells": int(self.held_out.sum()),
            "genes": "all" if self.genes is None else int(self.genes.sum()),
        }

    def draws(self, size: int, seed: int, *, first: int = 0, held_out: bool = False) -> Iterator[Floats]:
        """Yield rows; see :class:`Rows`."""
        cells = self.held_out if held_out else ~self.held_out
        for found in self.store.samples(self.site, size, seed, cells=cells, genes=self.genes, first=first):
            yield found.values.astype(np.float32)


def hold_out_cells(n_cells: int, groups: Sequence[str] | None, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which cells are held out: whole groups, such as donors, where there are several, else cells by lot.

    Groups are taken by lot until they hold the share of the cells, but never the last one.

    Parameters
    ----------
    n_cells
        How many there are.
    groups
        One a cell.
    share
        Of the cells, between 0 and 1.
    seed
        Of the lot.

    Raises
    ------
    SAETrainingError
        If either side would be empty, or there are more or fewer groups than cells.
    """
    if not 0 < share < 1:
        raise SAETrainingError(f"the held-out share is {share!r}; give one between 0 and 1")
    if groups is not None and len(groups) != n_cells:
        raise SAETrainingError(f"{len(groups)} groups of {n_cells} cells; give one a cell")
    draw = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    found = np.zeros(n_cells, dtype=np.bool_)
    names = sorted(set(groups)) if groups is not None else []
    if len(names) > 1 and groups is not None:
        of = np.array(list(groups))
        for name in draw.permutation(names)[: len(names) - 1]:
            found |= of == name
            if found.sum() >= share * n_cells:
                break
        return found
    count = round(share * n_cells)
    if not 0 < count < n_cells:
        raise SAETrainingError(
            f"a held-out share of {share!r} of {n_cells} cells leaves one side empty; give more cells"
        )
    found[draw.permutation(n_cells)[:count]] = True
    return found


@dataclass(frozen=True, eq=False)
class Scaling:
    """What makes rows centred and of unit mean square.

    Attributes
    ----------
    centre
        Shape (width,): mean of the rows.
    scale
        Root of the mean square of a centred coordinate.
    gamma
        Norm of the mean over the norm of the standard deviations; features die where it is large and rows are not
        centred (arXiv 2605.31518).
    """

    centre: Floats
    scale: float
    gamma: float

    def __call__(self, rows: Floats) -> Floats:
        """Return rows as they are trained on."""
        return np.asarray((rows - self.centre) / np.float32(self.scale))


def scaling_of(rows: Rows, size: int, seed: int) -> Scaling:
    """Return the scaling of rows, from sixteen draws of training rows.

    Raises
    ------
    SAETrainingError
        If all rows are the same.
    """
    count, total, squares = 0, np.zeros(rows.width), np.zeros(rows.width)
    for _, drawn in zip(range(_SCALING_DRAWS), rows.draws(size, seed), strict=False):
        count += len(drawn)
        total += drawn.sum(axis=0, dtype=np.float64)
        squares += np.square(drawn, dtype=np.float64).sum(axis=0)
    mean = total / count
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    spread = float(np.sqrt(variance.sum()))
    if not spread > 1e-6 * max(1.0, float(np.linalg.norm(mean))):
        raise SAETrainingError("all rows of activations are the same; there is nothing to learn from them")
    return Scaling(mean.astype(np.float32), float(np.sqrt(variance.mean())), float(np.linalg.norm(mean)) / spread)
