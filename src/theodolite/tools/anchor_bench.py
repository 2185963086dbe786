"""What a tool of anchors may see: their features in a model, who they are, and which rows a fit may read."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.manifolds.embedding import Fitter

__all__ = ["AnchorBench"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class AnchorBench(Protocol):
    """Anchors, which are centroids of cells, with what a model holds of them. No ruler of a judged row is in reach."""

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the n anchors."""
        ...

    @property
    def donors(self) -> tuple[str, ...]:
        """Donor of each."""
        ...

    @property
    def blocks(self) -> tuple[str, ...]:
        """Donor and tissue of each."""
        ...

    @property
    def branches(self) -> tuple[str, ...]:
        """Branch of each."""
        ...

    @property
    def tips(self) -> tuple[str, ...]:
        """Branches that are left out of fits."""
        ...

    @property
    def readable(self) -> Bools:
        """Rows (n,) that fits may read: of donors of the search."""
        ...

    @property
    def judged(self) -> Bools:
        """Rows (n,) that count."""
        ...

    @property
    def seed(self) -> int:
        """Seed of random hold-outs."""
        ...

    def residual(self, layer: int) -> Floats:
        """Return the residual stream (n, width) after a block, mean over a cell's tokens and an anchor's cells."""
        ...

    def attention(self, layer: int) -> Floats:
        """Return the attention (n, genes) that each gene receives in a block, mean over heads, queries and cells."""
        ...

    def operated(self, layer: int) -> Floats:
        """Return expression (n, genes) carried over by a block's mean attention between genes, its operator."""
        ...

    def ruler(self) -> Floats | None:
        """Return distances (n, n) on the ruler between rows that may be read, 0 elsewhere; None where none is given."""
        ...

    def instead(self, dimension: int) -> tuple[Floats, Fitter] | None:
        """Return rows and fitter of a baseline that has no features of its own; None of a model."""
        ...
