"""Descriptions of regulons in gene vectors: edges, edges by sign, and residuals (arXiv 2602.22247)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from theodolite.analysis import geometry as analysis
from theodolite.data import Reference
from theodolite.data.regulons import Sign
from theodolite.descriptions.described import ABOUT, Described, facts_of
from theodolite.descriptions.profiles import (
    draws_bytes,
    each_reference,
    largest_p,
    p_in_words,
    pairs_bytes,
    profiles,
    smallest,
    vectors_bytes,
)
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = [
    "Edges",
    "Residuals",
    "Windowed",
    "edge_recovery",
    "signed_edge_recovery",
    "similarity_residuals",
]

_NAMES = ("regulators", "targets", "windows")
"""Of a record's fields those that are names or stand among the parameters."""
_RANKED = 32
"""Bytes a pair and place: score, rank, label, and whether it is a candidate."""
_FITTED = 1_900
"""Bytes a pair that residuals and their fit take at their peak; a test holds them to it."""


class Windowed(DescriptionParams):
    """Parameters of descriptions within one window of axes."""

    first: int = Field(default=5, ge=1, description="first singular axis of the window, counted from 1")
    last: int = Field(default=7, ge=1, description="last singular axis of the window, included")
    draws: int = Field(default=1_000, ge=1, description="draws of each null")

    @model_validator(mode="after")
    def _ascending(self) -> Windowed:
        if self.first > self.last:
            raise ValueError(f"window {self.first}-{self.last} is empty; first must not exceed last")
        return self


class Edges(DescriptionParams):
    """Parameters of descriptions of edges in several windows."""

    windows: tuple[tuple[int, int], ...] = Field(
        default=((5, 7), (2, 4)), min_length=1, description="first and last axis of each window, counted from 1"
    )
    draws: int = Field(default=1_000, ge=1, description="draws of each null")


def _edges_memory(size: BenchSize, params: Edges) -> int:
    places = (size.shape.n_layers + 1) * len(params.windows)
    return (
        vectors_bytes(size, 3)
        + draws_bytes(size, params.draws, len(params.windows))
        + pairs_bytes(size, _RANKED * places)
    )


def _signed_memory(size: BenchSize, params: Edges) -> int:
    return 2 * _edges_memory(size, params)


def _recovery_curves(name: str, found: analysis.EdgeRecovery) -> dict[str, np.ndarray]:
    curves = {}
    for place, (first, last) in enumerate(found.windows):
        curves[f"{name}, axes {first}-{last}"] = found.auroc[:, place]
        curves[f"{name}, axes {first}-{last}, centred"] = found.auroc_centred[:, place]
    return curves


def _recovery_in_words(found: analysis.EdgeRecovery) -> str:
    layer, window = np.unravel_index(int(found.nulls[0].z.argmax()), found.auroc.shape)
    first, last = found.windows[window]
    return (
        f"AUROC of its {found.edges} edges among {found.pairs} pairs in axes {first}-{last} at layer {layer} is "
        f"{found.auroc[layer, window]:.3g}, and {found.auroc_centred[layer, window]:.3g} without the effects of single "
        f"regulators and targets; {p_in_words(found.nulls, 'place')}"
    )


@description(
    family="geometry",
    shape=CurveFit,
    unit="AUROC",
    reads=("vectors",),
    references="regulons",
    memory=_edges_memory,
)
def edge_recovery(subject: Subject, params: Edges) -> Described:
    """AUROC of the edges of each regulon by the cosine of regulator and target in windows of axes, at each layer.

    The AUROC stands twice, of the cosine as it is and without the effects of single regulators and targets, and only
    the second one is tested: against regulators that change places, edges that are rewired with all degrees kept, and
    targets of like expression that change places. Source: arXiv 2602.22247 §edge AUROC.

    Returns
    -------
    Described
        Two profiles over layers for each regulon and window.
    """
    vectors = subject.vectors()
    found, left_out = each_reference(
        subject.references,
        lambda item: analysis.edge_recovery(
            vectors,
            subject.genes,
            item,
            windows=params.windows,
            statistics=subject.statistics,
            families=subject.family_of,
            draws=params.draws,
            seed=subject.seed,
        ),
    )
    name, begins = smallest(found, lambda record: largest_p(record.nulls), params.draws, about=subject.about)
    curves = {key: curve for item, record in found.items() for key, curve in _recovery_curves(item, record).items()}
    facts = facts_of(found, without=_NAMES) | {
        f"{item}.p_any": largest_p(record.nulls) for item, record in found.items()
    }
    return Described(
        profiles(curves, unit=edge_recovery.unit),
        facts | facts_of(left_out, "left_out") | {ABOUT: name},
        f"{begins}: {_recovery_in_words(found[name])}.",
    )


