"""The concrete workbench: one split's genes, what was captured of the model, and axes fitted on discovery."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate
from theodolite.models.capture import Capture
from theodolite.tools import Axes, ModelShape, ToolError, fit_axes
from theodolite.tools.geometry import N_AXES

__all__ = ["GeneWorkbench", "axes_from_bytes", "axes_to_bytes", "fit_layer_axes"]

Floats = NDArray[np.float64]

COVARIATES = (Covariate.MEAN, Covariate.VARIANCE, Covariate.DROPOUT)
"""Columns of a workbench's covariates, in order."""


@dataclass(frozen=True)
class GeneWorkbench:
    """What a tool sees; implements :class:`theodolite.tools.Workbench`.

    Attributes
    ----------
    genes, families
        The split's genes with a homology family, and their families.
    covariates
        Shape (n, 3): mean, variance, dropout from counts of the same cells.
    capture
        Averages over cells for all genes of the model; rows of other genes are out of reach of a tool.
    fitted
        Axes by layer, fitted on discovery genes.
    """

    genes: tuple[str, ...]
    families: tuple[str, ...]
    covariates: Floats
    capture: Capture = field(repr=False)
    fitted: tuple[Axes, ...] = field(repr=False)

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Names of the covariate columns."""
        return tuple(covariate.value for covariate in COVARIATES)

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        return ModelShape(self.capture.attention.shape[0], self.capture.attention.shape[1])

    def _rows(self) -> NDArray[np.intp]:
        position = {gene: row for row, gene in enumerate(self.capture.genes)}
        return np.array([position[gene] for gene in self.genes], dtype=np.intp)

    def hidden(self, layer: int) -> Floats:
        """Residual stream (n, width) after ``layer`` blocks."""
        return np.asarray(self.capture.hidden[layer][self._rows()], dtype=np.float64)

    def axes(self, layer: int) -> Axes:
        """Axes of a layer, fitted on discovery genes."""
        if not self.fitted:
            raise ToolError("this job names no fitted axes; a tool that uses them must declare fits=('axes',)")
        return self.fitted[layer]

    def attention(self, layer: int, head: int | None) -> Floats:
        """Mean attention (n, n) of a block, of one head or averaged over heads."""
        rows = self._rows()
        maps = self.capture.attention[layer - 1]
        chosen = maps.mean(axis=0) if head is None else maps[head - 1]
        return np.asarray(chosen[np.ix_(rows, rows)], dtype=np.float64)


def fit_layer_axes(bench: GeneWorkbench) -> tuple[Axes, ...]:
    """Fit the axes of every layer on the genes of a discovery workbench."""
    return tuple(fit_axes(bench.hidden(layer), N_AXES) for layer in range(bench.shape.n_layers + 1))


def axes_to_bytes(fitted: tuple[Axes, ...]) -> bytes:
    """Serialise axes by layer; equal axes give equal bytes."""
    from safetensors.numpy import save

    arrays = {}
    for layer, axes in enumerate(fitted):
        arrays[f"centre.{layer:03d}"] = axes.centre
        arrays[f"components.{layer:03d}"] = np.ascontiguousarray(axes.components)
        arrays[f"singular_values.{layer:03d}"] = axes.singular_values
    return save(arrays)


def axes_from_bytes(content: bytes) -> tuple[Axes, ...]:
    """Read axes back from :func:`axes_to_bytes`."""
    from safetensors.numpy import load

    arrays = load(content)
    layers = sorted(name.split(".")[1] for name in arrays if name.startswith("centre."))
    return tuple(
        Axes(arrays[f"centre.{key}"], arrays[f"components.{key}"], arrays[f"singular_values.{key}"]) for key in layers
    )
