"""What a campaign reads of a model: gene vectors and gene-pair attention, averaged over cells in one pass.

A gene's vector is averaged over the cells in which the gene is a token, attention over those in which both genes are.
For a model that reads every gene of every cell these are all cells; for one that reads the expressed genes of a cell,
the numbers of cells are kept beside the averages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.data import CellSet
from theodolite.files import write_atomically
from theodolite.models.activations.errors import ActivationError
from theodolite.models.gaps import AdditiveFit
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention, residual

if TYPE_CHECKING:
    from theodolite.models.running import Pass

__all__ = [
    "CAPTURE_SUFFIX",
    "Capture",
    "capture",
    "capture_name",
    "captured_of",
    "known_genes",
    "load_capture",
    "rows_of",
    "save_capture",
]

CELLS_PER_STEP = 4
"""Few, so that the attention of a step fits into memory that is reused: fresh pages cost more than the arithmetic."""

CELLS_PER_READING = 512
"""Cells that are tokenised at a time."""

CAPTURE_SUFFIX = ".safetensors"
"""How the names of captures end."""


@dataclass(frozen=True)
class Capture:
    """Gene-level averages over cells.

    Attributes
    ----------
    genes
        Names of n genes.
    hidden
        Shape (layers + 1, n, width): residual stream at each gene's token, after the embedding and after each block.
        Zero where a gene is a token of no cell.
    attention
        Shape (layers, heads, n, n): attention probability from row gene to column gene. Where no cell has both genes,
        the fit of rows and columns to all other pairs stands in (:class:`theodolite.models.gaps.AdditiveFit`). Shape
        (layers, heads, 0, 0) where it was not asked for.
    read_out
        Shape (n, width): the vectors with which predictions are read out; None where a model has none.
    presence
        Shape (n,): cells in which each gene is a token; None where all genes are tokens of all cells.
    together
        Shape (n, n): cells in which both genes are; None likewise, and where attention was not asked for.
    """

    genes: tuple[str, ...]
    hidden: NDArray[np.float32]
    attention: NDArray[np.float32]
    read_out: NDArray[np.float32] | None = None
    presence: NDArray[np.int32] | None = None
    together: NDArray[np.int32] | None = None


def rows_of(model: FoundationModel, cells: CellSet, genes: Sequence[str]) -> NDArray[np.int64]:
    """Return for each gene of a model its row in a capture of ``genes``, -1 for those that are not asked for.

    Raises
    ------
    ValueError
        If a gene is not among the cells' or unknown to the model, or two genes are one to the model.
    """
    column = {gene: place for place, gene in enumerate(cells.genes)}
    if unknown := [gene for gene in genes if gene not in column]:
        raise ValueError(f"cells {cells.name!r} have no gene {unknown[0]!r}; ask for genes of theirs")
    places = model.places(cells)[[column[gene] for gene in genes]]
    if (places < 0).any():
        raise ValueError(f"model {model.name} does not know {genes[int((places < 0).argmax())]!r}; leave the gene out")
    rows = np.full(len(model.genes), -1, dtype=np.int64)
    rows[places] = np.arange(len(genes))
    if (rows >= 0).sum() != len(genes):
        twice = next(gene for place, gene in zip(places, genes, strict=True) if genes[rows[place]] != gene)
        raise ValueError(f"{twice!r} and another gene of the cells are one token of {model.name}; ask for one of them")
    return rows


def capture(
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    with_attention: bool = True,
) -> Capture:
    """Average residual stream and attention over cells, streaming; memory does not grow with the number of cells.

    Parameters
    ----------
    model
        The model.
    cells
        The cells.
    genes
        Names of the genes to keep, as the cells call them; all that the model knows, in its order, where not given.
    progress
        Called with cells done and cells in all.
    said
        Told where memory ran out and the batch was halved.
    with_attention
        Whether attention is wanted. Without it, what is kept grows with the genes and not with their square, and the
        pass is the fused one: vectors may differ from the others in their last digits.

    Raises
    ------
    ValueError
        If a gene is not to be had.
    CellDataError
        If the model cannot read the cells.
    ActivationError
        If the model overflowed.
    """
    from theodolite.models.batches import in_batches

    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    sums = _Sums(model, rows_of(model, cells, chosen), len(chosen), with_attention=with_attention)
    n_cells = len(cells.cells)
    for start in range(0, n_cells, CELLS_PER_READING):
        read = cells.take_cells(cells.cells[start : start + CELLS_PER_READING])
        tokens = model.tokenise(read)
        for rows, batch, done in in_batches(model, tokens, CELLS_PER_STEP, sums.run, said):
            sums.take(batch, done)
            if progress is not None:
                progress(start + int(rows[-1]) + 1, n_cells)
    return sums.means(chosen, n_cells)


def known_genes(model: FoundationModel, cells: CellSet) -> tuple[str, ...]:
    """Return the genes of the cells that a model knows, in its order, as the cells call them."""
    places = model.places(cells)
    first: dict[int, str] = {}
    for place, gene in zip(places.tolist(), cells.genes, strict=True):
        first.setdefault(place, gene)
    return tuple(first[place] for place in range(len(model.genes)) if place in first)


class _Sums:
    """Running sums over cells."""

    def __init__(self, model: FoundationModel, rows: NDArray[np.int64], n: int, *, with_attention: bool) -> None:
        from theodolite.models.streaming import AttentionAdder

        self._model = model
        self._rows = rows
        self._hidden = np.zeros((model.n_layers + 1, n, model.width))
        side = n if with_attention else 0
        self._attention = np.zeros((model.n_layers, model.n_heads, side, side))
        self._presence = np.zeros(n, dtype=np.int64)
        self._together = np.zeros((side, side), dtype=np.int64)
        self._layers = [residual(layer) for layer in range(model.n_layers + 1)]
        by_site = {attention(layer): sums for layer, sums in enumerate(self._attention, start=1)}
        self._adder = AttentionAdder(rows, by_site) if with_attention else None

    def run(self, batch: Batch) -> Pass:
        from theodolite.models.running import run

        sinks = None if self._adder is None else self._adder.begin(batch)
        return run(self._model, batch, read=self._layers, sinks=sinks)

    def take(self, batch: Batch, done: Pass) -> None:
        from theodolite.models.sums import accumulate_hidden, add_presence

        for layer, site in enumerate(self._layers):
            presence = None if layer else self._presence
            accumulate_hidden(done.read[site], batch.genes, self._hidden[layer], presence, place_of=self._rows)
        if self._adder is not None:
            add_presence(self._adder.places, self._together)
            self._adder.finish(len(batch.ids))

    def means(self, genes: tuple[str, ...], n_cells: int) -> Capture:
        presence, together = self._presence, self._together
        for what, sums in (("residual streams", self._hidden), ("attention", self._attention)):
            with np.errstate(invalid="ignore"):
                finite = bool(np.isfinite(sums.sum()))
            if not finite:
                raise ActivationError(
                    f"{self._model.name} gave {what} that are not finite; take float32 in place of a shorter type"
                )
        everywhere = bool(((presence if self._adder is None else together) == n_cells).all())
        hidden = (self._hidden / np.maximum(presence, 1)[None, :, None]).astype(np.float32)
        attention_means = np.empty(self._attention.shape, dtype=np.float32)
        gaps = None if (together > 0).all() else AdditiveFit(together > 0)
        for layer, heads in enumerate(self._attention):
            for head, sums in enumerate(heads):
                sums /= np.maximum(together, 1)
                attention_means[layer, head] = sums if gaps is None else gaps.filled(sums)
        read_out = self._model.read_out
        if read_out is not None:
            kept = np.empty((len(genes), read_out.shape[1]), dtype=np.float32)
            kept[self._rows[self._rows >= 0]] = read_out[self._rows >= 0]
            read_out = kept
        if everywhere:
            return Capture(genes, hidden, attention_means, read_out)
        pairs = None if self._adder is None else together.astype(np.int32)
        return Capture(genes, hidden, attention_means, read_out, presence.astype(np.int32), pairs)


def capture_name(model_sha256: str, cells_sha256: str, variant: str, *further: str) -> str:
    """Return the name of the file that a capture is kept under, from the hashes of what it is of.

    Parameters
    ----------
    model_sha256, cells_sha256, variant
        What was run on what.
    further
        Whatever else what is captured depends on: which genes, on which device; nothing where it is as it always was.
    """
    return f"{digest([model_sha256, cells_sha256, variant, 'capture-4', *further])}{CAPTURE_SUFFIX}"


def save_capture(path: Path, taken: Capture, of: Sequence[str] = ()) -> None:
    """Write a capture, and hashes of model and cells and the variant that it is ``of``; all of it or nothing."""
    from safetensors.numpy import save

    arrays = {"hidden": taken.hidden, "attention": taken.attention}
    for name in ("read_out", "presence", "together"):
        if (array := getattr(taken, name)) is not None:
            arrays[name] = array
    # safetensors writes the memory that it is given and does not look at strides.
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(arrays, metadata={"genes": "\n".join(taken.genes), "of": "\n".join(of)})
    write_atomically(path, content)


def load_capture(path: Path) -> Capture:
    """Return a capture written by :func:`save_capture`, mapped into memory: only what is read is loaded."""
    arrays, metadata = mapped_arrays(path)
    genes = tuple(metadata["genes"].split("\n"))
    return Capture(
        genes,
        arrays["hidden"],
        arrays["attention"],
        arrays.get("read_out"),
        arrays.get("presence"),
        arrays.get("together"),
    )


def captured_of(path: Path) -> tuple[str, ...] | None:
    """Return hashes of model and cells and the variant that a capture is of; None where the file does not say."""
    try:
        of = mapped_arrays(path)[1].get("of", "")
    except (OSError, ValueError, KeyError):
        return None
    return tuple(of.split("\n")) if of else None
