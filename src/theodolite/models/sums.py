"""Running sums over cells, in place and in float64: hidden states by gene, attention by pair of genes.

What is added up does not grow with the number of cells. Tokens are looked up by their gene, so that cells of which each
has other genes in another order add up.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.compiling import compiled

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "NOT_CHOSEN",
    "CellPairs",
    "accumulate_hidden",
    "add_presence",
    "batch_places",
    "places_of",
]

NOT_CHOSEN = -1
"""Stands where a gene, or a token, has no place in the sums."""

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


def places_of(chosen: NDArray[np.integer], n_genes: int) -> Ints:
    """Return for each gene of a model its place among chosen ones, :data:`NOT_CHOSEN` for the others.

    Parameters
    ----------
    chosen
        Positions in ``model.genes``, in the order that the sums have.
    n_genes
        Genes of the model.

    Raises
    ------
    ValueError
        If a gene is chosen twice, or is none of the model's.
    """
    rows = np.asarray(chosen, dtype=np.int64)
    if rows.ndim != 1 or len(np.unique(rows)) != len(rows):
        raise ValueError(f"{rows.size} chosen genes of shape {rows.shape} repeat; choose each once")
    if rows.size and not (0 <= rows.min() and rows.max() < n_genes):
        raise ValueError(f"chosen genes {rows.min()} to {rows.max()}: the model has genes 0 to {n_genes - 1}")
    places = np.full(n_genes, NOT_CHOSEN, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return places


def accumulate_hidden(
    hidden: Tensor,
    genes: Tensor,
    sums: NDArray[np.float64],
    counts: Ints | None = None,
    *,
    place_of: Ints | None = None,
    groups: NDArray[np.integer] | None = None,
) -> None:
    """Add the hidden state of every gene's token to its sum.

    Parameters
    ----------
    hidden
        [B, T, d], of any floating-point type, on any device.
    genes
        [B, T], as in :class:`~theodolite.models.protocol.Batch`: tokens of no gene are left out.
    sums
        (n, d), changed in place; (groups, n, d) with ``groups``. C-contiguous.
    counts
        (n,), or (groups, n): in how many cells each gene was. All layers of a batch share them, so that they are given
        with one of the layers.
    place_of
        For each gene of the model its row of the sums, :data:`NOT_CHOSEN` where it has none; by default its position.
    groups
        (B,): group of each cell, counted from 0; cells of a negative group are left out.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    places = batch_places(genes, place_of)
    flat, counted = _of_groups(sums, groups, 2), None if counts is None else _of_groups(counts, groups, 1)
    n_rows, n_genes = len(flat), sums.shape[-2]
    if groups is not None:
        group = np.asarray(groups, dtype=np.int64)
        if group.shape != places.shape[:1] or (group.size and group.max() >= sums.shape[0]):
            raise ValueError(f"groups of {group.shape} up to {group.max(initial=-1)} for {sums.shape[0]} groups")
        places = np.where((places >= 0) & (group[:, None] >= 0), places + group[:, None] * n_genes, NOT_CHOSEN)
    _check_places(places, hidden.shape[:2], n_rows)
    if counts is not None and counts.shape != sums.shape[:-1]:
        raise ValueError(f"counts of {counts.shape} for sums of {sums.shape}")
    if hidden.ndim != 3 or flat.shape[1] != hidden.shape[2]:
        raise ValueError(f"hidden states of {tuple(hidden.shape)} do not fit into sums of {sums.shape}")
    _add_rows(_floats(hidden), places, flat)
    if counted is not None:
        np.add.at(counted, places[places >= 0], 1)


