"""Rank-value encoding: a cell as its genes by falling expression relative to their medians (Theodoris et al. 2023).

A gene's value is its count over the cell's whole depth, times 10,000, over the gene's median in the model's corpus.
Genes of equal value stand in the order of the vocabulary, so that the order of the columns of a file changes nothing
(upstream, ties fall as an unstable sort leaves them).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.models.geneformer.dictionaries import GeneDictionary
from theodolite.models.tokens import NO_GENE, Tokens

__all__ = ["depths", "rank_genes", "rank_value_tokens"]

TARGET_SUM = 10_000.0
CELLS_A_BLOCK = 64
HUMAN = ("human", "homo sapiens", "9606")

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile a loop, kept on disk where there is a place for it; it lets other threads run."""
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba finds no writable place for its cache, as in a read-only container
        return cast(Function, numba.njit(nogil=True)(function))


class Ranked(NamedTuple):
    """Genes of cells in descending order of their values, as positions in the vocabulary."""

    indptr: NDArray[np.int64]
    genes: NDArray[np.int32]
    cut: NDArray[np.int32]


def depths(cells: CellSet) -> NDArray[np.float64]:
    """Return the counts of each cell over all its genes, those included that the set no longer holds.

    It is the label ``n_counts`` where the cells carry it. Else the scale of a cell is 10,000 over this number, so
    that the number comes back, to the last bit where it is whole.

    Raises
    ------
    CellDataError
        If a label ``n_counts`` is no positive number.
    ValueError
        If the cells are shuffled: then no depth a cell exists any more.
    """
    if "n_counts" in cells.labels:
        return np.array([_depth(cell, text) for cell, text in zip(cells.cells, cells.labels["n_counts"], strict=True)])
    if cells.scale is None:
        raise ValueError(f"cells {cells.name!r} are shuffled within genes and have no depth a cell")
    found = TARGET_SUM / cells.scale
    whole = np.rint(found)
    return np.where(np.abs(found - whole) <= 1e-9 * found, whole, found)


def rank_value_tokens(cells: CellSet, dictionary: GeneDictionary, context: int, *, threads: int = 1) -> Tokens:
    """Return cells as Geneformer reads them.

    Parameters
    ----------
    cells
        Human cells with raw counts.
    dictionary
        Genes, medians and special tokens of the model.
    context
        Tokens that the model takes; V2 spends two of them on ``<cls>`` and ``<eos>``.
    threads
        Threads that share the cells; the tokens do not depend on it.

    Returns
    -------
    Tokens
        Without values; ``genes`` are positions in the dictionary, ``cut`` counts the genes beyond the context.

    Raises
    ------
    CellDataError
        If the cells are not human, are marked as not having passed the filter, or some express no gene of the
        vocabulary.
    """
    if cells.species.strip().lower() not in HUMAN:
        raise CellDataError(
            CellErrorCode.WRONG_SPECIES,
            f"cells {cells.name!r} are of species {cells.species!r}; this Geneformer knows human genes only, and mouse "
            "has a model of its own: give human cells",
        )
    _check_filter(cells)
    specials = dictionary.specials
    room = context - specials.framing
    if room < 1:
        raise ValueError(f"context={context!r} leaves no room for genes beside {specials.framing} special tokens")
    ranked = rank_genes(cells, dictionary, room, threads=threads)
    ids = dictionary.token_ids[ranked.genes]
    if specials.cls is None or specials.eos is None:
        return Tokens(ranked.indptr, ids, ranked.genes, None, ranked.cut)
    starts, ends = ranked.indptr[:-1], ranked.indptr[1:]
    # Both are inserted before a place of the unframed tokens, an end before the start that shares its place.
    at = np.column_stack([starts, ends]).ravel()
    return Tokens(
        ranked.indptr + 2 * np.arange(len(ranked.indptr)),
        np.insert(ids, at, np.tile(np.array([specials.cls, specials.eos], dtype=np.int32), len(starts))),
        np.insert(ranked.genes, at, NO_GENE),
        None,
        ranked.cut,
    )


