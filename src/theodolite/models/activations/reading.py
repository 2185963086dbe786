"""Reading activations that were stored: shard by shard, by cell, by gene, or rows at random."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.models.activations.errors import ActivationError, ActivationsDamaged
from theodolite.models.activations.keys import StoreOf
from theodolite.models.activations.shards import Shard, ShardRecord
from theodolite.models.sites import Site

__all__ = ["MANIFEST", "Activations", "Rows", "open_activations"]

MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a store.

    Attributes
    ----------
    values
        Shape (rows, width), half precision.
    cell, gene, position
        Shape (rows,), int32, each: as in the index.
    """

    values: NDArray[np.float16]
    cell: NDArray[np.int32]
    gene: NDArray[np.int32]
    position: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Activations:
    """A whole store. A shard's hashes are compared when it is first used; its tensors stay on disk.

    Attributes
    ----------
    folder
        Where.
    of
        What it is of.
    key
        Hash of that.
    records
        One a shard.
    """

    folder: Path
    of: StoreOf
    key: str
    records: tuple[ShardRecord, ...]
    _open: dict[int, Shard] = field(default_factory=dict, repr=False)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The sites that are stored."""
        return tuple(map(Site.parse, self.of.sites))

    @property
    def n_cells(self) -> int:
        """Cells that are stored."""
        return sum(record.cells for record in self.records)

    @property
    def n_rows(self) -> int:
        """Rows that are stored, those of special tokens included."""
        return sum(record.rows for record in self.records)

    def shard(self, number: int) -> Shard:
        """Return a shard, counted from 0.

        Raises
        ------
        ActivationsDamaged
            If its files are not what was written.
        """
        if number not in self._open:
            record = self.records[number]
            try:
                record.check(self.folder)
                self._open[number] = Shard.open(self.folder, record)
            except ActivationsDamaged as error:
                raise ActivationsDamaged(
                    f"{error}; write the activations again to have this shard made anew"
                ) from error
        return self._open[number]

    def shards(self) -> Iterator[Shard]:
        """Yield all shards in order; one that was not open before is let go of afterwards."""
        for number in range(len(self.records)):
            kept = number in self._open
            yield self.shard(number)
            if not kept:
                self._open.pop(number, None)

    def by_cell(self, site: Site, cell: int) -> Rows:
        """Return the rows of one cell in the order of its tokens.

        Raises
        ------
        KeyError
            If the cell or the site is not stored.
        """
        self._check_site(site)
        if not 0 <= cell < self.n_cells:
            raise KeyError(f"cell {cell!r}: {self.n_cells} are stored, counted from 0")
        firsts = [record.first for record in self.records]
        shard = self.shard(int(np.searchsorted(firsts, cell, side="right")) - 1)
        return _rows(shard, site, np.flatnonzero(shard.index.cell == cell))

    def by_gene(self, site: Site, gene: int) -> Rows:
        """Return the rows of one gene, by position in ``model.genes``, in the order of cells; none where it is in none.

        Raises
        ------
        KeyError
            If the site is not stored.
        """
        self._check_site(site)
        found = [_rows(shard, site, np.flatnonzero(shard.index.gene == gene)) for shard in self.shards()]
        return Rows(*(np.concatenate([getattr(rows, name) for rows in found]) for name in _FIELDS))

    def samples(
        self,
        site: Site,
        size: int,
        seed: int,
        *,
        cells: NDArray[np.bool_] | None = None,
        genes: NDArray[np.bool_] | None = None,
        special: bool = False,
        first: int = 0,
    ) -> Iterator[Rows]:
        """Yield rows drawn at random with replacement, ``size`` at a time, without end; the same for the same seed.

        Parameters
        ----------
        site
            Of which.
        size
            Rows in each draw.
        seed
            Of the draws; each has a seed of its own from it and its number.
        cells
            Shape (cells,): only rows of these, so that others can be held out.
        genes
            Shape (genes of the model,): only rows of these.
        special
            Whether tokens that are no gene take part.
        first
            Number of the first draw, so that one who was broken off goes on with the same rows.

        Raises
        ------
        KeyError
            If the site is not stored.
        ValueError
            If there is no row to draw.
        """
        self._check_site(site)
        if cells is not None and cells.shape != (self.n_cells,):
            raise ValueError(f"cells of shape {cells.shape}; give one value for each of the {self.n_cells} cells")
        offered = []
        for number in range(len(self.records)):
            index = self.shard(number).index
            chosen = np.ones(len(index.cell), dtype=np.bool_) if cells is None else cells[index.cell]
            if genes is not None:
                chosen &= np.where(index.gene >= 0, genes[index.gene], special)
            offered.append(np.flatnonzero(chosen if special else chosen & (index.gene >= 0)))
        bounds = np.concatenate([[0], np.cumsum([len(rows) for rows in offered])])
        if size < 1 or bounds[-1] == 0:
            raise ValueError(f"size={size!r} of {bounds[-1]} rows to draw from; give 1 or more of both")
        return self._drawn(site, size, seed, first, offered, bounds)

    def _drawn(
        self,
        site: Site,
        size: int,
        seed: int,
        number: int,
        offered: list[NDArray[np.intp]],
        bounds: NDArray[np.int64],
    ) -> Iterator[Rows]:
        width = self.shard(0).tensors[site].shape[1]
        while True:
            drawn = np.random.default_rng([seed, number]).integers(bounds[-1], size=size)
            number += 1
            of = np.searchsorted(bounds, drawn, side="right") - 1
            values = np.empty((size, width), dtype=np.float16)
            columns = np.empty((3, size), dtype=np.int32)
            for shard in np.unique(of):
                here = np.flatnonzero(of == shard)
                found = _rows(self.shard(int(shard)), site, offered[shard][drawn[here] - bounds[shard]])
                values[here] = found.values
                columns[:, here] = found.cell, found.gene, found.position
            yield Rows(values, *columns)

    def _check_site(self, site: Site) -> None:
        if site not in self.sites:
            raise KeyError(f"{site} is not stored; there are {', '.join(self.of.sites)}")


_FIELDS = ("values", "cell", "gene", "position")


def _rows(shard: Shard, site: Site, rows: NDArray[np.intp]) -> Rows:
    index = shard.index
    return Rows(np.asarray(shard.tensors[site][rows]), index.cell[rows], index.gene[rows], index.position[rows])


def open_activations(folder: Path, *, key: str | None = None) -> Activations:
    """Open a store that was written to the end.

    Parameters
    ----------
    folder
        Where.
    key
        Of the store that is expected; any where not given.

    Raises
    ------
    ActivationError
        If it was broken off, or is another store than the one that is expected.
    ActivationsDamaged
        If there is no store, or what it says of itself does not fit together.
    """
    path = folder / MANIFEST
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
        of = StoreOf.read(plain["of"])
        shards, found = plain["shards"], plain["key"]
        records = None if shards is None else tuple(ShardRecord(**record) for record in shards)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ActivationsDamaged(f"{path} is no manifest of stored activations ({error})") from error
    if found != of.key or any(record.key != found for record in records or ()):
        raise ActivationsDamaged(
            f"{path}: its key {found!r:.20} is not the hash of what it says it is of; write it again"
        )
    if key is not None and found != key:
        raise ActivationError(f"{folder} holds the activations {found[:12]}…, and {key[:12]}… are wanted")
    if records is None:
        raise ActivationError(f"{folder} was broken off; write the activations again, and it goes on from there")
    return Activations(folder, of, found, records)
