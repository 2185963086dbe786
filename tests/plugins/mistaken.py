"""Instruments of people who were mistaken; a plug-in for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, ToolError, ToolParams, Workbench, tool


class Layer(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


@tool(
    family="mistaken",
    shape=GeneScores,
    object="expression",
    relation=Relation.SEPARATES,
    unit="counts",
    version="1",
)
def expression(bench: Workbench, params: Layer) -> GeneScores:
    """Mean expression under another name, with the covariates set to zero so that nothing takes it out."""
    blank = np.zeros_like(bench.covariates)
    return GeneScores(
        bench.genes, bench.covariates[:, 0], bench.families, bench.covariate_names, blank, expression.unit
    )


@tool(family="mistaken", shape=GeneScores, object="nothing", relation=Relation.SEPARATES, unit="none", version="1")
def bare(bench: Workbench, params: Layer) -> GeneScores:
    """Gene vectors' norm without the covariates that the gates need."""
    norm = np.linalg.norm(bench.hidden(params.layer), axis=1)
    return GeneScores(bench.genes, norm, bench.families, (), np.empty((len(bench.genes), 0)), bare.unit)


@tool(family="mistaken", shape=GeneScores, object="nothing", relation=Relation.SEPARATES, unit="none", version="1")
def broken(bench: Workbench, params: Layer) -> GeneScores:
    """Nothing at all: it raises."""
    raise ToolError("there is nothing to measure")
