"""Cells as scGPT reads them without fine-tuning: ``<cls>``, then every counted gene with the bin of its count.

Counts are taken as they stand: bins are ranks within the cell, which neither its depth nor a logarithm alters
(Cui et al. 2024, Nature Methods, §value binning). Where the authors' code draws from an unseeded generator, the
numbers here come from a seed and the name of the cell, so that a cell has the same tokens wherever it stands.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellDataError, CellErrorCode, CellSet
from theodolite.models.scgpt.settings import ScGPTSettings, ScGPTVocabulary
from theodolite.models.tokens import NO_GENE, Tokens

__all__ = ["bin_values", "tokenise"]

SEED = 123
"""The seed of binning and of the choice among too many genes."""


def bin_values(values: NDArray[np.number[Any]], n_bins: int, draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bins of one cell's values: 0 where nothing was counted, else 1 to ``n_bins - 1``.

    The ``n_bins - 1`` edges are quantiles of the values above 0. A value that equals several edges (as many equal
    counts do) falls into a random one of the bins that meet there.

    Parameters
    ----------
    values
        Shape (n,): counts, or any increasing function of them that keeps 0.
    n_bins
        Bins, that of 0 included.
    draws
        Shape (n,): uniform on [0, 1), one for each value.

    Raises
    ------
    CellDataError
        If a value is negative or not finite.
    """
    row = np.asarray(values, dtype=np.float64)
    if not np.isfinite(row).all():
        raise CellDataError(CellErrorCode.NOT_FINITE, "a value to be binned is NaN or infinite; counts never are")
    if (row < 0).any():
        raise CellDataError(
            CellErrorCode.NEGATIVE, f"a value to be binned is {float(row.min())!r}; counts are never below 0"
        )
    bins = np.zeros(row.shape, dtype=np.int64)
    counted = row > 0
    above = row[counted]
    if above.size == 0:
        return bins
    edges = np.quantile(above, np.linspace(0.0, 1.0, n_bins - 1))
    upper = np.digitize(above, edges)
    lower = np.digitize(above, edges, right=True)
    bins[counted] = np.ceil(draws[counted] * (lower - upper) + upper).astype(np.int64)
    return bins


def _generator(cell: str) -> np.random.PCG64:
    words = np.frombuffer(hashlib.sha256(cell.encode("utf-8", "surrogatepass")).digest(), dtype="<u4")
    return np.random.PCG64(np.random.SeedSequence([SEED, *words.tolist()]))


def tokenise(cells: CellSet, settings: ScGPTSettings, vocabulary: ScGPTVocabulary) -> Tokens:
    """Return cells as the model reads them, genes in the order of the vocabulary.

    A cell with more counted genes than fit keeps ``<cls>`` and a random choice of them; ``Tokens.cut`` says how many
    were left out. Bins are made of all its genes before that.

    Raises
    ------
    CellDataError
        If the cells share no gene with the vocabulary, or a cell has no count of a gene that the model knows.
    """
    places = vocabulary.vocabulary.places(cells)
    known = np.flatnonzero(places >= 0)
    if known.size == 0:
        raise CellDataError(
            CellErrorCode.NO_KNOWN_GENE,
            f"none of the {len(cells.genes)} genes (such as {cells.genes[0]!r}) is among the {len(vocabulary.genes)} "
            f"symbols of the model (such as {vocabulary.genes[0]!r}); name genes by the symbols of its species",
        )
    # In the order of the vocabulary, so that the order of the cells' genes changes nothing.
    columns = known[np.argsort(places[known], kind="stable")]
    counts = cells.counts[:, columns].sorted_indices()
    genes = places[columns].astype(np.int32)
    lengths = np.diff(counts.indptr)
    empty = np.flatnonzero(lengths == 0)
    if empty.size:
        raise CellDataError(
            CellErrorCode.NO_KNOWN_GENE,
            f"{empty.size} cells have no count of the {known.size} genes that the model knows (first "
            f"{cells.cells[empty[0]]!r}); filter them out, or name genes as the model does",
        )
    room = settings.max_seq_len - 1
    kept = np.minimum(lengths, room)
    indptr = np.concatenate([[0], np.cumsum(kept + 1)]).astype(np.int64)
    ids = np.full(indptr[-1], vocabulary.cls_id, dtype=np.int32)
    tokens = np.full(indptr[-1], NO_GENE, dtype=np.int32)
    values = np.full(indptr[-1], settings.pad_value, dtype=np.float32)
    for cell, name in enumerate(cells.cells):
        start, stop = counts.indptr[cell], counts.indptr[cell + 1]
        bits = _generator(name)
        # The raw output of a bit generator is what numpy promises to keep.
        draws = (bits.random_raw(stop - start) >> np.uint64(11)) * 2.0**-53
        bins = bin_values(counts.data[start:stop], settings.n_bins, draws)
        chosen = np.arange(stop - start)
        if len(chosen) > room:
            chosen = np.sort(np.argsort(bits.random_raw(stop - start), kind="stable")[:room])
        here = slice(indptr[cell] + 1, indptr[cell + 1])
        tokens[here] = genes[counts.indices[start:stop][chosen]]
        values[here] = bins[chosen]
    ids[tokens >= 0] = vocabulary.gene_ids[tokens[tokens >= 0]]
    return Tokens(indptr, ids, tokens, values, (lengths - kept).astype(np.int32))
