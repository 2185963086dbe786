"""What the model loses with a head, an MLP or a block: the change of its predictions, gene by gene (arXiv 2602.17532).

Attention and hidden states behind an ablation would do as a read-out only where they lie behind it, so the prediction
is read. Some genes move whatever is taken out; the score of a component is what it does beyond the others of its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.models.ablated import MEMORY_BYTES
from theodolite.models.components import Component, How, alike, components
from theodolite.tools.registry import NothingMovedError, ToolError, ToolParams, tool
from theodolite.tools.workbench import BenchSize, ModelShape, Workbench

__all__ = ["AblatedHead", "AblatedPart", "mean_ablation", "uniform_attention", "zero_ablation"]

_KIND = {"head": LocusKind.HEAD, "mlp": LocusKind.MLP, "layer": LocusKind.LAYER}
_LAYER = "transformer block, counted from 1"
_UNIT = "natural logarithm of the mean squared change of the prediction, less its mean over the other components"


class AblatedPart(ToolParams):
    """Parameters of :func:`zero_ablation` and :func:`mean_ablation`."""

    part: Literal["head", "mlp", "layer"] = Field(
        description="what is taken out: an attention head, the MLP of a block, or a block's heads and MLP together"
    )
    layer: int = Field(ge=1, description=_LAYER)
    head: int | None = Field(default=None, ge=1, description="attention head, counted from 1; null of MLP and layer")

    @model_validator(mode="after")
    def _named(self) -> AblatedPart:
        _ = self.component
        return self

    @property
    def component(self) -> Component:
        """The component that is taken out."""
        return Component(self.part, self.layer, self.head)

    def locus(self) -> Locus:
        """Return the head, the MLP or the layer."""
        return Locus(kind=_KIND[self.part], layer=self.layer, index=() if self.head is None else (self.head,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield the components that there are others of: heads of the same layer, MLPs and blocks of other layers."""
        for found in components(shape.n_layers, shape.n_heads):
            if len(alike(found, shape.n_layers, shape.n_heads)) > 1:
                yield cls(part=found.part, layer=found.layer, head=found.head)


class AblatedHead(ToolParams):
    """Parameters of :func:`uniform_attention`."""

    layer: int = Field(ge=1, description=_LAYER)
    head: int = Field(ge=1, description="attention head, counted from 1")

    def locus(self) -> Locus:
        """Return the head."""
        return Locus(kind=LocusKind.HEAD, layer=self.layer, index=(self.head,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every head of a model with several a layer."""
        for layer in range(1, shape.n_layers + 1):
            for head in range(1, shape.n_heads + 1):
                if shape.n_heads > 1:
                    yield cls(layer=layer, head=head)


def _memory(size: BenchSize, params: ToolParams) -> int:
    # Prediction and stream of every component for every gene, in eight-byte numbers, and a step at its most.
    return 2 * 8 * size.genes * size.shape.n_layers * (size.shape.n_heads + 2) + MEMORY_BYTES


_instrument = partial(
    tool, family="ablation", shape=GeneScores, relation=Relation.SEPARATES, unit=_UNIT, version="1", memory=_memory
)


def _beyond_others(bench: Workbench, component: Component, how: How, unit: str) -> GeneScores:
    score = _log(bench.ablated(component, how))
    others = [other for other in alike(component, bench.shape.n_layers, bench.shape.n_heads) if other != component]
    beside = []
    for other in others:
        # One that does nothing at all would say of each gene how its rounding errors fall.
        with suppress(NothingMovedError):
            beside.append(_log(bench.ablated(other, how)))
    if not beside:
        raise ToolError(f"{component} is the only one of its kind that does anything, so nothing can stand beside it")
    return GeneScores(
        genes=bench.genes,
        score=score - np.mean(beside, axis=0),
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=unit,
    )


def _log(change: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(change, np.finfo(np.float32).tiny)))


@_instrument(object="zero_ablation_effect")
def zero_ablation(bench: Workbench, params: AblatedPart) -> GeneScores:
    """Change of each gene's prediction when a head, an MLP or a block is silent, beyond that of others of its size.

    Attention probabilities of a head are set to zero, so that it reads nothing, and hidden units of an MLP after the
    activation likewise; of a block, both. The squared change of the prediction at the gene's token (of logits, after
    their mean was taken out, averaged over the vocabulary) is averaged over cells; the score is its logarithm, less the
    mean logarithm over the other heads of the layer, or the MLPs or blocks of the other layers, as far as these do
    anything. At most 256 cells are
    read, evenly over those there are. Before any of it counts, each sort of edit passes four checks: at strength zero
    it is the identity, nothing before it moves, two edits compose, what comes next responds. Source: arXiv 2602.17532
    §head ablation, read out at the output.

    Returns
    -------
    GeneScores
        One score per gene of the split.

    Raises
    ------
    ToolError
        If the ablation turns no token's last residual stream by 0.02 in cosine distance, for then it tests nothing; if
        no other component of its size does; or if a gene is a token of none of the cells that are read.
    InterventionError
        If an edit does not do what it says; the verdict is then ``invalid``.
    """
    return _beyond_others(bench, params.component, "zero", zero_ablation.unit)


@_instrument(object="mean_ablation_effect")
def mean_ablation(bench: Workbench, params: AblatedPart) -> GeneScores:
    """Change of each gene's prediction when a head, an MLP or a block does what it does on average.

    Each query of a head attends as the queries of its cell do on average, and hidden units of an MLP stand at their
    mean over all tokens that are read, so that what is lost is what depends on the gene and the cell. Otherwise as
    :func:`zero_ablation`. Source: arXiv 2602.17532 §head ablation, read out at the output.

    Returns
    -------
    GeneScores
        One score per gene of the split.

    Raises
    ------
    ToolError, InterventionError
        As :func:`zero_ablation`.
    """
    return _beyond_others(bench, params.component, "mean", mean_ablation.unit)


@_instrument(object="uniform_attention_effect")
def uniform_attention(bench: Workbench, params: AblatedHead) -> GeneScores:
    """Change of each gene's prediction when a head attends to all tokens alike, beyond the other heads of its layer.

    Otherwise as :func:`zero_ablation`. Source: arXiv 2602.17532 §orthogonal interventions.

    Returns
    -------
    GeneScores
        One score per gene of the split.

    Raises
    ------
    ToolError, InterventionError
        As :func:`zero_ablation`.
    """
    return _beyond_others(bench, Component("head", params.layer, params.head), "uniform", uniform_attention.unit)
