"""Descriptions of attention through all layers: what it recovers of references, and where (arXiv 2602.17532)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import attention as analysed
from theodolite.analysis.attention import EdgeLabels, EdgeRecovery, Recovered
from theodolite.descriptions.attention_scores import (
    UNSAID,
    AttentionPairs,
    asked_of,
    maps_bytes,
    one_reference,
    oriented,
    seen_edges,
)
from theodolite.descriptions.described import ABOUT, Described, facts_of
from theodolite.descriptions.profiles import each_reference, profiles, smallest
from theodolite.descriptions.registry import description
from theodolite.descriptions.subject import Subject
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.measurements import CurveFit, UnitEffects
from theodolite.tools import BenchSize

__all__ = ["DepthProfile", "LayerChoice", "Recovery", "depth_profile", "edge_recovery", "layer_choice"]

Floats = NDArray[np.float64]

_PLACES = ("chosen", "optimistic_place")
"""Fields that hold a place, which facts name in words."""


class DepthProfile(AttentionPairs):
    """Parameters of :func:`depth_profile`."""

    heads: bool = Field(default=False, description="whether every head has a curve of its own beside its layer's")
    resamples: int = Field(default=500, ge=2, description="bootstrap resamples of gene families, for intervals")


class Recovery(AttentionPairs):
    """Parameters of :func:`edge_recovery`."""

    heads: bool = Field(
        default=False, description="whether every head is held against the references too, without nulls"
    )
    top_k: tuple[int, ...] = Field(default=(20, 50, 100), description="numbers of pairs at the top that are looked at")
    shuffles: int = Field(default=200, ge=1, description="draws of shuffled labels, the null that knows no hubs")
    rewirings: int = Field(default=200, ge=1, description="drawn graphs in which every gene keeps its number of edges")
    swaps: int = Field(default=0, ge=0, description="draws in which families exchange their scores; 0 leaves them out")


class LayerChoice(AttentionPairs):
    """Parameters of :func:`layer_choice`."""

    against: str | None = Field(
        default=None, description="id of the reference among several that were given; the first of them where null"
    )
    heads: bool = Field(default=False, description="whether single heads may be chosen besides layers")
    folds: int = Field(default=5, ge=2, description="folds of regulators, or of genes where pairs have no direction")
    resamples: int = Field(default=500, ge=2, description="bootstrap resamples of gene families, for intervals")


def _maps(subject: Subject, params: AttentionPairs, *, heads: bool) -> Floats:
    """Return scores of edges from row to column, (layers, n, n), or (layers, heads, n, n)."""
    if heads:
        return oriented(subject.attention(), params)
    layers = range(1, subject.shape.n_layers + 1)
    return oriented(np.stack([subject.attention_of(layer) for layer in layers]), params)


def _edges(subject: Subject, params: AttentionPairs) -> tuple[dict[str, EdgeLabels], dict[str, Any]]:
    """Return each reference among the pairs seen, and facts of what was left out of them and why."""
    found, left_out = each_reference(subject.references, lambda item: seen_edges(subject, item, params))
    counts = {f"{name}.edges": edges.size for name, edges in found.items()}
    counts |= {f"{name}.candidates": edges.count for name, edges in found.items()}
    return found, counts | facts_of(left_out, "left_out")


def _memory(size: BenchSize, params: DepthProfile | Recovery | LayerChoice) -> int:
    heads = size.shape.n_heads if params.heads else 1
    return maps_bytes(size, 2 * size.shape.n_layers * heads + 4)  # each layer by itself, then stacked


@description(
    family="attention",
    shape=CurveFit,
    unit="AUROC",
    reads=("attention",),
    references="pairs",
    memory=_memory,
)
def depth_profile(subject: Subject, params: DepthProfile) -> Described:
    """AUROC of attention against references, layer by layer, with the trend that so few layers can show.

    Each layer's attention, heads averaged, ranks the pairs of genes that cells hold together. Intervals are over
    families of genes, the p-value of a trend over the orders of the layers. Where two references are given, such as
    protein interaction and regulation, their profiles are contrasted. Source: arXiv 2602.17532 §depth profiles.

    Returns
    -------
    Described
        A curve a reference over layers from 1 on; with ``heads`` one a head too, named ``reference, head 2``.

    Raises
    ------
    DescriptionError
        If no reference has edges among the genes.
    ValueError
        If the model has fewer than three layers, in which nothing rises or falls.
    """
    edges, facts = _edges(subject, params)
    maps = _maps(subject, params, heads=params.heads)
    found = analysed.depth_profiles(maps, tuple(edges.values()), resamples=params.resamples, seed=subject.seed)
    curves: dict[str, Any] = {}
    for profile in found.profiles:
        curves[profile.reference] = profile.auroc
        facts |= facts_of(profile, profile.reference, without=("reference", "draws"))
        facts[f"{profile.reference}.peak_share"] = profile.peak_share
    if params.heads:
        curves |= _by_head(analysed.edge_recovery(
            maps, tuple(edges.values()), heads=True, top_k=(), shuffles=0, rewirings=0, seed=subject.seed
        ), edges, subject.shape.n_heads)  # fmt: skip
    told = [
        f"{profile.reference} goes from {profile.auroc[0]:.3f} in layer 1 to {profile.auroc[-1]:.3f} in layer "
        f"{len(profile.auroc)} (rho {profile.trend.rho:+.2f}, p {profile.trend.p:.2g} of {profile.trend.floor:.2g} at "
        "the least)"
        for profile in found.profiles[:3]
    ]
    sentence = f"AUROC of attention by layer, beside 0.5 by chance: {'; '.join(told)}"
    if len(found.profiles) > 3:
        sentence += f"; and {len(found.profiles) - 3} others"
    if len(found.profiles) == 2:
        contrast = analysed.profile_contrast(*found.profiles, seed=subject.seed)
        facts |= facts_of(contrast, "contrast")
        sentence += (
            f". The correlation of the two profiles is {contrast.correlation.rho:+.2f}, p "
            f"{contrast.correlation.p:.2g} of {contrast.correlation.floor:.2g} at the least; {contrast.first} minus "
            f"{contrast.second} is {contrast.difference[-1]:+.3f} [{contrast.low[-1]:+.3f}, {contrast.high[-1]:+.3f}] "
            f"in layer {len(contrast.difference)}"
        )
    layers = np.arange(1, subject.shape.n_layers + 1)
    return Described(profiles(curves, unit=depth_profile.unit, x=layers), facts, f"{sentence}.")


def _by_head(found: EdgeRecovery, edges: dict[str, EdgeLabels], heads: int) -> dict[str, Floats]:
    """Return AUROC by layer of each head, (layers,), by reference and head."""
    return {
        f"{name}, head {head}": np.array(
            [row.auroc for row in found.of(name, heads=True) if row.place is not None and row.place.head == head]
        )
        for name in edges
        for head in range(1, heads + 1)
    }


@description(
    family="attention",
    shape=CurveFit,
    unit="AUROC",
    reads=("attention", "coexpression"),
    references="pairs",
    memory=_memory,
)
def edge_recovery(subject: Subject, params: Recovery) -> Described:
    """AUROC, average precision and top k of references in attention, taken apart into chance, hubs and edges.

    Each layer ranks pairs of genes beside absolute co-expression in the same cells. Graphs in which every gene keeps
    its number of edges say what hubs alone reach; only what is beyond them is of the edges. Source: arXiv 2602.17532
    §attention against reference edges.

    Returns
    -------
    Described
        A curve a reference over layers from 1 on, beside ``reference, rewired``, the mean over graphs with the same
        degrees, and ``reference, coexpression``; with ``heads`` one a head too. Facts hold one list a number, by layer.

    Raises
    ------
    DescriptionError
        If no reference has edges among the genes.
    """
    edges, facts = _edges(subject, params)
    found = analysed.edge_recovery(
        _maps(subject, params, heads=params.heads),
        tuple(edges.values()),
        coexpression=subject.coexpression().pearson,
        heads=params.heads,
        top_k=params.top_k,
        shuffles=params.shuffles,
        rewirings=params.rewirings,
        swaps=params.swaps,
        seed=subject.seed,
    )
    curves: dict[str, Any] = {}
    for name in edges:
        layers, rival = found.of(name), found.rival(name)
        curves[name] = [row.auroc for row in layers]
        curves[f"{name}, rewired"] = [row.null("degree_preserving").mean for row in layers]
        curves[f"{name}, coexpression"] = [rival.auroc] * len(layers)
        rows = [_row(row) for row in layers]
        facts |= {f"{name}.{key}": [row[key] for row in rows] for key in rows[0]}
        facts |= {f"{name}.coexpression.{key}": value for key, value in _row(rival).items()}
    if params.heads:
        curves |= _by_head(found, edges, subject.shape.n_heads)
    name, begins = smallest(
        edges,
        lambda item: min(row.null("degree_preserving").p for row in found.of(item.name)),
        params.rewirings,
        about=subject.about,
        among="them and the layers",
    )
    facts[ABOUT] = name
    best = max(found.of(name), key=lambda row: row.auroc)
    parts, rewired = best.decomposition, best.null("degree_preserving")
    sentence = (
        f"{begins}: of {best.edges} edges among {best.candidates} pairs attention recovers an AUROC of "
        f"{min(curves[name]):.3f} to {max(curves[name]):.3f} by layer, co-expression {found.rival(name).auroc:.3f}; "
        f"the highest, of {best.place}, which was picked on what it is read on, is "
    )
    if np.isnan(rewired.z):
        sentence += "chance, degrees and edges in parts that nobody can tell: no other graph has the same degrees."
    else:
        sentence += (
            f"0.5 by chance, {parts.degree:+.3f} by degrees alone and {parts.specific:+.3f} by the edges (z "
            f"{rewired.z:.2g} against {rewired.draws} graphs with the same degrees, which moved {rewired.moved:.0%} of "
            "the edges)."
        )
    at = np.arange(1, subject.shape.n_layers + 1)
    return Described(profiles(curves, unit=edge_recovery.unit, x=at), facts, sentence)


def _row(row: Recovered) -> dict[str, Any]:
    """Return the numbers of one score against one reference."""
    told: dict[str, Any] = {"auroc": row.auroc, "auprc": row.auprc, "prevalence": row.prevalence}
    told |= facts_of(row.decomposition)
    for top in row.top:
        told |= {f"top_{top.k}.{key}": value for key, value in facts_of(top, without=("k",)).items()}
    return told | facts_of(row.nulls)


@description(
    family="attention",
    shape=UnitEffects,
    unit="AUROC in a fold",
    reads=("attention", "coexpression"),
    references="pairs",
    memory=_memory,
)
def layer_choice(subject: Subject, params: LayerChoice) -> Described:
    """AUROC at a layer that was chosen without the units it is read on, in nested folds and on half of the families.

    Each fold of regulators (of genes, where pairs have no direction) is read at the layer that served the others best,
    beside co-expression, which has nothing to choose. The best layer on all units is best by its luck too; it is only
    called ``optimistic``. Source: arXiv 2602.17532 §layer choice.

    Returns
    -------
    Described
        Units are folds: AUROC of attention at the chosen layer, and as control AUROC of co-expression in that fold.

    Raises
    ------
    DescriptionError
        If there is no such reference.
    ValueError
        If no fold has both edges and other pairs, or the reference no edges among the genes.
    """
    reference = one_reference(subject, params.against)
    edges = seen_edges(subject, reference, params)
    maps, rival = _maps(subject, params, heads=params.heads), np.abs(subject.coexpression().pearson)
    nested = analysed.choose_nested(
        maps, edges, rival=rival, heads=params.heads, folds=params.folds, resamples=params.resamples, seed=subject.seed
    )
    assert nested.gain is not None  # as there is a rival
    facts = asked_of(subject, reference.id) | {"edges": edges.size, "candidates": edges.count}
    facts |= facts_of(nested, "nested", without=(*UNSAID, *_PLACES)) | {"nested.optimism": nested.optimism}
    facts |= {f"nested.folds_at.{place}": times for place, times in nested.chosen.items()}
    facts["nested.folds.chosen"] = [str(fold.chosen) for fold in nested.folds]
    facts["nested.optimistic_place"] = str(nested.optimistic_place)
    facts |= _halves(subject, maps, edges, params)
    chosen = ", ".join(f"{place} in {times}" for place, times in nested.chosen.items())
    sentence = (
        f"Read at the layer that served the other folds best ({chosen} of {len(nested.folds)} folds), attention "
        f"recovers {reference.id} with an AUROC of {nested.nested.estimate:.3f} [{nested.nested.low:.3f}, "
        f"{nested.nested.high:.3f}], {nested.gain.estimate:+.3f} [{nested.gain.low:+.3f}, {nested.gain.high:+.3f}] "
        f"beside co-expression in the same folds; picking the best of {nested.places} on the test itself would have "
        f"shown {nested.optimistic:.3f}."
    )
    measured = UnitEffects(
        units=tuple(f"fold {number}" for number in range(1, len(nested.folds) + 1)),
        effect=np.array([fold.tested for fold in nested.folds]),
        control=np.array([[fold.rival] for fold in nested.folds], dtype=np.float64),
        unit=layer_choice.unit,
    )
    return Described(measured, facts, sentence)


def _halves(subject: Subject, maps: Floats, edges: EdgeLabels, params: LayerChoice) -> dict[str, Any]:
    """Return facts of the layer that was chosen on half of the families and read on the other half, or why not."""
    half = family_folds(edges.families, 2, subject.seed, "genes")
    first = [gene for gene, fold in zip(subject.genes, half, strict=True) if fold == 0]
    try:
        found = analysed.choose_on_discovery(
            maps, edges, first, heads=params.heads, resamples=params.resamples, seed=subject.seed
        )
    except ValueError as error:
        return {"halves.reason": str(error)}
    told = {"halves.chosen": str(found.chosen), "halves.optimistic_place": str(found.optimistic_place)}
    return facts_of(found, "halves", without=(*UNSAID, *_PLACES)) | told
