"""Geometry of the residual stream: singular axes of gene vectors (arXiv 2602.22247)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import BipartiteScores, GeneScores, PairScores
from theodolite.tools.bipartite import regulator_rows, regulator_scores
from theodolite.tools.registry import ToolParams, tool
from theodolite.tools.workbench import BenchSize, ModelShape, Workbench

__all__ = [
    "N_AXES",
    "WINDOWS",
    "AxisSeparation",
    "PairProximity",
    "axis_separation",
    "pair_proximity",
    "regulator_proximity",
]

N_AXES = 6
"""Axes that are fitted and searched in each layer."""

WINDOWS = ((1, 3), (4, 6), (1, 6))
"""The closed list of axis windows, first and last axis counted from 1."""

_LAYER = "residual stream after this many blocks, 0 is the embedding; null is the read-out"


class AxisSeparation(ToolParams):
    """Parameters of :func:`axis_separation`."""

    layer: int | None = Field(ge=0, description=_LAYER)
    axis: int = Field(ge=1, le=N_AXES, description="singular axis, counted from 1")

    def locus(self) -> Locus:
        """Return the axis."""
        kind = LocusKind.READ_OUT_AXIS if self.layer is None else LocusKind.AXIS
        return Locus(kind=kind, layer=self.layer, index=(self.axis,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every axis of every layer and of the read-out."""
        for layer in shape.sites:
            for axis in range(1, N_AXES + 1):
                yield cls(layer=layer, axis=axis)


@tool(
    family="geometry",
    shape=GeneScores,
    object="axis_coordinate",
    relation=Relation.SEPARATES,
    unit="residual-stream units along a unit axis",
    version="1",
    fits=("axes",),
)
def axis_separation(bench: Workbench, params: AxisSeparation) -> GeneScores:
    """Coordinate of each gene on a singular axis of a layer or of the read-out.

    The residual stream at each gene's token, averaged over cells, is centred on the discovery genes and projected onto
    a singular axis that was fitted on discovery genes. Source: arXiv 2602.22247 §SVD axes, with the axes held out.

    Returns
    -------
    GeneScores
        One coordinate per gene of the split.
    """
    coordinates = bench.axes(params.layer).coordinates(bench.hidden(params.layer))
    return GeneScores(
        genes=bench.genes,
        score=coordinates[:, params.axis - 1],
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=axis_separation.unit,
    )


class PairProximity(ToolParams):
    """Parameters of :func:`pair_proximity`."""

    layer: int | None = Field(ge=0, description=_LAYER)
    first: int = Field(ge=1, le=N_AXES, description="first singular axis of the window, counted from 1")
    last: int = Field(ge=1, le=N_AXES, description="last singular axis of the window, included")

    @model_validator(mode="after")
    def _ascending(self) -> PairProximity:
        if self.first > self.last:
            raise ValueError(f"window {self.first}-{self.last} is empty; first must not exceed last")
        return self

    def locus(self) -> Locus:
        """Return the window."""
        kind = LocusKind.READ_OUT_WINDOW if self.layer is None else LocusKind.WINDOW
        return Locus(kind=kind, layer=self.layer, index=(self.first, self.last))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every window of every layer and of the read-out."""
        for layer in shape.sites:
            for first, last in WINDOWS:
                yield cls(layer=layer, first=first, last=last)


def _pairs_memory(size: BenchSize, params: PairProximity) -> int:
    # Inner products, scores and their mean over both directions: three matrices of eight-byte numbers.
    return 3 * 8 * size.genes**2


def _regulators_memory(size: BenchSize, params: PairProximity) -> int:
    return 2 * 8 * size.genes * size.regulators


@tool(
    family="geometry",
    shape=PairScores,
    object="axis_window_proximity",
    relation=Relation.RANKS_ABOVE,
    unit="minus half the squared distance, squared residual-stream units",
    version="1",
    fits=("axes",),
    memory=_pairs_memory,
)
def pair_proximity(bench: Workbench, params: PairProximity) -> PairScores:
    """Proximity of each pair of genes within a window of singular axes of a layer or of the read-out.

    Minus half the squared Euclidean distance between the genes' coordinates on the axes of the window. Double-centring
    this score, as the gates do, gives the inner products of the coordinates (Torgerson 1952), so that a gene which is
    near to everything earns nothing by it. Source: arXiv 2602.22247 §co-pole and pair tests.

    Returns
    -------
    PairScores
        One proximity per pair of genes of the split.
    """
    coordinates = bench.axes(params.layer).coordinates(bench.hidden(params.layer))[:, params.first - 1 : params.last]
    squared = np.square(coordinates).sum(axis=1)
    gram = coordinates @ coordinates.T
    score = gram - 0.5 * (squared[:, None] + squared[None, :])
    return PairScores(
        genes=bench.genes,
        score=(score + score.T) / 2,
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=pair_proximity.unit,
    )


@tool(
    family="geometry",
    shape=BipartiteScores,
    object="regulator_proximity",
    relation=Relation.RANKS_ABOVE,
    unit="minus half the squared distance, squared residual-stream units",
    version="1",
    fits=("axes",),
    evidence="e",
    memory=_regulators_memory,
)
def regulator_proximity(bench: Workbench, params: PairProximity) -> BipartiteScores:
    """Proximity of each regulator to each gene within a window of singular axes of a layer or of the read-out.

    The score of :func:`pair_proximity`, kept only where the first gene is a regulator; as there, double-centring turns
    it into inner products of the coordinates. Source: arXiv 2602.22247 §co-pole and pair tests.

    Returns
    -------
    BipartiteScores
        One proximity per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    coordinates = bench.axes(params.layer).coordinates(bench.hidden(params.layer))[:, params.first - 1 : params.last]
    rows = regulator_rows(bench)
    squared = np.square(coordinates).sum(axis=1)
    score = coordinates[rows] @ coordinates.T - 0.5 * (squared[rows, None] + squared[None, :])
    return regulator_scores(bench, score, regulator_proximity.unit)
