"""What an instrument reads of a model: found by trying it on a small workbench of random numbers, not declared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theodolite.models.components import Component, How
from theodolite.tools.registry import Tool, ToolParams
from theodolite.tools.workbench import N_FEATURES, Axes, ModelShape, fit_axes

__all__ = ["READABLE", "what_it_reads"]

READABLE = {
    "hidden": "gene vectors (the residual stream at each gene's token, averaged over cells, or the read-out's)",
    "axes": "singular axes of a site's gene vectors, fitted on discovery genes",
    "features": "features of a sparse autoencoder of a layer, trained on the tokens of discovery genes",
    "attention": "attention from gene to gene, averaged over cells",
    "ablated": "what the model's predictions lose at each gene's token with a component taken out",
    "anchors": "what the model holds of each cell: mean residual stream, attention that genes receive, mean attention",
    "regulators": "which genes are regulators, by the regulons of the campaign",
}
"""What of a workbench is read, in words; gene statistics and families every instrument hands on."""

_GENES, _WIDTH, _AXES, _REGULATORS = 48, 16, 6, 8

Floats = NDArray[np.float64]


@dataclass
class _Trial:
    """A workbench of random numbers that notes what is asked of it."""

    shape: ModelShape
    read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(0)
        self.genes = tuple(f"GENE{place}" for place in range(_GENES))
        self.families = tuple(f"FAMILY{place // 2}" for place in range(_GENES))
        self.covariate_names = ("mean_expression", "variance", "dropout")
        self.covariates = self._random.gamma(2.0, 1.0, (_GENES, 3))

    @property
    def regulators(self) -> tuple[str, ...]:
        self.read.add("regulators")
        return self.genes[:_REGULATORS]

    def hidden(self, layer: int | None) -> Floats:
        self.read.add("hidden")
        return self._vectors()

    def axes(self, layer: int | None) -> Axes:
        self.read.add("axes")
        return fit_axes(self._vectors(), _AXES)

    def features(self, layer: int) -> Floats:
        self.read.add("features")
        return self._random.standard_normal((_GENES, N_FEATURES))

    def attention(self, layer: int, head: int | None) -> Floats:
        self.read.add("attention")
        weights = self._random.gamma(0.5, 1.0, (_GENES, _GENES)) + 1e-6
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def ablated(self, component: Component, how: How) -> Floats:
        self.read.add("ablated")
        return self._random.gamma(1.0, 1.0, _GENES)

    def _vectors(self) -> Floats:
        return self._random.standard_normal((_GENES, _WIDTH))


def what_it_reads(tool: Tool, params: ToolParams, shape: ModelShape) -> tuple[str, ...] | None:
    """Return which keys of :data:`READABLE` an instrument asks its workbench for, in their order.

    Parameters
    ----------
    tool, params
        The instrument and the place that it is tried at.
    shape
        Size of the model that has the place.

    Returns
    -------
    tuple of str or None
        None where it fails on 48 genes of random numbers, so that nothing can be said.
    """
    if tool.relation.of_cells:
        return ("anchors",)
    trial = _Trial(shape)
    try:
        tool.measure(trial, params)
    except Exception:  # noqa: BLE001 - whatever a stranger's code raises here, it only was a trial
        return None
    return tuple(name for name in READABLE if name in trial.read)
