"""What a model holds of every cell by itself: means over its tokens, so that cells can be put together as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellDataError, CellErrorCode, CellSet
from theodolite.files import write_atomically
from theodolite.models.activations.errors import ActivationError
from theodolite.models.capture import CELLS_PER_READING, CELLS_PER_STEP, known_genes, rows_of
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention, residual
from theodolite.models.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from theodolite.models.running import Pass

__all__ = ["CellStates", "cell_states", "load_cell_states", "save_cell_states"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellStates:
    """Means over the tokens of a cell; special tokens, padding and genes that were not read have no part in them.

    Attributes
    ----------
    genes
        The g genes that were read, as the cells call them.
    hidden
        Shape (cells, layers + 1, width): residual stream, embedding first, mean over the tokens of these genes.
    attention
        Shape (cells, layers, g): attention that a gene's token receives, mean over heads and over the cell's tokens of
        these genes, which attend; 0 where the gene is no token of the cell. Shape (cells, layers, 0) where it was not
        asked for.
    static
        Shape (g, width): mean embedding of each gene's tokens over the cells that have it, 0 where none has.
    """

    genes: tuple[str, ...]
    hidden: Floats
    attention: Floats
    static: Floats


def cell_states(
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    with_attention: bool = True,
) -> CellStates:
    """Read residual streams and attention of every cell, streaming; no map of attention is ever whole in memory.

    What is kept grows with cells x (layers + 1) x width and cells x layers x genes.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes whose tokens count; all that the model knows, in its order, where not given.
    said
        Told where memory ran out and the batch was halved.
    with_attention
        Whether attention is wanted. Without it the pass is the fused one: residual streams may differ from the others
        in their last digits.

    Raises
    ------
    ValueError
        If a gene is not to be had.
    CellDataError
        If the model cannot read the cells, or a cell has a token of none of the genes.
    ActivationError
        If the model overflowed.
    """
    from theodolite.models.batches import in_batches
    from theodolite.models.running import run
    from theodolite.models.sums import accumulate_hidden, batch_places

    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    rows = rows_of(model, cells, chosen)
    layers = [residual(layer) for layer in range(model.n_layers + 1)]
    maps = [attention(layer) for layer in range(1, model.n_layers + 1)] if with_attention else []
    n_cells = len(cells.cells)
    hidden = np.zeros((n_cells, len(layers), model.width), dtype=np.float32)
    received = np.zeros((n_cells, model.n_layers, len(chosen) if with_attention else 0), dtype=np.float32)
    static, seen = np.zeros((len(chosen), model.width)), np.zeros(len(chosen), dtype=np.int64)

    def compute(batch: Batch) -> tuple[Pass, list[_Received]]:
        # Made anew for each batch: one that ran out of memory half way leaves nothing behind.
        places = batch_places(batch.genes, rows)
        sinks = {site: _Received(places, np.zeros(places.shape)) for site in maps}
        return run(model, batch, read=layers, sinks=sinks), list(sinks.values())

    for start in range(0, n_cells, CELLS_PER_READING):
        read = cells.take_cells(cells.cells[start : start + CELLS_PER_READING])
        tokens = model.tokenise(read)
        _refuse_without(read, tokens, rows, len(chosen))
        for numbers, batch, (done, sinks) in in_batches(model, tokens, CELLS_PER_STEP, compute, said):
            places, into = batch_places(batch.genes, rows), start + numbers
            for layer, site in enumerate(layers):
                stream = done.read[site].float().cpu().numpy()
                for cell, one, of in zip(into, stream, places, strict=True):
                    # What overflowed is refused below, by name.
                    with np.errstate(invalid="ignore", over="ignore"):
                        hidden[cell, layer] = one[of >= 0].mean(axis=0, dtype=np.float64)
            accumulate_hidden(done.read[layers[0]], batch.genes, static, seen, place_of=rows)
            for layer, sink in enumerate(sinks):
                for cell, sums, of in zip(into, sink.sums, places, strict=True):
                    there = of >= 0
                    np.add.at(received[cell, layer], of[there], sums[there] / (model.n_heads * there.sum()))
            for what, found in (("residual streams", hidden[into]), ("attention", received[into])):
                if not np.isfinite(found).all():
                    raise ActivationError(
                        f"{model.name} gave {what} that are not finite; take float32 in place of a shorter type"
                    )
    return CellStates(chosen, hidden, received, (static / np.maximum(seen, 1)[:, None]).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Received:
    """Adds up what each token of a batch receives, as a sink of one block: places and sums [B, T]."""

    places: NDArray[np.int64]
    sums: NDArray[np.float64]

    def __call__(self, part: Tensor, cell: int, head: int, query: int) -> None:
        attends = np.flatnonzero(self.places[cell, query : query + part.shape[1]] >= 0)
        if len(attends) < part.shape[1]:
            part = part[:, attends]
        self.sums[cell, : part.shape[2]] += part.float().sum(dim=(0, 1)).cpu().numpy()


def _refuse_without(read: CellSet, tokens: Tokens, rows: NDArray[np.int64], n_genes: int) -> None:
    counted = (tokens.genes >= 0) & (rows[tokens.genes] >= 0)
    number = np.repeat(np.arange(len(tokens)), tokens.lengths)
    without = np.flatnonzero(np.bincount(number[counted], minlength=len(tokens)) == 0)
    if without.size:
        raise CellDataError(
            CellErrorCode.EMPTY_CELLS,
            f"cell {read.cells[without[0]]!r} has a token of none of the {n_genes} genes; leave it out, or read more "
            "genes",
        )


def save_cell_states(path: Path, taken: CellStates, of: Sequence[str] = ()) -> None:
    """Write states, and what they are ``of`` (hashes of model and cells, the variant); all of it or nothing."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(getattr(taken, name)) for name in ("hidden", "attention", "static")}
    write_atomically(path, save(arrays, metadata={"genes": "\n".join(taken.genes), "of": "\n".join(of)}))


def load_cell_states(path: Path) -> CellStates:
    """Return states written by :func:`save_cell_states`, mapped into memory."""
    arrays, metadata = mapped_arrays(path)
    return CellStates(tuple(metadata["genes"].split("\n")), arrays["hidden"], arrays["attention"], arrays["static"])
