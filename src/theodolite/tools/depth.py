"""Depth: whether a reference stands higher in later layers than in earlier ones (arXiv 2602.17532, 2602.22247).

A claim about depth compares layers of one model. In each layer the scores of an instrument of one layer lose their
hubs, and are turned into standings: the share of all pairs that a pair ranks above. A pair's standings over the layers
then give one number a pair, its trend or how much earlier it peaks, and that number is the score. So whatever is tested
of it is tested as any other score: against every null, without what the claim holds fixed, beside untrained models.
Layers need no common scale, and a reference that stands high in every layer alike has no trend.

As a standing is a share of pairs, the mean trend of the reference, less that of the others, is the trend over layers of
its AUROC. Tested is the AUROC of the trends, which no single pair can carry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar, Self, TypeVar

import numpy as np
from pydantic import Field, model_validator

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import BipartiteScores, PairScores
from theodolite.measurements.centring import double_centred, double_centred_bipartite
from theodolite.tools.attention import AttentionEdges, edges, regulation
from theodolite.tools.geometry import N_AXES, PairProximity, pair_proximity, regulator_proximity
from theodolite.tools.registry import Tool, ToolParams, tool
from theodolite.tools.workbench import BenchSize, Floats, ModelShape, Workbench

__all__ = ["AttentionBoundary", "AttentionSpan", "StreamBoundary", "StreamSpan", "peak", "standings", "trend"]

Pairs = TypeVar("Pairs", PairScores, BipartiteScores)

_SLOPE = "share of pairs ranked above, gained a layer"
_LEAD = "share of pairs ranked above, at the best of the earlier layers less at the best of the later ones"


class _Depth(ToolParams):
    lowest: ClassVar[int] = 0
    """The first layer there is: 0, the embedding, of the residual stream; 1, the first block, of attention."""


class StreamSpan(_Depth):
    """A span of layers of the residual stream."""

    first: int = Field(ge=0, description="first layer of the span; 0 is the embedding")
    last: int = Field(ge=1, description="last layer of the span, included")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.lowest <= self.first < self.last:
            raise ValueError(f"a span from layer {self.first} to {self.last}; it must ascend, from {self.lowest} on")
        return self

    def locus(self) -> Locus:
        """Return the span."""
        return Locus(kind=LocusKind.SPAN, layer=self.first, index=(self.last,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every span of two layers or more, the whole depth first."""
        deepest = shape.n_layers
        spans = [(first, last) for first in range(cls.lowest, deepest) for last in range(first + 1, deepest + 1)]
        for first, last in sorted(spans, key=lambda span: span[0] - span[1]):
            yield cls(first=first, last=last)


class AttentionSpan(StreamSpan):
    """A span of transformer blocks, counted from 1."""

    lowest: ClassVar[int] = 1


