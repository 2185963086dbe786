"""Attention added up as it is computed: no map of a cell is kept, and nothing is added twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.models.protocol import Batch, Sink
from theodolite.models.sites import Site
from theodolite.models.sums import CellPairs, batch_places

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AttentionAdder"]

Ints = NDArray[np.int64]


@dataclass(eq=False)
class AttentionAdder:
    """Adds attention between chosen genes to sums, site by site.

    Where memory runs out in the middle of a batch, a smaller one begins with the same cells: what they have added is
    not added again.

    Attributes
    ----------
    place_of
        For each gene of the model its place in the sums, as of :func:`theodolite.models.sums.places_of`.
    sums
        By site of attention, shape (heads, n, n), changed in place.
    places
        [B, T]: places of the batch that began last.
    """

    place_of: Ints
    sums: Mapping[Site, NDArray[np.float64]]
    places: Ints = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))
    _first: int = 0
    _done: set[tuple[Site, int, int, int]] = field(default_factory=set)
    _pairs: list[CellPairs] = field(default_factory=list)

    def begin(self, batch: Batch) -> dict[Site, Sink]:
        """Return who takes the attention of a batch, by site; its cells follow those that were finished."""
        self.places = batch_places(batch.genes, self.place_of)
        self._pairs = [CellPairs.of(places) for places in self.places]
        return {site: _SiteSink(self, site) for site in self.sums}

    def finish(self, n_cells: int) -> None:
        """Note that so many cells are in the sums, at all sites."""
        self._first += n_cells
        self._done = {key for key in self._done if key[1] >= self._first}

    def add(self, site: Site, part: Tensor, cell: int, head: int, query: int) -> None:
        """Add a part of a cell's attention, as a sink is given it, unless it was added before."""
        key = (site, self._first + cell, head, query)
        if key not in self._done:
            self._pairs[cell].add(part, self.sums[site], head=head, query=query)
            self._done.add(key)


@dataclass(frozen=True, eq=False)
class _SiteSink:
    adder: AttentionAdder
    site: Site

    def __call__(self, part: Tensor, cell: int, head: int, query: int) -> None:
        self.adder.add(self.site, part, cell, head, query)
