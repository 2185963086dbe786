"""Attention of one layer with some components taken out: what an ablation does at the layer that is analysed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.ablating import Ablation
from theodolite.models.capture import known_genes, rows_of
from theodolite.models.components import Component, How
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.sites import attention

__all__ = ["attention_without", "attentions_without"]


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
    (found,) = attentions_without(model, cells, layer, [condition], how, genes, said, cells_at_most=cells_at_most)
    return found


def attentions_without(
    model: FoundationModel,
    cells: CellSet,
    layer: int,
    conditions: Sequence[Sequence[Component]],
    how: How = "zero",
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    cells_at_most: int | None = None,
) -> Iterator[NDArray[np.float64]]:
    """Yield the attention of a layer without each set of components; arguments and errors as :func:`attention_without`.

    Cells are tokenised, and edits of a sort checked, once for all sets.
    """
    if not 1 <= layer <= model.n_layers:
        raise ValueError(f"layer {layer!r}: {model.name} has blocks 1 to {model.n_layers}")
    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    rows = rows_of(model, cells, chosen)
    taken_out = [condition for condition in conditions if condition]
    ablation = Ablation(model, cells, taken_out, how, said, cells_at_most=cells_at_most)
    numbers = iter(range(len(taken_out)))
    for condition in conditions:
        yield _mean_attention(ablation, next(numbers) if condition else None, layer, rows, len(chosen), model.n_heads)


def _mean_attention(
    ablation: Ablation, row: int | None, layer: int, rows: NDArray[np.int64], n: int, n_heads: int
) -> NDArray[np.float64]:
    sums, together = np.zeros((n_heads, n, n)), np.zeros((n, n))
    site = attention(layer)

    def compute(batch: Batch) -> NDArray[np.float64]:
        found = ablation.without(batch, row, read=[site])
        return np.asarray(found.read[site].float().cpu().double().numpy())

    for batch, maps in ablation.batches(compute):
        ids = batch.genes.cpu().numpy()
        for cell in range(len(ids)):
            places = np.where(ids[cell] >= 0, rows[ids[cell]], -1)
            there = np.flatnonzero(places >= 0)
            index = np.ix_(places[there], places[there])
            together[index] += 1
            for head in range(n_heads):
                sums[head][index] += maps[cell, head][np.ix_(there, there)]
    return np.asarray(np.divide(sums, together, out=np.zeros_like(sums), where=together > 0))
