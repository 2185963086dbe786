"""Cells as the campaign sees them: counts, how they are normalised, labels, and the units that a split keeps whole.

Normalised values are ``log1p(counts * scale)`` with one scale a cell. For an ordinary count matrix the scale is
10,000 / total. A matrix cut to some genes keeps the scale of the whole cell, so its total is not what it was
normalised by. Where values are shuffled within genes no scale a cell exists any more; such a set carries the values
themselves (``normalised``) beside its equally shuffled counts, and never a scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.canonical import canonical_json, sha256_bytes
from theodolite.claims import Covariate
from theodolite.data.counts import CellDataError, CellErrorCode, check_ensembl, named_columns, validate_counts
from theodolite.data.seeded import seeded_bits, stable_permutation
from theodolite.sources import Source

__all__ = ["ROLES", "CellSet", "GeneStatistics", "UnitKind"]

UnitKind = Literal["donor", "batch", "cell"]
Floats = NDArray[np.float64]

ROLES = ("donor", "batch", "cell_type", "condition", "perturbation")
"""What a column of labels can be."""

_SHUFFLE_STREAM = 3


@dataclass(frozen=True, eq=False)
class GeneStatistics:
    """Statistics of each gene from the counts of the same cells, never from a model.

    Attributes
    ----------
    genes
        Names; n of them.
    mean_expression, variance
        Shape (n,): mean and variance (divisor n cells) of log1p counts per 10,000.
    dropout
        Shape (n,): share of cells without a count.
    """

    genes: tuple[str, ...]
    mean_expression: Floats
    variance: Floats
    dropout: Floats

    def matrix(
        self, covariates: Sequence[Covariate] = (Covariate.MEAN, Covariate.VARIANCE, Covariate.DROPOUT)
    ) -> Floats:
        """Return the named statistics of genes as columns, shape (n, len(covariates))."""
        return np.column_stack([getattr(self, Covariate(covariate).value) for covariate in covariates])


@dataclass(frozen=True, eq=False)
class CellSet:
    """Cells with integer counts.

    Attributes
    ----------
    name
        What a person calls it, such as ``pbmc``.
    genes, cells
        Column and row names, unique.
    counts
        Shape (cells, genes), int32, canonical CSR.
    labels
        Annotation columns by name, one text a cell.
    species
        Such as ``human``.
    origin
        Where the cells come from, in words.
    scale
        Shape (cells,): normalised value = log1p(count * scale). Exactly one of ``scale`` and ``normalised`` is given.
    normalised
        Shape (cells, genes), float32: the values themselves, for shuffled cells.
    donor, batch, cell_type, condition, perturbation
        The label columns that name donors, batches, cell types, conditions and perturbed genes, where there are any.
    control
        The value of the perturbation column that stands for unperturbed cells; given with ``perturbation`` only.
    ensembl
        The Ensembl gene id of each gene without its version, ``""`` where it is unknown; no id twice. None where the
        cells came without ids.

    Raises
    ------
    CellDataError
        For everything that :func:`validate_counts` refuses, ``missing_labels`` for labels that are absent, empty
        or of another length, and ``bad_gene_ids`` for Ensembl ids that are none, repeated or too few.
    """

    name: str
    genes: tuple[str, ...]
    cells: tuple[str, ...]
    counts: sparse.csr_array
    labels: Mapping[str, tuple[str, ...]]
    species: str
    origin: str
    scale: Floats | None = None
    normalised: sparse.csr_array | None = None
    donor: str | None = None
    batch: str | None = None
    cell_type: str | None = None
    condition: str | None = None
    perturbation: str | None = None
    control: str | None = None
    ensembl: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        counts = validate_counts(self.counts, self.genes, self.cells)
        counts.data.setflags(write=False)
        object.__setattr__(self, "counts", counts)
        self._check_normalisation()
        named_columns(self.roles.values(), tuple(self.labels))
        if (self.perturbation is None) != (self.control is None):
            raise CellDataError(
                CellErrorCode.MISSING_LABELS,
                f"perturbation is {self.perturbation!r} and control is {self.control!r}; give the column and the value "
                "in it that stands for unperturbed cells, or neither",
            )
        if self.ensembl is not None:
            check_ensembl(self.ensembl, len(self.genes))
        for column, values in self.labels.items():
            blank = sum(not value for value in values)
            if len(values) != len(self.cells) or blank:
                raise CellDataError(
                    CellErrorCode.MISSING_LABELS,
                    f"label {column!r} has {len(values)} values, {blank} of them blank, for {len(self.cells)} cells",
                )

    def _check_normalisation(self) -> None:
        if (self.scale is None) == (self.normalised is None):
            raise ValueError("a cell set carries either a scale a cell or normalised values, not both and not neither")
        if self.scale is not None:
            scale = np.array(self.scale, dtype=np.float64)
            if scale.shape != (len(self.cells),) or not np.isfinite(scale).all() or (scale <= 0).any():
                raise CellDataError(
                    CellErrorCode.WRONG_SHAPE, f"scale has shape {scale.shape}; it is one positive number a cell"
                )
            scale.setflags(write=False)
            object.__setattr__(self, "scale", scale)
        elif self.normalised is not None and self.normalised.shape != self.counts.shape:
            raise CellDataError(
                CellErrorCode.WRONG_SHAPE,
                f"normalised values of shape {self.normalised.shape} for counts of shape {self.counts.shape}",
            )

    @classmethod
    def from_counts(
        cls,
        name: str,
        counts: NDArray[np.generic] | sparse.csr_array,
        genes: Sequence[str],
        cells: Sequence[str],
        *,
        labels: Mapping[str, Sequence[str]] | None = None,
        species: str,
        origin: str,
        donor: str | None = None,
        batch: str | None = None,
        cell_type: str | None = None,
        condition: str | None = None,
        perturbation: str | None = None,
        control: str | None = None,
        ensembl: Sequence[str] | None = None,
    ) -> CellSet:
        """Make a cell set from a whole count matrix (cells, genes), scaled to 10,000 counts a cell."""
        checked = validate_counts(counts, genes, cells)
        return cls(
            name=name,
            genes=tuple(genes),
            cells=tuple(cells),
            counts=checked,
            labels={column: tuple(values) for column, values in (labels or {}).items()},
            species=species,
            origin=origin,
            scale=1e4 / checked.sum(axis=1, dtype=np.float64),
            donor=donor,
            batch=batch,
            cell_type=cell_type,
            condition=condition,
            perturbation=perturbation,
            control=control,
            ensembl=None if ensembl is None else tuple(ensembl),
        )

    @cached_property
    def sha256(self) -> str:
        """Content hash of genes, cells, counts, normalisation, labels and species; not of name and origin.

        Ensembl ids and the roles that came with them (cell type, condition, perturbation, control) count where they are
        given, for what a model or tool makes of the cells may hang on them.
        """
        head: dict[str, object] = {
            "genes": self.genes,
            "cells": self.cells,
            "labels": {column: list(values) for column, values in self.labels.items()},
            "species": self.species,
            "normalisation": "scale" if self.scale is not None else "values",
        }
        later = {"cell_type": self.cell_type, "condition": self.condition, "perturbation": self.perturbation}
        later |= {"control": self.control}
        head |= {name: value for name, value in later.items() if value is not None}
        if self.ensembl is not None:
            head["ensembl"] = self.ensembl
        parts = [canonical_json(head).encode(), *_csr_bytes(self.counts, "<i4")]
        if self.scale is not None:
            parts.append(self.scale.astype("<f8").tobytes())
        elif self.normalised is not None:
            parts.extend(_csr_bytes(self.normalised, "<f4"))
        return sha256_bytes("".join(sha256_bytes(part) for part in parts).encode())

    @property
    def source(self) -> Source:
        """The cells as a source, for ancestry."""
        return Source(name=f"cells:{self.name}", sha256=self.sha256)

    @property
    def roles(self) -> dict[str, str]:
        """The label column by role, of the roles that are given."""
        columns = {role: getattr(self, role) for role in ROLES}
        return {role: column for role, column in columns.items() if column is not None}

    @property
    def unit_kind(self) -> UnitKind:
        """The unit that a split of cells keeps whole: donors, else batches, else single cells."""
        return "donor" if self.donor is not None else "batch" if self.batch is not None else "cell"

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each cell (donor, batch, or its own name)."""
        column = self.donor if self.donor is not None else self.batch
        return self.labels[column] if column is not None else self.cells

    def label(self, column: str) -> tuple[str, ...]:
        """Return one label column.

        Raises
        ------
        CellDataError
            ``missing_labels`` if there is no such column.
        """
        named_columns([column], tuple(self.labels))
        return self.labels[column]

    def _values(self) -> sparse.csr_array:
        if self.scale is None:
            assert self.normalised is not None
            return self.normalised.astype(np.float64)
        rows = np.repeat(self.scale, np.diff(self.counts.indptr))
        return sparse.csr_array(
            (np.log1p(self.counts.data * rows), self.counts.indices, self.counts.indptr), shape=self.counts.shape
        )

    def log1p_cp10k(self, genes: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return log1p of counts per 10,000, dense float32 of shape (cells, genes), of some genes where they are named.

        Raises
        ------
        KeyError
            If a gene is not in the set.
        """
        values = self._values().astype(np.float32)
        if genes is not None:
            position = {gene: column for column, gene in enumerate(self.genes)}
            values = values[:, [position[gene] for gene in genes]]
        return np.asarray(values.toarray())

    def gene_statistics(self) -> GeneStatistics:
        """Return mean, variance and dropout of every gene, float64."""
        values = self._values()
        n = len(self.cells)
        mean = np.asarray(values.sum(axis=0)) / n
        stored = np.bincount(values.indices, minlength=len(self.genes))
        centred = np.bincount(
            values.indices, weights=(values.data - mean[values.indices]) ** 2, minlength=len(self.genes)
        )
        variance = (centred + (n - stored) * mean**2) / n
        return GeneStatistics(self.genes, mean, variance, 1.0 - stored / n)

    def shuffled_within_gene(self, seed: int) -> CellSet:
        """Permute each gene's values over cells: margins of genes stay, everything between genes goes.

        Counts move with their normalised values, so zero stays zero. A cell that loses its last count is refused
        (``empty_cells``); with hundreds of genes that does not happen.
        """
        bits = seeded_bits(seed, _SHUFFLE_STREAM)
        values = sparse.csc_array(self._values().astype(np.float32))
        counts = sparse.csc_array(self.counts)
        order = np.empty(counts.indices.size, dtype=counts.indices.dtype)
        for gene in range(len(self.genes)):
            start, stop = counts.indptr[gene], counts.indptr[gene + 1]
            order[start:stop] = stable_permutation(bits, len(self.cells))[: stop - start]
        moved = [
            sparse.csr_array(sparse.csc_array((matrix.data, order, counts.indptr), shape=counts.shape))
            for matrix in (counts, values)
        ]
        for matrix in moved:
            matrix.sort_indices()
        return replace(
            self,
            name=f"{self.name}:shuffled_within_gene({seed})",
            counts=moved[0],
            normalised=moved[1],
            scale=None,
            origin=f"{self.origin}; values permuted over cells within each gene, seed {seed}",
        )

    def take_evenly(self, most: int) -> CellSet:
        """Return at most so many cells, spread evenly over those there are.

        Raises
        ------
        ValueError
            If that is less than one.
        """
        if most < 1:
            raise ValueError(f"{most!r} cells at most; read one cell or more")
        places = np.unique(np.linspace(0, len(self.cells) - 1, min(most, len(self.cells))).round().astype(int))
        return self.take_cells([self.cells[place] for place in places])

    def take_cells(self, cells: Sequence[str]) -> CellSet:
        """Return the named cells, in the order given, with the scale they have here.

        Raises
        ------
        KeyError
            If a cell is not in the set.
        """
        position = {cell: index for index, cell in enumerate(self.cells)}
        rows = np.array([position[cell] for cell in cells], dtype=np.intp)
        return replace(
            self,
            cells=tuple(cells),
            counts=self.counts[rows],
            labels={column: tuple(values[row] for row in rows) for column, values in self.labels.items()},
            scale=None if self.scale is None else self.scale[rows],
            normalised=None if self.normalised is None else self.normalised[rows],
        )


def _csr_bytes(matrix: sparse.csr_array, dtype: str) -> list[bytes]:
    return [
        matrix.indptr.astype("<i8").tobytes(),
        matrix.indices.astype("<i4").tobytes(),
        matrix.data.astype(dtype).tobytes(),
    ]
