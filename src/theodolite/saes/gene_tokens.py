"""The tokens of some genes, batch by batch: which cell and gene each is of, and its vectors at some sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.capture import CELLS_PER_READING, CELLS_PER_STEP, rows_of
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import Site

__all__ = ["gene_tokens"]

Tokens = tuple[NDArray[np.int64], NDArray[np.int64], Mapping[Site, NDArray[np.float32]]]


def gene_tokens(
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str],
    sites: Sequence[Site],
    said: Callable[[str], None] = lambda text: None,
) -> Iterator[Tokens]:
    """Yield the tokens of some genes in the order of the cells; nothing of a batch outlasts it.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes, as the cells call them.
    sites
        Where vectors are read.
    said
        Told where memory ran out and the batch was halved.

    Yields
    ------
    cell, gene
        Shape (t,): of each token its cell's place among the cells, and its gene's among the genes.
    vectors
        By site, shape (t, width).

    Raises
    ------
    ValueError
        If a gene is not to be had.
    CellDataError
        If the model cannot read the cells.
    """
    from theodolite.models.batches import in_batches
    from theodolite.models.running import Pass, run

    place_of = rows_of(model, cells, genes)

    def passed(batch: Batch) -> Pass:
        return run(model, batch, read=sites)

    for start in range(0, len(cells.cells), CELLS_PER_READING):
        read = model.tokenise(cells.take_cells(cells.cells[start : start + CELLS_PER_READING]))
        for numbers, batch, done in in_batches(model, read, CELLS_PER_STEP, passed, said):
            ids = batch.genes.cpu().numpy()
            places = np.where(ids >= 0, place_of[ids], -1)
            row, token = np.nonzero(places >= 0)
            vectors = {site: done.read[site].float().cpu().numpy()[row, token] for site in sites}
            yield start + numbers[row], places[row, token], vectors
