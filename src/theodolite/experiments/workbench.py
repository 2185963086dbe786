"""The concrete workbench: one split's genes, what was captured of the model, and axes fitted on discovery."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes
from theodolite.claims import Covariate
from theodolite.models.capture import Capture
from theodolite.models.components import Component, How
from theodolite.tools import Axes, ModelShape, NothingMovedError, ToolError, fit_axes
from theodolite.tools.geometry import N_AXES

if TYPE_CHECKING:
    from theodolite.models.ablated import Ablated
    from theodolite.saes.feature_values import FeatureValues

__all__ = ["COVARIATES", "GeneWorkbench", "axes_from_bytes", "axes_to_bytes", "fit_layer_axes", "fit_source_sha256"]

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
        Axes of each site in the order of ``shape.sites``, fitted on discovery genes.
    regulators
        The genes of the split that regulate anything in the campaign's regulons, in the order of ``genes``.
    interventions
        What a component and all others of its size do to every gene, by what stands in their place; None where nobody
        can intervene.
    baseline
        Whether it holds a baseline that a claim is held against: there an ablation that does nothing is a baseline that
        shows nothing, and is read all the same; of the model itself it is no measurement.
    encoded
        Returns what features of a layer do that were fitted on discovery genes; None where none were.
    """

    genes: tuple[str, ...]
    families: tuple[str, ...]
    covariates: Floats
    capture: Capture = field(repr=False)
    fitted: tuple[Axes, ...] = field(repr=False)
    regulators: tuple[str, ...] = ()
    interventions: Callable[[Component, How], Ablated] | None = field(default=None, repr=False)
    baseline: bool = False
    encoded: Callable[[int], FeatureValues] | None = field(default=None, repr=False)

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Names of the covariate columns."""
        return tuple(covariate.value for covariate in COVARIATES)

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        n_layers, n_heads = self.capture.attention.shape[:2]
        return ModelShape(n_layers, n_heads, read_out=self.capture.read_out is not None)

    def _rows(self) -> NDArray[np.intp]:
        position = {gene: row for row, gene in enumerate(self.capture.genes)}
        return np.array([position[gene] for gene in self.genes], dtype=np.intp)

    def hidden(self, layer: int | None) -> Floats:
        """Gene vectors (n, width) after ``layer`` blocks, or of the read-out for None."""
        vectors = self.capture.read_out if layer is None else self.capture.hidden[layer]
        if vectors is None:
            raise ToolError("this model has no read-out vectors; choose a layer")
        return np.asarray(vectors[self._rows()], dtype=np.float64)

    def axes(self, layer: int | None) -> Axes:
        """Axes of a site, fitted on discovery genes."""
        if not self.fitted:
            raise ToolError("this job names no fitted axes; a tool that uses them must declare fits=('axes',)")
        return self.fitted[self.shape.sites.index(layer)]

    def features(self, layer: int) -> Floats:
        """Values (n, k) of the ranked features of a layer, below 0 where a feature is active at no token of a gene."""
        if self.encoded is None:
            raise ToolError("this job names no fitted features; a tool that uses them must declare fits=('features',)")
        found = self.encoded(layer)
        place = {gene: row for row, gene in enumerate(found.genes)}
        rows = np.array([place[gene] for gene in self.genes], dtype=np.intp)
        if (silent := found.tokens[rows] == 0).any():
            raise ToolError(
                f"{self.genes[int(silent.argmax())]!r} and {int(silent.sum()) - 1} other genes are tokens of none of "
                "the cells; raise `genes: {least_cells: ...}`, or survey more cells"
            )
        return np.asarray(found.score[found.layers.index(layer)][rows], dtype=np.float64)

    def attention(self, layer: int, head: int | None) -> Floats:
        """Mean attention (n, n) of a block, of one head or averaged over heads."""
        rows = self._rows()
        maps = self.capture.attention[layer - 1]
        chosen = maps.mean(axis=0) if head is None else maps[head - 1]
        return np.asarray(chosen[np.ix_(rows, rows)], dtype=np.float64)

    def together(self) -> NDArray[np.int64] | None:
        """Cells (n, n) that hold both genes of a pair; None where every cell holds all of them."""
        if self.capture.together is None:
            return None
        rows = self._rows()
        return np.asarray(self.capture.together[np.ix_(rows, rows)], dtype=np.int64)

    def ablated(self, component: Component, how: How) -> Floats:
        """Mean squared change (n,) of the prediction at each gene's token without a component."""
        if self.interventions is None:
            raise ToolError("this workbench holds what was read of a model, and no model to take a component out of")
        found = self.interventions(component, how)
        if (component,) not in found.row:
            raise ToolError(f"{component} is none of the {len(found.row)} components that were taken out ({how})")
        taken_out = found.row[(component,)]
        if not (self.baseline or found.faithful[taken_out]):
            raise NothingMovedError(
                f"{component}: no token's last residual stream turned by more than {found.largest[taken_out, 0]:.2g} "
                f"without it ({how}); an ablation that does nothing shows nothing"
            )
        place = {gene: row for row, gene in enumerate(found.genes)}
        rows = np.array([place[gene] for gene in self.genes], dtype=np.intp)
        if (silent := found.presence[rows] == 0).any():
            raise ToolError(
                f"{self.genes[int(silent.argmax())]!r} and {int(silent.sum()) - 1} other genes are tokens of none of "
                "the cells that are read for ablations; raise `genes: {least_cells: ...}`, or survey more cells"
            )
        return np.asarray(found.prediction[taken_out][rows], dtype=np.float64)


def fit_layer_axes(bench: GeneWorkbench) -> tuple[Axes, ...]:
    """Fit the axes of every site on the genes of a discovery workbench."""
    return tuple(fit_axes(bench.hidden(layer), N_AXES) for layer in bench.shape.sites)


def fit_source_sha256() -> str:
    """Return the hash of the source that fits axes, part of the identity of the fitting job."""
    return sha256_bytes((inspect.getsource(fit_axes) + inspect.getsource(fit_layer_axes)).encode())


def axes_to_bytes(fitted: tuple[Axes, ...]) -> bytes:
    """Serialise axes by site; equal axes give equal bytes."""
    from safetensors.numpy import save

    arrays = {}
    for site, axes in enumerate(fitted):
        arrays[f"centre.{site:03d}"] = axes.centre
        arrays[f"components.{site:03d}"] = np.ascontiguousarray(axes.components)
        arrays[f"singular_values.{site:03d}"] = axes.singular_values
    return save(arrays)


def axes_from_bytes(content: bytes) -> tuple[Axes, ...]:
    """Read axes back from :func:`axes_to_bytes`."""
    from safetensors.numpy import load

    arrays = load(content)
    sites = sorted(name.split(".")[1] for name in arrays if name.startswith("centre."))
    return tuple(
        Axes(arrays[f"centre.{key}"], arrays[f"components.{key}"], arrays[f"singular_values.{key}"]) for key in sites
    )
