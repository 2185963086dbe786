"""Attention of one layer with some components taken out: what an ablation does at the layer that is analysed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.ablating import Ablation
from theodolite.models.capture import known_genes, rows_of
from theodolite.models.components import Component, How
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention

__all__ = ["attention_without"]


def attention_without(
    model: FoundationModel,
    cells: CellSet,
    layer: int,
    condition: Sequence[Component],
    how: How = "zero",
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    cells_at_most: int | None = None,
) -> NDArray[np.float64]:
    """Return attention (heads, n, n) of a layer, averaged over the cells that have both genes, without components.

    What lies in deeper layers cannot show here: a model in which layer 13 is read is not changed by what is taken out
    of layer 15, whatever that does to its predictions (arXiv 2602.17532 found AUROC 0.7035 so, to the last digit). Read
    :func:`~theodolite.analysis.ablation.dose_response` beside it, which reads the predictions.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    layer
        The block whose attention is read, counted from 1.
    condition, how
        What is taken out, and what stands in its place; nothing where the condition is empty.
    genes
        Names of the n genes, as the cells call them; all that the model knows where not given.
    said
        Told where memory ran out.
    cells_at_most
        Cells to read, evenly over those there are; 256 where not given.

    Raises
    ------
    ValueError
        If there is no such layer or component, or a gene is not to be had.
    InterventionError
        If an edit does not do what it says.
    """
    if not 1 <= layer <= model.n_layers:
        raise ValueError(f"layer {layer!r}: {model.name} has blocks 1 to {model.n_layers}")
    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    rows = rows_of(model, cells, chosen)
    sums = np.zeros((model.n_heads, len(chosen), len(chosen)))
    together = np.zeros((len(chosen), len(chosen)))
    ablation = Ablation(model, cells, [condition] if condition else [], how, said, cells_at_most=cells_at_most)
    site = attention(layer)

    def compute(batch: Batch) -> NDArray[np.float64]:
        found = ablation.without(batch, 0 if condition else None, read=[site])
        return np.asarray(found.read[site].float().cpu().double().numpy())

    for batch, maps in ablation.batches(compute):
        ids = batch.genes.cpu().numpy()
        for cell in range(len(ids)):
            places = np.where(ids[cell] >= 0, rows[ids[cell]], -1)
            there = np.flatnonzero(places >= 0)
            index = np.ix_(places[there], places[there])
            together[index] += 1
            for head in range(model.n_heads):
                sums[head][index] += maps[cell, head][np.ix_(there, there)]
    return np.asarray(np.divide(sums, together, out=np.zeros_like(sums), where=together > 0))
