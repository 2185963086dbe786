"""What a tool sees of a planted model: attention of one part of the split, and no gene vectors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements import Variant
from theodolite.models.components import Component, How
from theodolite.models.planted import PlantedModel
from theodolite.tools import Axes, ModelShape, ToolError

__all__ = ["PlantedWorkbench"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlantedWorkbench:
    """A planted model on one part of a split; implements :class:`theodolite.tools.Workbench`.

    Attributes
    ----------
    genes, families
        The part's genes and their homology families.
    regulators
        Those of the genes that regulate anything.
    covariate_names, covariates
        Gene statistics (n, k) from counts of the same cells.
    model, variant
        What attention is read from.
    """

    genes: tuple[str, ...]
    families: tuple[str, ...]
    regulators: tuple[str, ...]
    covariate_names: tuple[str, ...]
    covariates: Floats
    model: PlantedModel = field(repr=False)
    variant: Variant

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        return ModelShape(self.model.facts.n_layers, self.model.facts.n_heads)

    def hidden(self, layer: int | None) -> Floats:
        """Raise ToolError: a planted model has no gene vectors."""
        raise ToolError("a planted model has attention only, no gene vectors; use `attention.regulation`")

    def axes(self, layer: int | None) -> Axes:
        """Raise ToolError: without gene vectors there are no axes."""
        raise ToolError("a planted model has attention only, no axes; use `attention.regulation`")

    def features(self, layer: int) -> Floats:
        """Raise ToolError: without residual streams there are no features."""
        raise ToolError("a planted model has attention only, no features; use `attention.regulation`")

    def attention(self, layer: int, head: int | None) -> Floats:
        """Return attention (n, n) from row gene to column gene, of a head or of a layer."""
        return self.model.attention(layer, head, self.genes, self.variant)

    def ablated(self, component: Component, how: How) -> Floats:
        """Raise ToolError: a planted model computes nothing that could be taken out."""
        raise ToolError("a planted model has attention only, nothing to take out; use `attention.regulation`")