@description(
    family="geometry",
    shape=CurveFit,
    unit="AUROC",
    reads=("vectors",),
    references="regulons",
    memory=_signed_memory,
)
def signed_edge_recovery(subject: Subject, params: Edges) -> Described:
    """AUROC of activating and of repressing edges, each against pairs that are neither, at each layer.

    Needs regulons by sign: references whose ids end in ``.activation`` and ``.repression``, as those of ``trrust`` do;
    edges of other regulons, or of both, are candidates of neither. The two have other regulators, targets and numbers
    of edges, so that their AUROCs are no paired test. Source: arXiv 2602.22247 §signed edges.

    Returns
    -------
    Described
        For either sign two profiles over layers for each window, as of :func:`edge_recovery`.
    """
    found = analysis.signed_edge_recovery(
        subject.vectors(),
        subject.genes,
        _signs(subject.references),
        windows=params.windows,
        statistics=subject.statistics,
        families=subject.family_of,
        draws=params.draws,
        seed=subject.seed,
    )
    signs = {"activation": found.activation, "repression": found.repression}
    curves = {key: curve for sign, record in signs.items() for key, curve in _recovery_curves(sign, record).items()}
    facts = facts_of(found, without=_NAMES) | {
        f"{sign}.p_any": largest_p(record.nulls) for sign, record in signs.items()
    }
    said = ". ".join(f"{sign.capitalize()}: {_recovery_in_words(record)}" for sign, record in signs.items())
    return Described(profiles(curves, unit=signed_edge_recovery.unit), facts, f"{said}.")


def _signs(references: tuple[Reference, ...]) -> dict[tuple[str, str], Sign]:
    """Return the sign of each edge by what the ids of its regulons end in; unknown where that is both or neither."""
    edges: dict[str, set[tuple[str, str]]] = {"activation": set(), "repression": set(), "": set()}
    for item in references:
        ending = item.id.rpartition(".")[2]
        edges[ending if ending in edges else ""] |= item.edges
    both = edges["activation"] & edges["repression"]
    signs: dict[tuple[str, str], Sign] = dict.fromkeys(sorted(edges[""] | both), "unknown")
    signs |= dict.fromkeys(sorted(edges["activation"] - both), "activation")
    signs |= dict.fromkeys(sorted(edges["repression"] - both), "repression")
    if missing := [sign for sign in ("activation", "repression") if sign not in signs.values()]:
        named = ", ".join(item.id for item in references[:5])
        raise DescriptionError(
            f"no edge is known for {missing[0]} in the references {named}; give regulons whose ids end in "
            "'.activation' and '.repression', such as those of trrust"
        )
    return signs


class Residuals(Windowed):
    """Parameters of :func:`similarity_residuals`."""

    similarity: Literal["distance", "cosine"] = Field(
        default="distance", description="minus the distance within the window, as published, or the cosine"
    )
    alpha: float = Field(default=0.05, gt=0, lt=1, description="level of the signal at one layer, against every null")


def _residuals_memory(size: BenchSize, params: Residuals) -> int:
    each = _FITTED + 8 * (params.last - params.first + 1) + _RANKED * (size.shape.n_layers + 1)
    return vectors_bytes(size, 3) + draws_bytes(size, params.draws) + pairs_bytes(size, each)


@description(
    family="geometry",
    shape=CurveFit,
    unit="rank-biserial correlation",
    reads=("vectors", "coexpression"),
    references="regulons",
    memory=_residuals_memory,
)
def similarity_residuals(subject: Subject, params: Residuals) -> Described:
    """Likeness of regulators and targets at each layer, before and after co-expression and gene statistics are out.

    Before, and after three controls: the cosine of the model's own vectors, as published, which is no control and never
    counts; two estimates of co-expression in the same cells; and these with mean, variance and dropout of both genes
    and free effects of single genes, cross-fitted. Only the last one is tested and counts. Source: arXiv 2602.22247
    §residuals.

    Returns
    -------
    Described
        For each regulon a profile over layers under each control.
    """
    vectors, measured = subject.vectors(), subject.coexpression()
    estimates = np.stack([measured.pearson, measured.robust])
    found, left_out = each_reference(
        subject.references,
        lambda item: analysis.similarity_residuals(
            vectors,
            subject.genes,
            item,
            estimates,
            subject.statistics,
            window=(params.first, params.last),
            similarity=params.similarity,
            families=subject.family_of,
            draws=params.draws,
            alpha=params.alpha,
            seed=subject.seed,
        ),
    )
    curves = {
        f"{item}, {step.control}": step.effect
        for item, record in found.items()
        for step in (record.raw, record.own_cosine, record.expression, record.expression_and_genes)
    }
    name, begins = smallest(found, lambda record: largest_p(record.nulls), params.draws, about=subject.about)
    best, layer = found[name], int(found[name].nulls[0].z.argmax())
    sentence = (
        f"{begins}: rank-biserial correlation of edges at layer {layer} is {best.raw.effect[layer]:.3g}, and "
        f"{best.expression_and_genes.effect[layer]:.3g} without co-expression and gene statistics; "
        f"{p_in_words(best.nulls)}."
    )
    return Described(
        profiles(curves, unit=similarity_residuals.unit),
        facts_of(found) | facts_of(left_out, "left_out") | {ABOUT: name},
        sentence,
    )
