"""What descriptions of attention share: the score of a place, its direction, and a reference among the pairs seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis.attention import EdgeLabels, edge_labels
from theodolite.data import Reference
from theodolite.descriptions.registry import DescriptionParams
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.tools import BenchSize, ModelShape

__all__ = [
    "UNSAID",
    "AttentionPairs",
    "AttentionScore",
    "ScoredEdges",
    "ScoredReference",
    "asked_of",
    "directed_edges",
    "maps_bytes",
    "one_reference",
    "oriented",
    "place_of",
    "score_of",
    "seen_edges",
    "tested_in_words",
]

Floats = NDArray[np.float64]
Maps = TypeVar("Maps", bound=NDArray[np.floating])

UNSAID = ("reference", "unit", "upper")
"""Fields of records that facts leave out: what is said once, and a bound that descriptions have no use for."""

CANDIDATE_BYTES = 64
"""Bytes a candidate pair: a score, its sort with labels and weights, and an item of the bootstrap."""


class _Shaped(Protocol):
    """Whatever has the size of a model: a subject, or what one would be made of."""

    @property
    def shape(self) -> ModelShape: ...


class _Held(Protocol):
    """Whatever has references: a subject, or what one would be made of."""

    @property
    def references(self) -> tuple[Reference, ...]: ...


class AttentionPairs(DescriptionParams):
    """Parameters of every description that scores pairs of genes by attention."""

    query: Literal["target", "regulator"] = Field(
        default="target",
        description="whose token attends in the score of an edge: `target` takes the attention that a target pays to "
        "its regulator, `regulator` the other way round; pairs without a direction take the mean of both",
    )
    least_cells: int = Field(
        default=1,
        ge=1,
        description="cells that hold both genes of a pair, at least; other pairs do not count (of a model that reads "
        "every gene of every cell, all pairs do)",
    )


class AttentionScore(AttentionPairs):
    """Parameters of every description of one score: a place that was not chosen on what it is held against."""

    layer: int | None = Field(
        default=None,
        ge=1,
        description="transformer block, counted from 1, that was chosen elsewhere; null averages all blocks",
    )
    head: int | None = Field(
        default=None, ge=1, description="attention head of that block, counted from 1; null averages all heads"
    )


class ScoredReference(AttentionScore):
    """Parameters of every description of one score against one reference."""

    against: str | None = Field(
        default=None, description="id of the reference among several that were given; the first of them where null"
    )


class ScoredEdges(ScoredReference):
    """Parameters of every description of one score against edges with a direction."""

    tested: str | None = Field(
        default=None,
        description="id of a second regulon that lists all pairs that were tested, as "
        "`theodolite.data.effects_tested` makes it; where null every other gene counts as tested",
    )


def maps_bytes(size: BenchSize, maps: int, copies: float = 1.0) -> int:
    """Return bytes of some matrices of all pairs in double precision, and of the candidates of one as they are sorted.

    Parameters
    ----------
    size
        Sizes of the workbench.
    maps
        Matrices of attention that are there at once.
    copies
        How many scores have their candidates sorted at once.
    """
    return int((8 * maps + copies * CANDIDATE_BYTES) * size.genes**2)


def oriented(maps: Maps, params: AttentionPairs) -> Maps:
    """Return attention (..., n, n) from row (query) to column (key) as scores of edges from row to column."""
    return maps.swapaxes(-1, -2) if params.query == "target" else maps


def place_of(subject: _Shaped, layer: int | None, head: int | None) -> str:
    """Return a place in words, once it is known to be one of the model's.

    Raises
    ------
    DescriptionError
        If the model has no such layer or head, or a head has no layer.
    """
    layers, heads = subject.shape.n_layers, subject.shape.n_heads
    if (layer is None and head is not None) or (layer or 1) > layers or (head or 1) > heads:
        raise DescriptionError(
            f"layer {layer!r}, head {head!r}: this model has layers 1 to {layers} of heads 1 to {heads}, and a head is "
            "one of a layer"
        )
    if layer is None:
        return f"all {layers} layers"
    return f"layer {layer}" + ("" if head is None else f", head {head}")


def score_of(subject: Subject, params: AttentionScore) -> Floats:
    """Return the score (n, n) of a place as edges from row to column; blocks, or heads, that are not named averaged.

    Raises
    ------
    DescriptionError
        As of :func:`place_of`.
    """
    place_of(subject, params.layer, params.head)
    layers = range(1, subject.shape.n_layers + 1) if params.layer is None else (params.layer,)
    total = np.zeros((len(subject.genes), len(subject.genes)))
    for layer in layers:
        total += subject.attention_of(layer, params.head)
    return oriented(total / len(layers), params)


def seen_edges(subject: Subject, reference: Reference, params: AttentionPairs) -> EdgeLabels:
    """Return a reference as labels over the pairs of the subject's genes that enough cells hold together.

    Where no cell holds a pair, what stands in the place of its attention is a fit to others, and no observation.

    Raises
    ------
    ValueError
        If no edge, or nothing but edges, is left.
    """
    edges = edge_labels(reference, subject.genes, families=subject.families)
    together = subject.together()
    return edges if together is None else edges.seen_together(together, params.least_cells)


def one_reference(subject: _Held, against: str | None, beside: str | None = None) -> Reference:
    """Return the reference that is named, or the first of them but the one that stands ``beside`` it.

    Raises
    ------
    DescriptionError
        If there is none of that id, or none at all.
    """
    given = [item for item in subject.references if against is not None or item.id != beside]
    for reference in given:
        if against in (None, reference.id):
            return reference
    raise DescriptionError(
        f"no reference {'is left' if against is None else f'has the id {against!r}'}; given: "
        f"{', '.join(repr(item.id) for item in subject.references) or 'none'}"
    )


def asked_of(subject: Subject, name: str, tested: str | None = None) -> dict[str, Any]:
    """Return as facts which reference was looked at, and which others were given and were not."""
    others = [item.id for item in subject.references if item.id not in (name, tested)]
    return {"reference": name, **({"not_looked_at": others} if others else {})}


def directed_edges(subject: Subject, params: ScoredEdges) -> EdgeLabels:
    """Return edges from regulators (or perturbed genes) to targets among the pairs that were tested.

    Raises
    ------
    DescriptionError
        If there is no reference of that id, or it has no direction.
    ValueError
        If no edge, or nothing but edges, is left.
    """
    edges = seen_edges(subject, _regulon(one_reference(subject, params.against, params.tested)), params)
    if params.tested is None:
        return edges
    place = {gene: index for index, gene in enumerate(subject.genes)}
    known = np.zeros((len(subject.genes), len(subject.genes)), dtype=bool)
    for regulator, target in _regulon(one_reference(subject, params.tested)).edges:
        if regulator in place and target in place:
            known[place[regulator], place[target]] = True
    candidates = edges.candidates & known[np.ix_(edges.rows, edges.columns)]
    return replace(edges, labels=edges.labels & candidates, candidates=candidates)


def _regulon(reference: Reference) -> Reference:
    if reference.kind != "regulon":
        raise DescriptionError(
            f"reference {reference.id!r} is of kind {reference.kind!r}; edges from regulators, or from perturbed "
            "genes, to targets are needed: give a regulon, or effect_references(table, q=0.05) of effects of "
            "perturbations"
        )
    return reference


def tested_in_words(params: ScoredEdges) -> str:
    """Return among which pairs edges were ranked, for a sentence."""
    return "all other genes, tested or not" if params.tested is None else f"the pairs of {params.tested}"
