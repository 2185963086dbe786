"""A planted model: activations of a planted world behind the face that campaigns know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.data.planted import PlantedActivations, PlantedStructure
from theodolite.measurements import Variant, VariantKind
from theodolite.models.counts import capture_counts
from theodolite.models.facts import ModelFacts

__all__ = ["PlantedModel", "counts_attention"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlantedModel:
    """The activations of a planted world as the attention of a model.

    Attributes
    ----------
    activations
        Scores of regulators against genes, by layer and head.
    counts
        Shape (n, n): attention of the variant ``counts``, :func:`counts_attention` of the structure.
    """

    activations: PlantedActivations
    counts: NDArray[np.float32]

    @cached_property
    def facts(self) -> ModelFacts:
        """Name, hash and size. Structure, seed and knobs stand for weights; there are no gene vectors."""
        activations, structure = self.activations, self.activations.structure
        return ModelFacts(
            name=f"planted-{structure.kind.value}-{structure.seed}-{activations.seed}",
            sha256=activations.sha256,
            genes=structure.graph.genes,
            n_layers=structure.knobs.layers,
            n_heads=structure.knobs.heads,
            width=1,
            read_out=False,
            verified=True,
        )

    def attention(self, layer: int, head: int | None, genes: tuple[str, ...], variant: Variant) -> Floats:
        """Return attention (n, n) from row gene to column gene, of a head or of a layer.

        The attention from any gene to a regulator is the exponential of the planted score, so that its logarithm is
        that score to the last bit in single precision; to genes that regulate nothing it is 0. Heads are averaged on
        the scale of the scores, where the truth of an average is exact.

        Parameters
        ----------
        layer, head
            Counted from 1; None averages the heads.
        genes
            Symbols of the n genes, the order of rows and columns.
        variant
            The model itself or a baseline of the same architecture.

        Raises
        ------
        ValueError
            If the model has no such head or variant.
        KeyError
            If a gene is not of the world.
        """
        graph = self.activations.structure.graph
        rows = np.array([self._position[gene] for gene in genes], dtype=np.intp)
        if variant.kind is VariantKind.COUNTS:
            return self.counts[np.ix_(rows, rows)].astype(np.float64)
        regulating = np.flatnonzero(rows < graph.n_regulators)
        score = self.activations.score(layer, head, variant)[np.ix_(rows[regulating], rows)]
        attention = np.zeros((len(rows), len(rows)))
        attention[:, regulating] = np.exp(score.astype(np.float64)).T
        return attention

    @cached_property
    def _position(self) -> dict[str, int]:
        return {gene: index for index, gene in enumerate(self.activations.structure.graph.genes)}


def counts_attention(structure: PlantedStructure) -> NDArray[np.float32]:
    """Return the attention (n, n) that counts stand in for: :func:`theodolite.models.counts.capture_counts`."""
    cells = structure.cells
    taken = capture_counts(cells.log1p_cp10k(), cells.genes, n_layers=1, n_heads=1, width=1, read_out=False)
    return np.array(taken.attention[0, 0])