class StreamBoundary(_Depth):
    """A boundary that parts the layers of the residual stream in earlier and later ones."""

    layer: int = Field(ge=0, description="last of the earlier layers; 0 is the embedding")

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.layer < self.lowest:
            raise ValueError(f"layer {self.layer}; layers are counted from {self.lowest} here")
        return self

    def locus(self) -> Locus:
        """Return the boundary."""
        return Locus(kind=LocusKind.BOUNDARY, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every boundary with a layer on either side."""
        for layer in range(cls.lowest, shape.n_layers):
            yield cls(layer=layer)


class AttentionBoundary(StreamBoundary):
    """A boundary that parts the transformer blocks, counted from 1, in earlier and later ones."""

    lowest: ClassVar[int] = 1


def standings(layers: list[Pairs]) -> Floats:
    """Return the share of candidates that each pair ranks above once hubs are taken out, by layer.

    Parameters
    ----------
    layers
        Scores of the same genes in each layer.

    Returns
    -------
    numpy.ndarray
        Shape (layers, rows, columns), from 0 to 1, ties sharing their mean; 0.5 for what is no candidate.
    """
    from scipy.stats import rankdata

    found = np.full((len(layers), *layers[0].score.shape), 0.5)
    candidates = layers[0].candidates()
    for place, measured in enumerate(layers):
        if isinstance(measured, PairScores):
            left = double_centred(measured.score)
        else:
            left = double_centred_bipartite(measured.score, candidates)
        found[place][candidates] = (rankdata(left[candidates]) - 0.5) / candidates.sum()
    return found


def trend(standing: Floats) -> Floats:
    """Return the least-squares slope over layers, (rows, columns), of standings (layers, rows, columns)."""
    layer = np.arange(len(standing)) - (len(standing) - 1) / 2.0
    return np.asarray(np.tensordot(layer / np.square(layer).sum(), standing, axes=1))


def peak(standing: Floats, earlier: int) -> Floats:
    """Return the best standing in the first ``earlier`` layers less the best in the others, (rows, columns)."""
    return np.asarray(standing[:earlier].max(axis=0) - standing[earlier:].max(axis=0))


def _attention(bench: Workbench, instrument: Tool, shape: type[Pairs], first: int, last: int) -> list[Pairs]:
    found = [instrument.measure(bench, AttentionEdges(layer=layer)) for layer in range(first, last + 1)]
    return [measured for measured in found if isinstance(measured, shape)]


def _stream(bench: Workbench, instrument: Tool, shape: type[Pairs], first: int, last: int) -> list[Pairs]:
    places = [PairProximity(layer=layer, first=1, last=N_AXES) for layer in range(first, last + 1)]
    found = [instrument.measure(bench, place) for place in places]
    return [measured for measured in found if isinstance(measured, shape)]


def _rising(layers: list[Pairs]) -> Pairs:
    return replace(layers[0], score=trend(standings(layers)), unit=_SLOPE)


def _leading(layers: list[Pairs], earlier: int) -> Pairs:
    return replace(layers[0], score=peak(standings(layers), earlier), unit=_LEAD)


def _pairs_memory(size: BenchSize, params: _Depth) -> int:
    # Scores and standings of every layer, and what one layer takes while it is scored.
    return 8 * size.genes**2 * (2 * (size.shape.n_layers + 1) + 4)


def _regulators_memory(size: BenchSize, params: _Depth) -> int:
    return 8 * size.genes * (size.regulators * (2 * (size.shape.n_layers + 1) + 4) + size.genes)


_pairs = partial(tool, family="depth", shape=PairScores, version="1", memory=_pairs_memory)
_regulators = partial(tool, family="depth", shape=BipartiteScores, version="1", memory=_regulators_memory, evidence="e")


@_pairs(object="attention_weight", relation=Relation.CHANGES_WITH_DEPTH, unit=_SLOPE)
def attention_trend(bench: Workbench, params: AttentionSpan) -> PairScores:
    """Trend over a span of blocks of how high attention between two genes stands among all pairs.

    In each block heads are averaged as :func:`~theodolite.tools.attention.edges` does, hubs are taken out, and pairs
    are ranked; the score is the least-squares slope of a pair's rank. Of two blocks it is the difference. Source:
    arXiv 2602.17532 §layer profiles, with the trend of each pair in place of that of one AUROC a layer.

    Returns
    -------
    PairScores
        One slope per pair of genes of the split.
    """
    return _rising(_attention(bench, edges, PairScores, params.first, params.last))


@_pairs(object="attention_weight", relation=Relation.PEAKS_EARLIER, unit=_LEAD)
def attention_peak(bench: Workbench, params: AttentionBoundary) -> PairScores:
    """How much higher attention between two genes stands at its best up to a block than at its best after it.

    Ranks as in :func:`attention_trend`. High where a pair has its peak in the earlier blocks. Source: arXiv 2602.17532
    §layer profiles, with the peak of each pair in place of that of one AUROC a layer.

    Returns
    -------
    PairScores
        One difference per pair of genes of the split.
    """
    return _leading(_attention(bench, edges, PairScores, 1, bench.shape.n_layers), params.layer)


@_regulators(object="attention_to_regulator", relation=Relation.CHANGES_WITH_DEPTH, unit=_SLOPE)
def regulation_trend(bench: Workbench, params: AttentionSpan) -> BipartiteScores:
    """Trend over a span of blocks of how high attention of a gene to a regulator stands among all of them.

    As :func:`attention_trend`, of the scores of :func:`~theodolite.tools.attention.regulation`. Source: arXiv
    2602.17532 §layer profiles, with the direction kept.

    Returns
    -------
    BipartiteScores
        One slope per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _rising(_attention(bench, regulation, BipartiteScores, params.first, params.last))


@_regulators(object="attention_to_regulator", relation=Relation.PEAKS_EARLIER, unit=_LEAD)
def regulation_peak(bench: Workbench, params: AttentionBoundary) -> BipartiteScores:
    """How much higher attention of a gene to a regulator stands at its best up to a block than at its best after it.

    As :func:`attention_peak`, of the scores of :func:`~theodolite.tools.attention.regulation`. Source: arXiv
    2602.17532 §layer profiles, with the direction kept.

    Returns
    -------
    BipartiteScores
        One difference per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _leading(_attention(bench, regulation, BipartiteScores, 1, bench.shape.n_layers), params.layer)


@_pairs(object="axis_window_proximity", relation=Relation.CHANGES_WITH_DEPTH, unit=_SLOPE, fits=("axes",))
def proximity_trend(bench: Workbench, params: StreamSpan) -> PairScores:
    """Trend over a span of layers of how near two genes lie, among all pairs, on the axes of each layer.

    In each layer genes are near as :func:`~theodolite.tools.geometry.pair_proximity` has it on all axes that were
    fitted; ranks and slope as in :func:`attention_trend`. Source: arXiv 2602.22247 §specific edges across depth.

    Returns
    -------
    PairScores
        One slope per pair of genes of the split.
    """
    return _rising(_stream(bench, pair_proximity, PairScores, params.first, params.last))


@_pairs(object="axis_window_proximity", relation=Relation.PEAKS_EARLIER, unit=_LEAD, fits=("axes",))
def proximity_peak(bench: Workbench, params: StreamBoundary) -> PairScores:
    """How much nearer two genes lie, among all pairs, at their nearest up to a layer than at their nearest after it.

    As :func:`attention_peak`, of the ranks of :func:`proximity_trend`. Source: arXiv 2602.22247 §specific edges across
    depth.

    Returns
    -------
    PairScores
        One difference per pair of genes of the split.
    """
    return _leading(_stream(bench, pair_proximity, PairScores, 0, bench.shape.n_layers), params.layer + 1)


@_regulators(object="regulator_proximity", relation=Relation.CHANGES_WITH_DEPTH, unit=_SLOPE, fits=("axes",))
def regulator_trend(bench: Workbench, params: StreamSpan) -> BipartiteScores:
    """Trend over a span of layers of how near a gene lies to a regulator, among all of them.

    As :func:`proximity_trend`, of the scores of :func:`~theodolite.tools.geometry.regulator_proximity`. Source: arXiv
    2602.22247 §specific edges across depth.

    Returns
    -------
    BipartiteScores
        One slope per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _rising(_stream(bench, regulator_proximity, BipartiteScores, params.first, params.last))


@_regulators(object="regulator_proximity", relation=Relation.PEAKS_EARLIER, unit=_LEAD, fits=("axes",))
def regulator_peak(bench: Workbench, params: StreamBoundary) -> BipartiteScores:
    """How much nearer a gene lies to a regulator, among all of them, at its nearest up to a layer than after it.

    As :func:`proximity_peak`, of the scores of :func:`~theodolite.tools.geometry.regulator_proximity`. Source: arXiv
    2602.22247 §specific edges across depth.

    Returns
    -------
    BipartiteScores
        One difference per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _leading(_stream(bench, regulator_proximity, BipartiteScores, 0, bench.shape.n_layers), params.layer + 1)
