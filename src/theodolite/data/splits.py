"""Splits: a partition of gene families and of cell units into discovery and confirmation blocks.

A split is fixed by its unit table, seed, number of blocks and share; references, models and tools play no part, so one
partition serves them all. Where it cuts a whole table of families, the cells play no part either, and it serves several
cell sets: a gene is on the same side in all of them. Model forwards see all genes; a split hides labels and score rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from theodolite.canonical import digest
from theodolite.data.cells import CellSet, UnitKind
from theodolite.data.families import GeneFamilies
from theodolite.data.seeded import seeded_bits, stable_permutation

__all__ = [
    "CONFIRMATION",
    "DEFAULT_SPLIT_SEED",
    "DISCOVERY",
    "Split",
    "SplitError",
    "UnitTable",
    "donor_split",
    "make_split",
]

DEFAULT_SPLIT_SEED = 1
DISCOVERY = "discovery"
CONFIRMATION = "confirmation"
MOST_BLOCKS = 4
_FAMILY_STREAM, _CELL_STREAM = 1, 2


class SplitError(ValueError):
    """A split that cannot be made, or a part that it does not have."""


@dataclass(frozen=True)
class UnitTable:
    """The units that a split keeps whole.

    Attributes
    ----------
    gene_family
        (gene, family or None), sorted by gene. A gene without a family is in no part.
    cell_unit
        (cell, unit), sorted by cell.
    cell_unit_kind
        What the units of cells are: ``donor``, else ``batch``, else ``cell``.
    """

    gene_family: tuple[tuple[str, str | None], ...]
    cell_unit: tuple[tuple[str, str], ...]
    cell_unit_kind: UnitKind

    @classmethod
    def of(cls, cells: CellSet, families: GeneFamilies, genes: Sequence[str] | None = None) -> UnitTable:
        """Make the table of a cell set's cells and genes, or of some of its genes."""
        universe = cells.genes if genes is None else genes
        gene_family = zip(universe, families.of(universe), strict=True)
        return cls(
            gene_family=tuple(sorted(gene_family, key=lambda row: row[0])),
            cell_unit=tuple(sorted(zip(cells.cells, cells.units, strict=True))),
            cell_unit_kind=cells.unit_kind,
        )

    @cached_property
    def sha256(self) -> str:
        """Content hash of the table."""
        return digest([self.gene_family, self.cell_unit, self.cell_unit_kind])

    @cached_property
    def family_of(self) -> dict[str, str | None]:
        """Family by gene, None for a gene of the universe without one."""
        return dict(self.gene_family)

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the universe, sorted by name."""
        return tuple(sorted({family for _, family in self.gene_family if family is not None}))

    @property
    def cell_units(self) -> tuple[str, ...]:
        """The units of cells, sorted by name."""
        return tuple(sorted({unit for _, unit in self.cell_unit}))

    @property
    def share_without_family(self) -> float:
        """Share of the universe's genes that have no family and so are in no part."""
        return sum(family is None for _, family in self.gene_family) / len(self.gene_family)


