"""Attention that two genes pay to each other, as far as it is returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from mutual_attention.logarithm import log_probability
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import PairScores
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

__all__ = ["MutualAttention", "mutual"]


class MutualAttention(ToolParams):
    """Parameters of :func:`mutual`."""

    layer: int = Field(ge=1, description="transformer block, counted from 1")
    head: int | None = Field(default=None, ge=1, description="attention head, counted from 1; null averages all heads")

    def locus(self) -> Locus:
        """Return the head, or the layer if heads are averaged."""
        if self.head is None:
            return Locus(kind=LocusKind.LAYER, layer=self.layer)
        return Locus(kind=LocusKind.HEAD, layer=self.layer, index=(self.head,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every layer with its heads averaged, then every head."""
        for layer in range(1, shape.n_layers + 1):
            yield cls(layer=layer)
            for head in range(1, shape.n_heads + 1):
                yield cls(layer=layer, head=head)


@tool(
    family="attention",
    shape=PairScores,
    object="mutual_attention",
    relation=Relation.RANKS_ABOVE,
    unit="natural logarithm of the mean attention probability, after the pull of either gene is taken out",
    version="1",
)
def mutual(bench: Workbench, params: MutualAttention) -> PairScores:
    """Attention between each pair of genes in the weaker of its two directions, in a layer or a head.

    Attention has a direction: a gene may look at another that never looks back. An average of both directions, as
    ``attention.edges`` takes it, cannot tell that from two genes that look at each other half as much. Here the
    logarithm of the probability is freed of what the asking gene pays to all others and the asked one draws from all
    (a two-way fit without interaction), and of the two directions that are left the lesser one is the score: how much
    more than expected both genes attend to each other.

    Returns
    -------
    PairScores
        One score per pair of genes of the split.
    """
    logarithm = log_probability(bench.attention(params.layer, params.head))
    pays = logarithm.mean(axis=1, keepdims=True)
    draws = logarithm.mean(axis=0, keepdims=True)
    beyond = logarithm - pays - draws
    return PairScores(
        genes=bench.genes,
        score=np.minimum(beyond, beyond.T),
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=mutual.unit,
    )