def rank_genes(cells: CellSet, dictionary: GeneDictionary, room: int, *, threads: int = 1) -> Ranked:
    """Return the first ``room`` genes of each cell by rank value, as positions in the dictionary.

    Raises
    ------
    CellDataError
        If a cell expresses no gene of the vocabulary.
    """
    places = dictionary.vocabulary.places(cells).astype(np.int32)
    if (places < 0).all():
        raise CellDataError(
            CellErrorCode.NO_KNOWN_GENE,
            f"cells {cells.name!r} have no gene of the model's {len(dictionary.ensembl)}: their genes are named such "
            f"as {cells.genes[0]!r}; give human symbols or Ensembl ids",
        )
    counts = cells.counts
    if cells.scale is None:
        assert cells.normalised is not None
        # Counts per 10,000 of the cell that each value came from.
        amounts = np.expm1(cells.normalised.data.astype(np.float64))
        counts, per = cells.normalised, np.full(len(cells.cells), TARGET_SUM)
    else:
        amounts, per = counts.data, depths(cells)
    indptr, columns = counts.indptr.astype(np.int64), counts.indices.astype(np.int32)
    medians = dictionary.medians

    def block(start: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
        stop = min(start + CELLS_A_BLOCK, len(cells.cells))
        return _rank(indptr[start : stop + 1], columns, amounts, per[start:stop], places, medians, room)

    starts = range(0, len(cells.cells), CELLS_A_BLOCK)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        blocks = list(pool.map(block, starts))
    lengths = np.concatenate([lengths for lengths, _, _ in blocks])
    without = np.flatnonzero(lengths == 0)
    if len(without):
        raise CellDataError(
            CellErrorCode.NO_KNOWN_GENE,
            f"{len(without)} of {len(cells.cells)} cells express no gene of the model (such as "
            f"{cells.cells[without[0]]!r}); drop them",
        )
    return Ranked(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([genes for _, genes, _ in blocks]),
        np.concatenate([cut for _, _, cut in blocks]),
    )


def _depth(cell: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or found <= 0:
        raise CellDataError(
            CellErrorCode.MISSING_LABELS,
            f"n_counts of cell {cell!r} is {text!r}; it is the number of its counts: correct the column or drop it",
        )
    return found


def _check_filter(cells: CellSet) -> None:
    passed = cells.labels.get("filter_pass", ())
    if failed := sum(value not in ("1", "1.0", "True", "true") for value in passed):
        raise CellDataError(
            CellErrorCode.FILTERED,
            f"{failed} of {len(cells.cells)} cells have filter_pass other than 1, and Geneformer reads only cells that "
            "passed; take these out of the file first",
        )


@_compiled
def _rank(
    indptr: NDArray[np.int64],
    columns: NDArray[np.int32],
    amounts: NDArray[np.float64] | NDArray[np.int32],
    depth: NDArray[np.float64],
    places: NDArray[np.int32],
    medians: NDArray[np.float64],
    room: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return length, genes and cut of each cell; ``indptr`` is a stretch of the whole matrix's."""
    n_cells, n_genes = len(depth), len(medians)
    summed = np.zeros(n_genes)
    keys, other_keys = np.empty(n_genes, np.uint64), np.empty(n_genes, np.uint64)
    found, other_found = np.empty(n_genes, np.int32), np.empty(n_genes, np.int32)
    value = np.empty(1)
    bits = value.view(np.uint64)
    lengths, cut = np.empty(n_cells, np.int64), np.empty(n_cells, np.int32)
    genes = np.empty(n_cells * min(room, n_genes), np.int32)
    filled = 0
    for cell in range(n_cells):
        for entry in range(indptr[cell], indptr[cell + 1]):
            place = places[columns[entry]]
            if place >= 0:
                summed[place] += amounts[entry]
        n = 0
        for place in range(n_genes):
            if summed[place] > 0.0:
                value[0] = summed[place] / depth[cell] * 10_000.0 / medians[place]
                # Positive doubles sort as their bits do; flipped, the greatest comes first.
                keys[n] = ~bits[0]
                found[n] = place
                n += 1
                summed[place] = 0.0
        _sort(keys, found, other_keys, other_found, n)
        kept = min(n, room)
        genes[filled : filled + kept] = found[:kept]
        lengths[cell], cut[cell] = kept, n - kept
        filled += kept
    return lengths, genes[:filled].copy(), cut


@_compiled
def _sort(
    keys: NDArray[np.uint64],
    found: NDArray[np.int32],
    other_keys: NDArray[np.uint64],
    other_found: NDArray[np.int32],
    n: int,
) -> None:
    """Sort the first ``n`` by key, stably.

    A radix sort by the three digits of 11 bits below the sign, the last one first, leaves apart only what agrees in the
    first 22 bits of its fraction; insertion by the whole key puts these in order.
    """
    if n < 2:
        return
    counts = np.zeros((3, 2048), np.int64)
    for i in range(n):
        key = keys[i]
        for digit in range(3):
            counts[digit, (key >> np.uint64(30 + 11 * digit)) & np.uint64(2047)] += 1
    source, source_found, target, target_found = keys, found, other_keys, other_found
    for digit in range(3):
        shift = np.uint64(30 + 11 * digit)
        place = 0
        for value in range(2048):
            here = counts[digit, value]
            counts[digit, value] = place
            place += here
        for i in range(n):
            value = (source[i] >> shift) & np.uint64(2047)
            at = counts[digit, value]
            counts[digit, value] = at + 1
            target[at], target_found[at] = source[i], source_found[i]
        source, target = target, source
        source_found, target_found = target_found, source_found
    keys[0], found[0] = source[0], source_found[0]
    for i in range(1, n):
        key, gene = source[i], source_found[i]
        at = i
        while at > 0 and keys[at - 1] > key:
            keys[at], found[at] = keys[at - 1], found[at - 1]
            at -= 1
        keys[at], found[at] = key, gene
