"""The counts in place of a model: what the same tools find without any learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.models.ablated import Ablated
from theodolite.models.capture import Capture
from theodolite.models.components import Component, How, components

__all__ = ["ablate_counts", "capture_counts"]


def capture_counts(
    values: NDArray[np.float32],
    genes: tuple[str, ...],
    *,
    n_layers: int,
    n_heads: int,
    width: int,
    read_out: bool,
) -> Capture:
    """Return counts in the form of a model's capture, so that every tool can be run on them.

    Gene vectors are the loadings of the principal components of the cells times the singular values over the square
    root of the number of cells, so that inner products of two genes approximate their covariance (Eckart and Young
    1936); they are the same at every site. Attention from a gene to another is the absolute Pearson correlation over
    cells, divided by its sum over the other genes; it is the same in every head. A gene that is constant over the
    cells has a zero vector and attends to all other genes alike.

    Parameters
    ----------
    values
        Shape (cells, genes): log1p of counts per 10,000.
    genes
        Names of the columns.
    n_layers, n_heads, width, read_out
        Size of the model whose place the counts take. Components beyond the cells' rank do not exist, so that the
        vectors may be narrower than ``width``.

    Raises
    ------
    ValueError
        If there are fewer than two cells, or the columns are not the genes.
    """
    n_cells, n_genes = values.shape
    if n_cells < 2 or n_genes != len(genes):
        raise ValueError(f"values have shape {values.shape}; co-expression needs 2 cells or more x {len(genes)} genes")
    centred = values - values.mean(axis=0, dtype=np.float64)
    vectors = _loadings(centred, min(width, n_cells - 1, n_genes)).astype(np.float32)
    attention = _coexpression(centred).astype(np.float32)
    return Capture(
        genes,
        np.broadcast_to(vectors, (n_layers + 1, *vectors.shape)),
        np.broadcast_to(attention, (n_layers, n_heads, *attention.shape)),
        vectors if read_out else None,
    )


def ablate_counts(taken: Capture, how: How) -> Ablated:
    """Return what taking principal components of the cells out does to each gene, in the form of a model's ablations.

    Each head and each MLP stands for one component, in the order of :func:`~theodolite.models.components.components`
    (again from the first where there are fewer), a block for those of its heads and its MLP. A gene's prediction is
    its reconstruction from all components; without some, its mean squared change over cells is the sum of its squared
    loadings on them.

    Parameters
    ----------
    taken
        Of :func:`capture_counts`.
    how
        What would stand in a component's place in a model. Components have mean zero, so that it makes no difference.
    """
    n_layers, n_heads = taken.attention.shape[:2]
    squared = np.square(taken.hidden[0].astype(np.float64)).T
    listed = [part for part in components(n_layers, n_heads) if how != "uniform" or part.part == "head"]
    single = [part for part in components(n_layers, n_heads) if part.part != "layer"]
    change = {part: squared[place % len(squared)] for place, part in enumerate(single)}
    for layer in range(1, n_layers + 1):
        of_layer = {place % len(squared) for place, part in enumerate(single) if part.layer == layer}
        change[Component("layer", layer)] = squared[sorted(of_layer)].sum(axis=0)
    prediction = np.stack([change[part] for part in listed])
    whole = np.maximum(squared.sum(axis=0), np.finfo(np.float64).tiny)
    kept = np.sqrt(np.clip(1.0 - prediction / whole, 0.0, 1.0))  # cosine of what is left with the whole vector
    stream = np.where(squared.sum(axis=0) > 0, 1.0 - kept, 0.0)
    return Ablated(
        taken.genes,
        tuple((part,) for part in listed),
        how,
        prediction,
        stream,
        np.ones(len(taken.genes), dtype=np.int64),
        np.stack([stream.max(axis=1), prediction.max(axis=1)], axis=1),
    )


def _loadings(centred: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    _, singular_values, components = np.linalg.svd(centred, full_matrices=False)
    components = components[:width]
    largest = np.abs(components).argmax(axis=1)
    # A singular vector is known up to its sign; two fits of the same cells agree.
    components = components * np.sign(components[np.arange(len(components)), largest])[:, None]
    loadings = components.T * singular_values[:width] / np.sqrt(len(centred))
    # The decomposition leaves rounding in place of the zeros by which tools know a gene without a vector.
    loadings[np.linalg.norm(centred, axis=0) == 0] = 0.0
    return np.asarray(loadings)


def _coexpression(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(centred, axis=0)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    weight = np.abs(unit.T @ unit)
    weight[norms == 0] = 1.0
    np.fill_diagonal(weight, 0.0)
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
