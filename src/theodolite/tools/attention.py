"""Attention between gene tokens as a gene-gene or regulator-target score (arXiv 2602.17532)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import BipartiteScores, PairScores
from theodolite.tools.bipartite import regulator_rows, regulator_scores
from theodolite.tools.registry import ToolParams, tool
from theodolite.tools.workbench import BenchSize, ModelShape, Workbench

__all__ = ["AttentionEdges", "edges", "regulation"]


class AttentionEdges(ToolParams):
    """Parameters of :func:`edges`."""

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


def _edges_memory(size: BenchSize, params: AttentionEdges) -> int:
    # The probabilities, their logarithm, and the mean of both directions: three matrices of eight-byte numbers.
    return 3 * 8 * size.genes**2


def _regulation_memory(size: BenchSize, params: AttentionEdges) -> int:
    return 8 * size.genes * (size.genes + 2 * size.regulators)


@tool(
    family="attention",
    shape=PairScores,
    object="attention_weight",
    relation=Relation.RANKS_ABOVE,
    unit="natural logarithm of the mean attention probability, both directions averaged",
    version="1",
    memory=_edges_memory,
)
def edges(bench: Workbench, params: AttentionEdges) -> PairScores:
    """Attention between each pair of genes in a layer or a head.

    Attention probabilities are averaged over cells, then the two directions of a pair are averaged on the log scale,
    where the multiplicative pull of an attractive gene becomes additive and double-centring removes it. Source: arXiv
    2602.17532 §attention against reference edges.

    Returns
    -------
    PairScores
        One score per pair of genes of the split.
    """
    logarithm = np.log(np.maximum(bench.attention(params.layer, params.head), np.finfo(np.float32).tiny))
    return PairScores(
        genes=bench.genes,
        score=(logarithm + logarithm.T) / 2,
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=edges.unit,
    )


@tool(
    family="attention",
    shape=BipartiteScores,
    object="attention_to_regulator",
    relation=Relation.RANKS_ABOVE,
    unit="natural logarithm of the mean attention probability",
    version="1",
    evidence="e",
    memory=_regulation_memory,
)
def regulation(bench: Workbench, params: AttentionEdges) -> BipartiteScores:
    """Attention that each gene pays to each regulator in a layer or a head.

    The probability with which the target's token (query) attends to the regulator's token (key) is averaged over
    cells, and over heads where none is named. Its logarithm is the score, for there the multiplicative pull of an
    attractive regulator and the reach of an attentive target are additive, and double-centring removes them. Source:
    arXiv 2602.17532 §attention against reference edges, with the direction kept.

    Returns
    -------
    BipartiteScores
        One score per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    probability = bench.attention(params.layer, params.head)[:, regulator_rows(bench)].T
    return regulator_scores(bench, np.log(np.maximum(probability, np.finfo(np.float32).tiny)), regulation.unit)
