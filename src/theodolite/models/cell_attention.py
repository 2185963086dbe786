"""Attention of every cell by itself, so that cells can be averaged in whichever groups somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.capture import CELLS_PER_STEP, known_genes, rows_of
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention

__all__ = ["cell_attention"]


def cell_attention(
    model: FoundationModel,
    cells: CellSet,
    layer: int | None = None,
    head: int | None = None,
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> NDArray[np.float32]:
    """Return attention (cells, n, n) of every cell, from row gene to column gene; NaN where a cell lacks one of them.

    It takes 4 bytes a cell and pair of genes, so ask for few genes.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    layer, head
        The block, counted from 1, and its head; the mean over blocks, or over heads, where not given.
    genes
        Names of the n genes, as the cells call them; all that the model knows where not given.
    said
        Told where memory ran out and the batch was halved.

    Raises
    ------
    ValueError
        If there is no such block or head, or a gene is not to be had.
    """
    from theodolite.models.batches import in_batches
    from theodolite.models.running import run

    layers = range(1, model.n_layers + 1) if layer is None else (layer,)
    if layers[0] not in range(1, model.n_layers + 1) or head not in (None, *range(1, model.n_heads + 1)):
        raise ValueError(
            f"layer {layer!r}, head {head!r}: {model.name} has blocks 1 to {model.n_layers} of heads 1 to "
            f"{model.n_heads}"
        )
    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    rows = rows_of(model, cells, chosen)
    found = np.full((len(cells.cells), len(chosen), len(chosen)), np.nan, dtype=np.float32)
    sites = [attention(each) for each in layers]

    def compute(batch: Batch) -> NDArray[np.float32]:
        read = run(model, batch, read=sites).read
        maps = [read[site].mean(dim=1) if head is None else read[site][:, head - 1] for site in sites]
        return np.asarray(np.mean([each.float().cpu().numpy() for each in maps], axis=0), dtype=np.float32)

    for numbers, batch, maps in in_batches(model, model.tokenise(cells), CELLS_PER_STEP, compute, said):
        ids = batch.genes.cpu().numpy()
        for cell, tokens, one in zip(numbers.tolist(), ids, maps, strict=True):
            places = np.where(tokens >= 0, rows[tokens], -1)
            there = np.flatnonzero(places >= 0)
            found[cell][np.ix_(places[there], places[there])] = one[np.ix_(there, there)]
    return found
