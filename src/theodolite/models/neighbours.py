"""Nearest neighbours of genes among the vectors of a model, and whether known groups of genes are found in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NeighbourCheck", "check_neighbours", "nearest_genes"]


@dataclass(frozen=True)
class NeighbourCheck:
    """How many of the nearest neighbours of genes belong to a group with them.

    Attributes
    ----------
    n_genes, k
        Genes that were asked, and neighbours of each.
    share, chance
        Share of neighbours that share a group with the gene, and what it is where neighbours are drawn at random.
    by_group
        The share by group.
    """

    n_genes: int
    k: int
    share: float
    chance: float
    by_group: Mapping[str, float]


def nearest_genes(
    vectors: NDArray[np.floating], genes: Sequence[str], gene: str, k: int = 10
) -> tuple[tuple[str, float], ...]:
    """Return the ``k`` genes nearest to one by cosine, with their cosines, the nearest first.

    The mean vector is taken away first: vectors of language models share a direction that says nothing of any of them.

    Parameters
    ----------
    vectors
        Shape (genes, width), such as ``model.read_out``.
    genes, gene
        Names of the rows, and the one that is asked about.
    k
        How many.

    Raises
    ------
    ValueError
        If the gene is not among them, or there are not ``k`` others.
    """
    if gene not in genes:
        raise ValueError(f"gene {gene!r} is not in the vocabulary of {len(genes)}, such as {genes[0]!r}")
    _check_k(k, genes)
    unit = _unit(vectors)
    row = genes.index(gene)
    order, cosine = _nearest(unit, np.array([row]), k)
    return tuple((genes[place], float(value)) for place, value in zip(order[0], cosine[0], strict=True))


def check_neighbours(
    vectors: NDArray[np.floating], genes: Sequence[str], groups: Mapping[str, Collection[str]], k: int = 10
) -> NeighbourCheck:
    """Return how many of the ``k`` nearest neighbours of the genes of known groups belong to the same group.

    Parameters
    ----------
    vectors, genes
        As in :func:`nearest_genes`.
    groups
        Genes by group (complexes, families, gene sets); genes that the model does not know are passed over, and so are
        groups with fewer than two that it knows. A gene may be in several groups and then counts in each.
    k
        Neighbours of each gene.

    Raises
    ------
    ValueError
        If no group has two genes of the model, or there are not ``k`` other genes.
    """
    _check_k(k, genes)
    place = {name: row for row, name in enumerate(genes)}
    known = {name: sorted({place[gene] for gene in members if gene in place}) for name, members in groups.items()}
    known = {name: rows for name, rows in known.items() if len(rows) > 1}
    if not known:
        raise ValueError(f"none of {len(groups)} groups has two genes of the model; name genes as the model does")
    unit = _unit(vectors)
    shares, weights, chances = {}, [], []
    for name, members in known.items():
        rows = np.array(members)
        shares[name] = float(np.isin(_nearest(unit, rows, k)[0], rows).mean())
        weights.append(len(rows))
        chances.append((len(rows) - 1) / (len(genes) - 1))
    return NeighbourCheck(
        n_genes=sum(weights),
        k=k,
        share=float(np.average(list(shares.values()), weights=weights)),
        chance=float(np.average(chances, weights=weights)),
        by_group=shares,
    )


def _check_k(k: int, genes: Sequence[str]) -> None:
    if not 1 <= k < len(genes):
        raise ValueError(f"k={k!r}: there are {len(genes) - 1} other genes; ask for 1 to as many")


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    found: NDArray[np.float64] = centred / np.where(length > 0, length, 1.0)
    return found


def _nearest(
    unit: NDArray[np.float64], rows: NDArray[np.integer], k: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    cosine = unit[rows] @ unit.T
    cosine[np.arange(len(rows)), rows] = -np.inf
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)
