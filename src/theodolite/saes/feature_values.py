"""What ranked features do at the tokens of each gene, over all cells in one pass; nothing is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.compiling import compiled
from theodolite.data import CellSet
from theodolite.files import write_atomically
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import FoundationModel
from theodolite.models.sites import residual
from theodolite.saes.gene_tokens import gene_tokens
from theodolite.saes.ranked import RankedFeatures

__all__ = ["FeatureValues", "ValueSums", "load_feature_values", "read_feature_values", "save_feature_values"]


@dataclass(frozen=True, eq=False)
class FeatureValues:
    """Values of k ranked features in l layers, for n genes.

    Attributes
    ----------
    genes
        Names of the genes.
    layers
        The layers, as many as there are rows of ``score``.
    score
        Shape (l, n, k): mean value over the gene's tokens; where a feature is active at none of them, the mean
        distance to being active, below 0.
    tokens
        Shape (n,): tokens of each gene; scores of a gene without any are 0.
    """

    genes: tuple[str, ...]
    layers: tuple[int, ...]
    score: NDArray[np.float64]
    tokens: NDArray[np.int64]


def read_feature_values(
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str],
    fitted: Sequence[RankedFeatures],
    said: Callable[[str], None] = lambda text: None,
) -> FeatureValues:
    """Encode every token of some genes in the layers of several dictionaries, and average over cells.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes, as the cells call them.
    fitted
        Features of each layer, the same number in all.
    said
        Told where memory ran out and the batch was halved.

    Raises
    ------
    ValueError
        If a gene is not to be had, or activations are not finite.
    CellDataError
        If the model cannot read the cells.
    """
    sums = ValueSums(fitted, len(genes))
    sites = [residual(each.layer) for each in fitted]
    for _, gene, vectors in gene_tokens(model, cells, genes, sites, said):
        sums.add(gene, [vectors[site] for site in sites])
    return sums.means(genes)


class ValueSums:
    """Running sums over tokens of what ranked features of several layers do, by gene.

    A value before the choice is held against the smallest that the token chose, or 0 where it chose fewer than it may:
    the difference is at most 0 where a feature is not active, and what it lacks.

    Parameters
    ----------
    fitted
        Features of each layer, the same number in all.
    n_genes
        How many genes there are.
    """

    def __init__(self, fitted: Sequence[RankedFeatures], n_genes: int) -> None:
        self._fitted = tuple(fitted)
        self._columns = [_columns(each) for each in fitted]
        self._value, self._gap = (np.zeros((len(fitted), n_genes, len(fitted[0].chosen))) for _ in range(2))
        self._tokens = np.zeros(n_genes, dtype=np.int64)

    def add(self, rows: NDArray[np.int64], hidden: Sequence[NDArray[np.float32]]) -> None:
        """Take in tokens: the row (t,) of each one's gene, and by layer their vectors (t, width)."""
        self._tokens += np.bincount(rows, minlength=len(self._tokens))
        for at, (each, vectors) in enumerate(zip(self._fitted, hidden, strict=True)):
            codes = each.sae.encode(vectors)
            weights, bias = each.sae.encoder[each.chosen], each.sae.encoder_bias[each.chosen]
            before = np.asarray((vectors - each.sae.decoder_bias) @ weights.T + bias, dtype=np.float32)
            assert each.sae.k is not None  # as they are written
            _add(
                codes.start, codes.feature, codes.value, self._columns[at], each.sae.k, before, rows,
                self._value[at], self._gap[at],
            )  # fmt: skip

    def means(self, genes: Sequence[str]) -> FeatureValues:
        """Return the means of what was added, for genes of these names."""
        count = np.maximum(self._tokens, 1)[:, None]
        score = np.where(self._value > 0, self._value / count, self._gap / count)
        return FeatureValues(tuple(genes), tuple(each.layer for each in self._fitted), score, self._tokens)


def _columns(fitted: RankedFeatures) -> NDArray[np.int64]:
    """Return for each feature of a dictionary its place among those that are looked at, -1 for others."""
    found = np.full(fitted.sae.features, -1, dtype=np.int64)
    found[fitted.chosen] = np.arange(len(fitted.chosen))
    return found


@compiled
def _add(
    start: NDArray[np.int64],
    feature: NDArray[np.int32],
    value: NDArray[np.float32],
    column: NDArray[np.int64],
    k: int,
    before: NDArray[np.float32],
    gene: NDArray[np.int64],
    values: NDArray[np.float64],
    gaps: NDArray[np.float64],
) -> None:
    """Add values of active features, and what the others lack, to the sums of each token's gene.

    Parameters
    ----------
    start, feature, value
        Codes by token; those of token i are at ``start[i]:start[i + 1]``.
    column
        Shape (features,): place of each feature, -1 for those that nobody looks at.
    k
        Most features that a token may choose.
    before
        Shape (tokens, places): values before the choice.
    gene
        Shape (tokens,): the row of each token's gene.
    values, gaps
        Shapes (genes, places), added to here.
    """
    places = before.shape[1]
    active = np.zeros(places, dtype=np.bool_)
    for row in range(len(gene)):
        first, last = start[row], start[row + 1]
        least = np.float32(0.0)
        if last - first == k:
            least = value[first]
            for at in range(first + 1, last):
                least = min(least, value[at])
        active[:] = False
        for at in range(first, last):
            place = column[feature[at]]
            if place >= 0:
                active[place] = True
                values[gene[row], place] += value[at]
        for place in range(places):
            if not active[place]:
                gaps[gene[row], place] += min(before[row, place] - least, np.float32(0.0))


def save_feature_values(path: Path, found: FeatureValues, of: Sequence[str] = ()) -> None:
    """Write values, and hashes of what they are ``of``; all of it or nothing."""
    from safetensors.numpy import save

    said = {"genes": "\n".join(found.genes), "layers": " ".join(map(str, found.layers)), "of": "\n".join(of)}
    arrays = {"score": np.ascontiguousarray(found.score), "tokens": found.tokens}
    write_atomically(path, save(arrays, metadata=said))


def load_feature_values(path: Path) -> FeatureValues:
    """Return what :func:`save_feature_values` wrote, mapped into memory."""
    arrays, said = mapped_arrays(path)
    layers = tuple(int(layer) for layer in said["layers"].split())
    return FeatureValues(tuple(said["genes"].split("\n")), layers, arrays["score"], arrays["tokens"])
