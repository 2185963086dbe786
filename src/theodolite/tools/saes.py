"""Sparse autoencoders: what one feature of a dictionary does at the tokens of each gene (arXiv 2603.02952)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.saes import FEATURE_VALUES
from theodolite.tools.registry import ToolParams, tool
from theodolite.tools.workbench import N_FEATURES, BenchSize, ModelShape, Workbench

__all__ = ["FeatureValue", "feature_value"]


class FeatureValue(ToolParams):
    """Parameters of :func:`feature_value`."""

    layer: int = Field(ge=1, description="residual stream after this many blocks")
    feature: int = Field(
        ge=1,
        le=N_FEATURES,
        description="feature by rank, counted from 1: the first is the one whose values differ most between genes",
    )

    def locus(self) -> Locus:
        """Return the feature."""
        return Locus(kind=LocusKind.FEATURE, layer=self.layer, index=(self.feature,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield the first features of every block; at the embedding a token has hardly met its cell."""
        for layer in range(1, shape.n_layers + 1):
            for feature in range(1, N_FEATURES + 1):
                yield cls(layer=layer, feature=feature)


def _memory(size: BenchSize, params: FeatureValue) -> int:
    # Values of the ranked features of every layer for every gene that is surveyed, in four-byte numbers, and a copy.
    return 3 * 8 * size.genes * N_FEATURES * size.shape.n_layers


@tool(
    family="saes",
    shape=GeneScores,
    object="feature_value",
    relation=Relation.SEPARATES,
    unit="mean value along a unit decoder vector, below 0 the mean distance to being active",
    version=FEATURE_VALUES,
    fits=("features",),
    memory=_memory,
)
def feature_value(bench: Workbench, params: FeatureValue) -> GeneScores:
    """Mean value of a feature of a sparse autoencoder at each gene's tokens.

    A TopK dictionary of four times the model's width is trained on the tokens of discovery genes in a layer of the
    residual stream; its features are ranked by how much their mean values differ between these genes. A gene at whose
    tokens the feature is never active scores below all others, by how far its value before the choice is from the
    smallest that is chosen, for genes that tie cannot be told apart. Claims are measured with four more dictionaries of
    other seeds, whose features are matched one to one by the cosine of decoder vectors; over all five the effect must
    keep its sign and vary by at most half its mean (G15). In place of the counts stands a non-negative matrix
    factorisation. Source: arXiv 2603.02952 §features, with the dictionary held out by gene.

    Returns
    -------
    GeneScores
        One value per gene of the split.

    Raises
    ------
    ToolError
        If a gene is a token of none of the cells.
    """
    return GeneScores(
        genes=bench.genes,
        score=bench.features(params.layer)[:, params.feature - 1],
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=feature_value.unit,
    )
