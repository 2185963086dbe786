"""Gene vectors as every description takes them: checked, aligned by name, without rows of genes that a model lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.data import GeneStatistics, Reference
from theodolite.tools.workbench import fit_axes

__all__ = [
    "GeneVectors",
    "Pairs",
    "coordinates_by_layer",
    "families_of",
    "gene_vectors",
    "layer_coordinates",
    "member_mask",
    "pair_positions",
    "statistics_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Pairs = Reference | Iterable[tuple[str, str]]
"""A list of pairs or edges: a reference of kind ``pairs`` or ``regulon``, or plain pairs of names."""


@dataclass(frozen=True, eq=False)
class GeneVectors:
    """Vectors of genes at every layer, rows of absent genes left out.

    Attributes
    ----------
    genes
        Names of the n genes that are present at every layer.
    vectors
        Shape (layers, n, width), in residual-stream units.
    present
        Shape (all genes,): which of the genes given are among ``genes``.
    absent
        Names of the genes without a vector: all zero, or all NaN, at some layer.
    """

    genes: tuple[str, ...]
    vectors: Floats
    present: Bools
    absent: tuple[str, ...]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.vectors)


def gene_vectors(vectors: ArrayLike, genes: Sequence[str]) -> GeneVectors:
    """Check vectors (layers, genes, width) and leave out the genes that a model does not have.

    A gene outside the vocabulary, or one that no cell shows, has a row of zeros or of NaN. After centring such rows
    make the first axis "present against absent", so no description sees them. A gene absent at one layer is left out
    at all of them, so that layers are compared on the same genes.

    Raises
    ------
    ValueError
        If shapes or names do not fit, a row holds NaN or infinity among finite numbers, or no gene is left.
    """
    array = np.asarray(vectors, dtype=np.float64)
    if array.ndim != 3:
        raise ValueError(f"vectors have shape {array.shape}; give (layers, genes, width), for one layer vectors[None]")
    if array.shape[1] != len(genes):
        raise ValueError(f"{array.shape[1]} rows of vectors for {len(genes)} gene names; name each row once")
    repeated = sorted(gene for gene, times in Counter(genes).items() if times > 1)
    if repeated:
        raise ValueError(f"gene names repeat: {', '.join(repeated[:5])}; a gene is found by name, so name it once")
    unknown = np.isnan(array).all(axis=2)
    finite = np.isfinite(array).all(axis=2)
    broken = (~finite & ~unknown).any(axis=0)
    if broken.any():
        named = [genes[place] for place in np.flatnonzero(broken)[:5]]
        raise ValueError(f"vectors of {', '.join(named)} hold NaN or infinity among numbers; capture them again")
    zero = (array == 0.0).all(axis=2)
    present = ~(unknown | zero).any(axis=0)
    if not present.any():
        raise ValueError(
            f"none of {len(genes)} genes has a vector other than zero at every layer; check the gene names"
        )
    kept = tuple(gene for gene, here in zip(genes, present.tolist(), strict=True) if here)
    absent = tuple(gene for gene, here in zip(genes, present.tolist(), strict=True) if not here)
    return GeneVectors(kept, array[:, present], present, absent)


def layer_coordinates(vectors: Floats, n_axes: int) -> Floats:
    """Return coordinates (layers, n, n_axes) on the singular axes that are fitted to each layer's own rows.

    The axes are those of :func:`theodolite.tools.fit_axes`: columns centred, coordinates ``U S``. Axes that were fitted
    on the rows they describe are a description; a claim is tested on axes from other genes.
    """
    return np.stack([fit_axes(rows, n_axes).coordinates(rows) for rows in vectors])


def coordinates_by_layer(coordinates: ArrayLike, genes: Sequence[str]) -> Floats:
    """Check coordinates on one axis, (layers, genes) or (genes,), and return them as (layers, genes).

    Raises
    ------
    ValueError
        If the shape does not fit the names, or a coordinate is not finite.
    """
    values = np.atleast_2d(np.asarray(coordinates, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != len(genes):
        raise ValueError(f"coordinates of shape {values.shape} for {len(genes)} genes; give (layers, genes)")
    if not np.isfinite(values).all():
        raise ValueError("a coordinate is not finite; leave genes without a vector out (see gene_vectors)")
    return values


def pair_positions(pairs: Pairs, genes: Sequence[str], *, directed: bool) -> tuple[Ints, Ints]:
    """Return where both genes of each pair stand, shape (m,) each; pairs with a gene outside ``genes`` are left out.

    Undirected pairs count once, whatever their order; a pair of a gene with itself never counts.

    Raises
    ------
    ValueError
        If a reference is a gene set, or no pair is among the genes.
    """
    if isinstance(pairs, Reference):
        members: Iterable[tuple[str, str]] = pairs.edges if pairs.kind == "regulon" else pairs.pairs
    else:
        members = pairs
    position = {gene: place for place, gene in enumerate(genes)}
    found = set()
    for first, second in members:
        if first in position and second in position and first != second:
            ends = (position[first], position[second])
            found.add(ends if directed else (min(ends), max(ends)))
    if not found:
        raise ValueError(f"no pair of the reference joins two of the {len(genes)} genes; check that names agree")
    ordered = np.array(sorted(found), dtype=np.int64)
    return ordered[:, 0], ordered[:, 1]


def member_mask(members: Reference | Iterable[str], genes: Sequence[str]) -> Bools:
    """Return which genes belong to a set, shape (n,).

    Raises
    ------
    ValueError
        If a reference is no set.
    """
    names = members.gene_set if isinstance(members, Reference) else frozenset(members)
    return np.array([gene in names for gene in genes], dtype=bool)


def families_of(families: Mapping[str, str] | None, genes: Sequence[str]) -> tuple[str, ...]:
    """Return the homology family of each gene; a gene without an entry is a family of its own."""
    known = families or {}
    return tuple(known.get(gene, f"alone:{gene}") for gene in genes)


def statistics_of(statistics: GeneStatistics, genes: Sequence[str]) -> Floats:
    """Return mean, variance and dropout of genes, shape (n, 3), aligned by name.

    Raises
    ------
    ValueError
        If a gene has no statistics.
    """
    position: Mapping[str, int] = {gene: place for place, gene in enumerate(statistics.genes)}
    missing = [gene for gene in genes if gene not in position]
    if missing:
        raise ValueError(
            f"{len(missing)} genes have no statistics, among them {', '.join(missing[:5])}; count them in the same "
            "cells, or leave these genes out of the vectors"
        )
    return statistics.matrix()[[position[gene] for gene in genes]]
