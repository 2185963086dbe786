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
    _rows: dict[tuple[Site, int, int], int] = field(default_factory=dict)
    _pairs: list[CellPairs] = field(default_factory=list)

    def begin(self, batch: Batch) -> dict[Site, Sink]:
        """Return who takes the attention of a batch, by site; its cells follow those that were finished."""
        self.places = batch_places(batch.genes, self.place_of)
        self._pairs = [CellPairs.of(places) for places in self.places]
        return {site: _SiteSink(self, site) for site in self.sums}

    def finish(self, n_cells: int) -> None:
        """Note that so many cells are in the sums, at all sites."""
        self._first += n_cells
        self._rows = {key: rows for key, rows in self._rows.items() if key[1] >= self._first}

    def add(self, site: Site, part: Tensor, cell: int, head: int, query: int) -> None:
        """Add those rows of a part of a cell's attention that were not added before, as a sink is given it.

        A cell that comes again may come in other parts than the first time; of each head, rows come in order.
        """
        heads, rows = part.shape[:2]
        keys = [(site, self._first + cell, head + offset) for offset in range(heads)]
        known = [max(self._rows.get(key, 0) - query, 0) for key in keys]
        alike = len(set(known)) == 1
        for offset in (0,) if alike else range(heads):
            if known[offset] < rows:
                fresh = part[:, known[0] :] if alike else part[offset : offset + 1, known[offset] :]
                self._pairs[cell].add(fresh, self.sums[site], head=head + offset, query=query + known[offset])
        for key in keys:
            self._rows[key] = max(self._rows.get(key, 0), query + rows)


@dataclass(frozen=True, eq=False)
class _SiteSink:
    adder: AttentionAdder
    site: Site

    def __call__(self, part: Tensor, cell: int, head: int, query: int) -> None:
        self.adder.add(self.site, part, cell, head, query)
