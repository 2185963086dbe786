"""What a model holds of every cell by itself: means over its tokens, so that cells can be put together as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellDataError, CellErrorCode, CellSet
from theodolite.files import write_atomically
from theodolite.models.activations.errors import ActivationError
from theodolite.models.capture import CELLS_PER_STEP, known_genes, rows_of
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention, residual

__all__ = ["CellStates", "cell_states", "load_cell_states", "save_cell_states"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellStates:
    """Means over the tokens of a cell.

    Attributes
    ----------
    genes
        The g genes that were read, as the cells call them.
    hidden
        Shape (cells, layers + 1, width): residual stream, embedding first, mean over the tokens of these genes.
    attention
        Shape (cells, layers, g): attention that a gene's token receives, mean over heads and over the tokens of genes
        that attend; 0 where the gene is no token of the cell. Shape (cells, layers, 0) where it was not asked for.
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
    """Read residual streams and attention of every cell; no map of attention outlives its batch.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes whose tokens count; all that the model knows where not given.
    said
        Told where memory ran out and the batch was halved.
    with_attention
        Whether attention is wanted.

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

    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    rows = rows_of(model, cells, chosen)
    layers = [residual(layer) for layer in range(model.n_layers + 1)]
    maps = [attention(layer) for layer in range(1, model.n_layers + 1)] if with_attention else []
    n_cells = len(cells.cells)
    hidden = np.zeros((n_cells, len(layers), model.width), dtype=np.float32)
    received = np.zeros((n_cells, model.n_layers, len(chosen) if with_attention else 0), dtype=np.float32)
    static, seen = np.zeros((len(chosen), model.width)), np.zeros(len(chosen), dtype=np.int64)

    def compute(batch: Batch) -> tuple[list[Floats], list[Floats]]:
        read = run(model, batch, read=[*layers, *maps]).read
        streams = [np.asarray(read[site].float().cpu().numpy()) for site in layers]
        return streams, [np.asarray(read[site].float().mean(dim=1).cpu().numpy()) for site in maps]

    for numbers, batch, (streams, attended) in in_batches(model, model.tokenise(cells), CELLS_PER_STEP, compute, said):
        ids = batch.genes.cpu().numpy()
        for place, (cell, tokens) in enumerate(zip(numbers.tolist(), ids, strict=True)):
            of = np.where(tokens >= 0, rows[tokens], -1)
            there = np.flatnonzero(of >= 0)
            if not there.size:
                raise CellDataError(
                    CellErrorCode.EMPTY_CELLS,
                    f"cell {cells.cells[cell]!r} has a token of none of the {len(chosen)} genes; leave it out, or read "
                    "more genes",
                )
            for layer, stream in enumerate(streams):
                hidden[cell, layer] = stream[place][there].mean(axis=0, dtype=np.float64)
            static[of[there]] += streams[0][place][there]
            seen[of[there]] += 1
            for layer, one in enumerate(attended):
                received[cell, layer, of[there]] = one[place][np.ix_(there, there)].mean(axis=0, dtype=np.float64)
    if not (np.isfinite(hidden).all() and np.isfinite(received).all()):
        raise ActivationError(
            f"{model.name} gave residual streams or attention that are not finite; take float32 in place of a shorter "
            "type"
        )
    return CellStates(chosen, hidden, received, (static / np.maximum(seen, 1)[:, None]).astype(np.float32))


def save_cell_states(path: Path, taken: CellStates, of: Sequence[str] = ()) -> None:
    """Write states, and what they are ``of`` (hashes of model and cells, the variant); all of it or nothing."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(getattr(taken, name)) for name in ("hidden", "attention", "static")}
    write_atomically(path, save(arrays, metadata={"genes": "\n".join(taken.genes), "of": "\n".join(of)}))


def load_cell_states(path: Path) -> CellStates:
    """Return states written by :func:`save_cell_states`, mapped into memory."""
    arrays, metadata = mapped_arrays(path)
    return CellStates(tuple(metadata["genes"].split("\n")), arrays["hidden"], arrays["attention"], arrays["static"])
