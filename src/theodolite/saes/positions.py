"""Features of several layers at the same positions: tokens of some genes, with what is active there, layer by layer.

Sums by gene and by cell, which :mod:`theodolite.saes.reading` keeps, do not say what is active beside what. The model
runs once more for it, and of each batch only active features are kept, so nothing that is dense outlasts a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.protocol import FoundationModel
from theodolite.models.sites import residual
from theodolite.saes.autoencoder import Codes, SparseAutoencoder
from theodolite.saes.gene_tokens import gene_tokens

__all__ = ["Positions", "read_positions"]


@dataclass(frozen=True, eq=False)
class Positions:
    """Tokens of some genes in the order of cells, and what features of each layer do there.

    Attributes
    ----------
    cell, gene
        Shape (n,), int64: the cell of each position by its place among the cells, and the gene by its place among the
        genes.
    codes
        By layer the active features of the n positions.
    """

    cell: NDArray[np.int64]
    gene: NDArray[np.int64]
    codes: Mapping[int, Codes]

    def __len__(self) -> int:
        return len(self.cell)


def read_positions(
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str],
    found: Mapping[int, SparseAutoencoder],
    *,
    said: Callable[[str], None] = lambda text: None,
) -> Positions:
    """Encode every token of some genes in the residual streams of several layers.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes, as the cells call them.
    found
        The autoencoder of each layer, 0 the embedding.
    said
        Told where memory ran out and the batch was halved.

    Raises
    ------
    ValueError
        If there is no such layer, a gene is not to be had, or the stream holds what half precision does not.
    """
    if wrong := [layer for layer in found if not 0 <= layer <= model.n_layers]:
        raise ValueError(f"layer {wrong[0]!r}: {model.name} has the layers 0 (the embedding) to {model.n_layers}")
    sites = {layer: residual(layer) for layer in found}
    cell, gene = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    codes: dict[int, list[Codes]] = {layer: [] for layer in found}
    for cells_of, genes_of, vectors in gene_tokens(model, cells, genes, list(sites.values()), said):
        cell.append(cells_of)
        gene.append(genes_of)
        for layer, site in sites.items():
            # Rounded as the activations that dictionaries are trained and read on.
            codes[layer].append(found[layer].encode(vectors[site].astype(np.float16).astype(np.float32)))
    joined = {layer: _joined(parts, found[layer].features) for layer, parts in codes.items()}
    return Positions(np.concatenate(cell), np.concatenate(gene), joined)


def _joined(parts: Sequence[Codes], features: int) -> Codes:
    """Return codes of rows that follow one another."""
    counts = np.concatenate([[0], *(np.diff(part.start) for part in parts)])
    return Codes(
        start=np.cumsum(counts, dtype=np.int64),
        feature=np.concatenate([np.zeros(0, dtype=np.int32), *(part.feature for part in parts)]),
        value=np.concatenate([np.zeros(0, dtype=np.float32), *(part.value for part in parts)]),
        features=features,
    )
