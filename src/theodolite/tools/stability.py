"""Stability over depth: the trends of :mod:`theodolite.tools.depth`, read for the claim that there is none.

A trend near that of pairs in general is weak evidence of nothing, unless a trend that counts is ruled out. The scores
are those of the trends; the relation is another, and with it what the gates ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from theodolite.claims import Relation
from theodolite.measurements import BipartiteScores, PairScores
from theodolite.tools.depth import (
    AttentionSpan,
    StreamSpan,
    attention_trend,
    proximity_trend,
    regulation_trend,
    regulator_trend,
)
from theodolite.tools.registry import Tool, ToolParams, tool
from theodolite.tools.workbench import Workbench

__all__ = ["attention_stability", "proximity_stability", "regulation_stability", "regulator_stability"]

Pairs = TypeVar("Pairs", PairScores, BipartiteScores)


def _stability_of(trend: Tool) -> Callable[[Callable[..., Any]], Tool]:
    """Return what registers a function as the same instrument under the relation of stability.

    The version is that of the trend, and its source is part of the hash of what is registered.
    """
    return tool(
        family=trend.family,
        shape=trend.shape,
        object=trend.object,
        relation=Relation.STABLE_WITH_DEPTH,
        unit=trend.unit,
        version=trend.version,
        fits=trend.fits,
        evidence=trend.evidence,
        memory=trend.memory,
        rests_on=(trend,),
    )


def _trends(trend: Tool, shape: type[Pairs], bench: Workbench, params: ToolParams) -> Pairs:
    found = trend.measure(bench, params)
    assert isinstance(found, shape)
    return found


@_stability_of(attention_trend)
def attention_stability(bench: Workbench, params: AttentionSpan) -> PairScores:
    """Trend over a span of blocks of how high attention between two genes stands, for the claim that it has none.

    Scores are those of :func:`~theodolite.tools.depth.attention_trend`. Source: arXiv 2602.17532 §layer profiles, with
    two one-sided tests (Schuirmann 1987) in place of a profile that looks flat.

    Returns
    -------
    PairScores
        One slope per pair of genes of the split.
    """
    return _trends(attention_trend, PairScores, bench, params)


@_stability_of(regulation_trend)
def regulation_stability(bench: Workbench, params: AttentionSpan) -> BipartiteScores:
    """Trend over a span of blocks of how high attention of a gene to a regulator stands, for the claim of no trend.

    Scores are those of :func:`~theodolite.tools.depth.regulation_trend`, tested as :func:`attention_stability`. Source:
    arXiv 2602.17532 §layer profiles, with the direction kept.

    Returns
    -------
    BipartiteScores
        One slope per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _trends(regulation_trend, BipartiteScores, bench, params)


@_stability_of(proximity_trend)
def proximity_stability(bench: Workbench, params: StreamSpan) -> PairScores:
    """Trend over a span of layers of how near two genes lie on the axes of each layer, for the claim of no trend.

    Scores are those of :func:`~theodolite.tools.depth.proximity_trend`. Source: arXiv 2602.22247 §specific edges across
    depth, tested as :func:`attention_stability`.

    Returns
    -------
    PairScores
        One slope per pair of genes of the split.
    """
    return _trends(proximity_trend, PairScores, bench, params)


@_stability_of(regulator_trend)
def regulator_stability(bench: Workbench, params: StreamSpan) -> BipartiteScores:
    """Trend over a span of layers of how near a gene lies to a regulator, for the claim that it has none.

    Scores are those of :func:`~theodolite.tools.depth.regulator_trend`, tested as :func:`attention_stability`. Source:
    arXiv 2602.22247 §specific edges across depth.

    Returns
    -------
    BipartiteScores
        One slope per regulator and gene of the split.

    Raises
    ------
    ToolError
        If the campaign names no regulon with a regulator in the split.
    """
    return _trends(regulator_trend, BipartiteScores, bench, params)