@dataclass(frozen=True, eq=False)
class CellPairs:
    """Where the attention of one cell belongs in the sums.

    Attributes
    ----------
    places
        (T,): place of each token, :data:`NOT_CHOSEN` where it has none.
    tokens, sorted_places
        The tokens that have one, in the order of their places: consecutive writes, where the order of tokens is that of
        their expression. Several tokens may have one place.
    """

    places: Ints
    tokens: NDArray[np.int32]
    sorted_places: NDArray[np.int32]

    @classmethod
    def of(cls, places: Ints) -> CellPairs:
        """Sort the places of one cell's tokens."""
        tokens = np.flatnonzero(places >= 0)
        tokens = tokens[np.argsort(places[tokens], kind="stable")]
        # Half as long, so that they stay in the first-level cache beside a row of attention and a row of sums.
        return cls(places, tokens.astype(np.int32), places[tokens].astype(np.int32))

    def add(
        self,
        attention: Tensor,
        sums: NDArray[np.float64],
        *,
        head: int = 0,
        query: int = 0,
        threads: int | None = None,
    ) -> None:
        """Add a part of the cell's attention, [h, t, k] from a head and a query on, to sums (H, n, n)."""
        part = _floats(attention)
        into, places = sums[head : head + len(part)], self.places[query : query + part.shape[1]]
        workers = torch.get_num_threads() if threads is None else threads
        # Below this a thread takes longer to start than to add.
        if workers == 1 or part.size < 2**20:
            _add_pairs(part, places, self.tokens, self.sorted_places, into, 0, 1)
            return
        with ThreadPoolExecutor(workers) as pool:
            arguments = (part, places, self.tokens, self.sorted_places, into)
            for done in [pool.submit(_add_pairs, *arguments, worker, workers) for worker in range(workers)]:
                done.result()


def batch_places(genes: Tensor, place_of: Ints | None) -> Ints:
    """Return for each token of a batch, [B, T], the place of its gene in the sums.

    Raises
    ------
    ValueError
        If a gene has no entry in ``place_of``.
    """
    found: Ints = np.asarray(genes.cpu().numpy(), dtype=np.int64)
    if place_of is None:
        return found
    if found.size and found.max() >= len(place_of):
        raise ValueError(f"gene {found.max()} has no entry among {len(place_of)} places; give one for each gene")
    return np.where(found >= 0, place_of[found], NOT_CHOSEN)


def _check_places(places: Ints, shape: tuple[int, ...], n_rows: int) -> None:
    if places.shape != tuple(shape):
        raise ValueError(f"genes of {places.shape} for a batch of {tuple(shape)}; give the genes of the same batch")
    if places.size and places.max() >= n_rows:
        raise ValueError(f"a gene has place {places.max()} in sums of {n_rows}")


def _of_groups(array: NDArray, groups: object, ndim: int) -> NDArray:  # type: ignore[type-arg]
    if not array.flags.c_contiguous or array.ndim != ndim + (groups is not None):
        raise ValueError(f"sums or counts of shape {array.shape}: C-contiguous, one axis more with groups than without")
    return array.reshape(-1, *array.shape[array.ndim - ndim + 1 :])


def _floats(tensor: Tensor) -> NDArray[np.float32]:
    found = tensor.detach().to(device="cpu", dtype=torch.float32)
    return np.asarray(found.contiguous().numpy())


@compiled
def _add_rows(hidden: NDArray[np.float32], places: Ints, sums: NDArray[np.float64]) -> None:
    for cell in range(hidden.shape[0]):
        for token in range(hidden.shape[1]):
            place = places[cell, token]
            if place >= 0:
                source, into = hidden[cell, token], sums[place]
                for column in range(len(into)):
                    into[column] += source[column]


@compiled
def add_presence(places: Ints, counts: Ints) -> None:
    """Add to counts (n, n), for every pair of genes, the cells (rows of places) in which both are."""
    for cell in range(len(places)):
        there = places[cell][places[cell] >= 0]
        for place in there:
            row = counts[place]
            for other in there:
                row[other] += 1


@compiled
def _add_pairs(
    part: NDArray[np.float32],
    places: Ints,
    tokens: NDArray[np.int32],
    sorted_places: NDArray[np.int32],
    sums: NDArray[np.float64],
    worker: int,
    workers: int,
) -> None:
    """Add those rows of the sums that are a worker's own, so that no two workers write to one row."""
    for head in range(part.shape[0]):
        for query in range(part.shape[1]):
            place = places[query]
            if place >= 0 and (head * sums.shape[1] + place) % workers == worker:
                source, into = part[head, query], sums[head, place]
                for key in range(len(tokens)):
                    into[sorted_places[key]] += source[tokens[key]]
