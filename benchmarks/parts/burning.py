"""A plug-in whose instrument computes for a while in one thread; run as a program, it computes without any runner."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

STEPS = "BURNING_STEPS"
"""Environment variable with the number of steps that take the wanted time on this machine."""


def burn(steps: int) -> float:
    """Multiply small matrices, one after the other."""
    matrix = np.random.default_rng(0).standard_normal((64, 64)) / 8
    state = matrix
    for _ in range(steps):
        state = np.tanh(matrix @ state)
    return float(state.sum())


def steps_for(seconds: float) -> int:
    """Return how many steps take so long here."""
    burn(1000)
    start = time.perf_counter()
    burn(20_000)
    return int(20_000 * seconds / (time.perf_counter() - start))


class Burning(ToolParams):
    """Parameters of :func:`burns`."""

    layer: int = Field(ge=0, description="residual stream after this many blocks")
    percent: int = Field(default=100, ge=0, description="how many per cent of the steps to do")

    def locus(self) -> Locus:
        """Return the layer."""
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every layer."""
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


@tool(family="bench", shape=GeneScores, object="burnt", relation=Relation.SEPARATES, unit="squared norm", version="1")
def burns(bench: Workbench, params: Burning) -> GeneScores:
    """Squared norm of each gene's vector, after computing for a while."""
    burn(int(os.environ[STEPS]) * params.percent // 100)
    score = np.square(bench.hidden(params.layer)).sum(axis=1)
    return GeneScores(bench.genes, score, bench.families, bench.covariate_names, bench.covariates, burns.unit)


if __name__ == "__main__":
    if sys.argv[1] == "calibrate":
        print(steps_for(float(sys.argv[2])))
    else:
        for _ in range(int(sys.argv[1])):
            burn(int(os.environ[STEPS]))