@dataclass(frozen=True)
class Split:
    """A partition of families and cell units.

    Parts are ``discovery``, ``block-1`` ... ``block-K``, and ``confirmation`` for all blocks together.

    Attributes
    ----------
    units
        What was partitioned.
    seed, k, confirmation_share
        What fixed the partition.
    family_parts, cell_parts
        Sorted families and cell units of discovery (first) and of each block.
    table
        Content hash of the table of families that was cut whole; None where the families of the units were.
    """

    units: UnitTable
    seed: int
    k: int
    confirmation_share: float
    family_parts: tuple[tuple[str, ...], ...]
    cell_parts: tuple[tuple[str, ...], ...]
    table: str | None = None

    @cached_property
    def sha256(self) -> str:
        """Hash of (unit table or table of families, seed, k, share), which fix the families' partition."""
        cut = {"units": self.units.sha256} if self.table is None else {"families": self.table}
        return digest({**cut, "seed": self.seed, "k": self.k, "confirmation_share": self.confirmation_share})

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the confirmation blocks."""
        return tuple(f"block-{number}" for number in range(1, self.k + 1))

    def block_id(self, block: str) -> str:
        """Return the name of a block that is unique over splits."""
        self._select(block, self.family_parts)
        return f"{self.sha256[:12]}/{block}"

    def families(self, part: str) -> tuple[str, ...]:
        """Return the families of a part, sorted.

        Raises
        ------
        SplitError
            If there is no such part.
        """
        return self._select(part, self.family_parts)

    def cell_units(self, part: str) -> tuple[str, ...]:
        """Return the cell units of a part, sorted; raises :class:`SplitError` if there is no such part."""
        return self._select(part, self.cell_parts)

    def genes(self, part: str) -> tuple[str, ...]:
        """Return the genes of a part, sorted; raises :class:`SplitError` if there is no such part."""
        chosen = set(self.families(part))
        return tuple(gene for gene, family in self.units.gene_family if family in chosen)

    def cells(self, part: str) -> tuple[str, ...]:
        """Return the cells of a part, sorted; raises :class:`SplitError` if there is no such part."""
        chosen = set(self.cell_units(part))
        return tuple(cell for cell, unit in self.units.cell_unit if unit in chosen)

    def _select(self, part: str, parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
        if part == DISCOVERY:
            return parts[0]
        if part == CONFIRMATION:
            return tuple(sorted(chain.from_iterable(parts[1:])))
        if part in self.blocks:
            return parts[1 + self.blocks.index(part)]
        raise SplitError(f"no part {part!r}; there is {', '.join((DISCOVERY, CONFIRMATION, *self.blocks))}")


def make_split(
    units: UnitTable,
    seed: int = DEFAULT_SPLIT_SEED,
    *,
    k: int = 1,
    confirmation_share: float = 2 / 3,
    table: GeneFamilies | None = None,
) -> Split:
    """Partition families and cell units by a seeded permutation of their names.

    Two thirds of the families (not of the genes) go to confirmation by default, in ``k`` blocks whose numbers of
    families differ by at most one. Discovery is the same for every ``k``, and the families' partition does not depend
    on the cells. Cell units are cut in the same way; where they are few a block may hold none of them.

    Parameters
    ----------
    units
        The unit table.
    seed
        Seed of the permutation.
    k
        Number of confirmation blocks, 1 to 4.
    confirmation_share
        Share of the units that go to confirmation.
    table
        The table that the units' families come from, to cut all of its families and not only those of the units. Its
        parts then hold a family whatever the cells, and their sizes among the families of the units vary.

    Raises
    ------
    SplitError
        If there are too few families for discovery and ``k`` blocks, or ``k``, seed or share is out of range.
    """
    if not 1 <= k <= MOST_BLOCKS:
        raise SplitError(f"k is {k!r}; a split has 1 to {MOST_BLOCKS} confirmation blocks")
    if seed < 0:
        raise SplitError(f"seed is {seed!r}; seeds are not negative")
    if not 0 < confirmation_share < 1:
        raise SplitError(f"confirmation_share is {confirmation_share!r}; it lies between 0 and 1")
    families = units.families if table is None else tuple(sorted(set(table.family.values())))
    family_parts = _partition(families, seed, _FAMILY_STREAM, k, confirmation_share)
    if table is not None:
        measured = set(units.families)
        family_parts = tuple(tuple(family for family in part if family in measured) for part in family_parts)
    if not all(family_parts):
        raise SplitError(
            f"{len(units.families)} families are too few for discovery and {k} blocks; "
            "use more genes, a family table that covers them, or fewer blocks"
        )
    cell_parts = _partition(units.cell_units, seed, _CELL_STREAM, k, confirmation_share)
    return Split(
        units, seed, k, confirmation_share, family_parts, cell_parts, table=None if table is None else table.sha256
    )


@dataclass(frozen=True)
class DonorSplit(Split):
    """A partition of donors alone, for claims that speak of cells; genes are in no part of it."""

    @cached_property
    def sha256(self) -> str:
        """Hash of donors, seed and share, which fix the partition."""
        donors = sorted({donor for part in self.cell_parts for donor in part})
        of = {"donors": donors, "cells": self.units.sha256}
        return digest({**of, "seed": self.seed, "k": self.k, "confirmation_share": self.confirmation_share})


def donor_split(donor_of: Mapping[str, str], donors: Sequence[str], seed: int, kind: UnitKind) -> DonorSplit:
    """Divide donors in two halves, one to search by and one block to judge by, by a seeded permutation of their names.

    Parameters
    ----------
    donor_of
        Donor of each cell, or the group that it was dealt into: equal names of donors of two data sets, and groups that
        were dealt otherwise, make another split.
    donors
        Every donor that has an anchor.
    seed
        Seed of the permutation.
    kind
        ``donor``, or ``cell`` where groups of cells stand in for them.

    Raises
    ------
    SplitError
        If there are not two donors, or the seed is negative.
    """
    if seed < 0:
        raise SplitError(f"seed is {seed!r}; seeds are not negative")
    if len(names := sorted(set(donors))) < 2:
        raise SplitError(f"the anchors are of {len(names)} donors; halves need two or more")
    units = UnitTable((), tuple(sorted(donor_of.items())), kind)
    parts = _partition(names, seed, _CELL_STREAM, 1, 0.5)
    return DonorSplit(units, seed, 1, 0.5, ((), ()), parts)


def _partition(names: Sequence[str], seed: int, stream: int, k: int, share: float) -> tuple[tuple[str, ...], ...]:
    order = [names[index] for index in stable_permutation(seeded_bits(seed, stream), len(names))]
    n_confirmation = int(len(names) * share + 0.5)
    bounds = [n_confirmation * block // k for block in range(k + 1)]
    blocks = [order[start:stop] for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]
    return tuple(tuple(sorted(part)) for part in (order[n_confirmation:], *blocks))
