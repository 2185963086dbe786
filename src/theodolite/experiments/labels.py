"""Labels of a reference among some genes; pairs inside a family, and so of a gene with itself, are never labelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.data import Reference

__all__ = ["edge_places", "label_places", "pair_labels"]


def pair_labels(pairs: Reference, genes: Sequence[str], families: Sequence[str]) -> NDArray[np.bool_]:
    """Return which pairs of genes are members, a symmetric matrix of shape (n, n)."""
    position = {gene: index for index, gene in enumerate(genes)}
    matrix = np.zeros((len(genes), len(genes)), dtype=bool)
    for first, second in pairs.pairs:
        if first in position and second in position:
            matrix[position[first], position[second]] = matrix[position[second], position[first]] = True
    family = np.array(families)
    return np.asarray(matrix & (family[:, None] != family[None, :]))


def edge_places(
    regulon: Reference, regulators: Sequence[str], genes: Sequence[str], families: Sequence[str]
) -> NDArray[np.intp]:
    """Return the edges of a regulon as sorted flat positions in a matrix of regulators by genes."""
    family = dict(zip(genes, families, strict=True))
    row = {gene: index for index, gene in enumerate(regulators)}
    column = {gene: index for index, gene in enumerate(genes)}
    places = [
        row[regulator] * len(genes) + column[target]
        for regulator, target in regulon.edges
        if regulator in row and target in column and family[regulator] != family[target]
    ]
    return np.array(sorted(places), dtype=np.intp)


def label_places(
    reference: Reference, rows: Sequence[str], genes: Sequence[str], families: Sequence[str]
) -> NDArray[np.intp]:
    """Return the flat positions at which labels are true, by the kind of the reference; ``rows`` are its regulators."""
    if reference.kind == "set":
        return np.flatnonzero([gene in reference.gene_set for gene in genes])
    if reference.kind == "pairs":
        return np.flatnonzero(pair_labels(reference, genes, families))
    return edge_places(reference, rows, genes, families)
