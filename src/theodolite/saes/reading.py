"""What the features of a dictionary do over a store of activations: by gene, by cell, and with one another.

One pass over the store; memory is that of the sums, whatever the number of tokens. Tokens of a cell are no replicates
of one another, so what is kept for tests is by gene and by cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.models.activations import Activations
from theodolite.models.sites import Site
from theodolite.saes.autoencoder import SparseAutoencoder
from theodolite.saes.histograms import VALUE_EDGES, count_values
from theodolite.saes.settings import SAETrainingError

__all__ = ["FeatureReading", "read_features"]


@dataclass(frozen=True, eq=False)
class FeatureReading:
    """Features over tokens of g genes; c cells, F features.

    Attributes
    ----------
    by_gene
        Shape (g, F): mean value over the gene's tokens, 0 where a feature was not active; zeros for a gene without one.
    gene_tokens
        Shape (g,): tokens of each gene.
    by_cell
        Shape (c, F): mean value over the cell's tokens.
    cell_tokens
        Shape (c,): tokens of each cell.
    active
        Shape (F,): tokens in which each feature was active.
    together
        Shape (F, F): tokens in which both features were; empty, (0, 0), where it was not asked for.
    values
        Shape (F, bins): tokens in which each feature was active, by its value between the edges of
        :data:`theodolite.saes.histograms.VALUE_EDGES`; empty, (0, 0), where it was not asked for.
    """

    by_gene: NDArray[np.float32]
    gene_tokens: NDArray[np.int64]
    by_cell: NDArray[np.float32]
    cell_tokens: NDArray[np.int64]
    active: NDArray[np.int64]
    together: NDArray[np.int64]
    values: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))

    @property
    def tokens(self) -> int:
        """Tokens that were read."""
        return int(self.gene_tokens.sum())


def read_features(
    store: Activations,
    site: Site,
    found: SparseAutoencoder,
    place_of: NDArray[np.int64],
    n_genes: int,
    *,
    coactivation: bool = False,
    histograms: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FeatureReading:
    """Encode every token of some genes, and add up what its features do.

    Parameters
    ----------
    store, site
        The activations.
    found
        The autoencoder.
    place_of
        Shape (genes of the model,): the row of each in what is returned, -1 for one that is not read
        (:func:`theodolite.models.capture.rows_of`).
    n_genes
        How many are read.
    coactivation
        Whether pairs of features are counted, which takes 8 bytes each.
    histograms
        Whether values are counted by bin, 96 of them a feature.
    progress
        Told cells done and cells in all.

    Raises
    ------
    SAETrainingError
        If the site is not stored, or has another width.
    """
    if site not in store.sites:
        raise SAETrainingError(f"{site} is not stored; there are {', '.join(store.of.sites)}")
    if (width := int(store.shard(0).tensors[site].shape[1])) != found.width:
        raise SAETrainingError(f"{site} has a width of {width}, and the autoencoder reads {found.width}")
    features = found.features
    by_gene, by_cell = (np.zeros((n, features)) for n in (n_genes, store.n_cells))
    gene_tokens, cell_tokens = (np.zeros(n, dtype=np.int64) for n in (n_genes, store.n_cells))
    active = np.zeros(features, dtype=np.int64)
    together = np.zeros((features, features) if coactivation else (0, 0), dtype=np.int64)
    values = np.zeros((features, len(VALUE_EDGES) - 1) if histograms else (0, 0), dtype=np.int64)
    for shard in store.shards():
        place = np.where(shard.index.gene >= 0, place_of[shard.index.gene], -1)
        of_gene = np.flatnonzero(place >= 0)
        gene, cell = place[of_gene], shard.index.cell[of_gene]
        codes = found.encode(np.asarray(shard.tensors[site][of_gene], dtype=np.float32))
        row = np.repeat(np.arange(len(codes)), np.diff(codes.start))
        np.add.at(by_gene, (gene[row], codes.feature), codes.value)
        np.add.at(by_cell, (cell[row], codes.feature), codes.value)
        gene_tokens += np.bincount(gene, minlength=n_genes)
        cell_tokens += np.bincount(cell, minlength=store.n_cells)
        active += codes.active_rows()
        if coactivation:
            _add_together(codes.start, codes.feature, together)
        if histograms:
            values += count_values(codes)
        progress(shard.record.first + shard.record.cells, store.n_cells)
    return FeatureReading(
        by_gene=(by_gene / np.maximum(gene_tokens, 1)[:, None]).astype(np.float32),
        gene_tokens=gene_tokens,
        by_cell=(by_cell / np.maximum(cell_tokens, 1)[:, None]).astype(np.float32),
        cell_tokens=cell_tokens,
        active=active,
        together=together,
        values=values,
    )


@compiled
def _add_together(start: NDArray[np.int64], feature: NDArray[np.int32], together: NDArray[np.int64]) -> None:
    """Add one to each pair of features that are active in the same row, and to each feature with itself.

    Parameters
    ----------
    start, feature
        Codes by row; those of row i are at ``start[i]:start[i + 1]``.
    together
        Shape (features, features), added to here.
    """
    for row in range(len(start) - 1):
        for one in range(start[row], start[row + 1]):
            for other in range(start[row], start[row + 1]):
                together[feature[one], feature[other]] += 1
