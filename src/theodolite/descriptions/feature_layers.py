"""Descriptions of features over layers: how long they last, and what goes with what (arXiv 2603.02952)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import Field

from theodolite.analysis import saes as analysis
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import description
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes, layer_of
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.measurements import UnitEffects
from theodolite.saes import MATCHED, DictionaryRecipe, match_features, usual_size
from theodolite.tools import BenchSize, ModelShape

if TYPE_CHECKING:
    from theodolite.saes import Dictionary
    from theodolite.saes.positions import Positions

__all__ = [
    "FeatureHighways",
    "FeaturePersistence",
    "earlier_of",
    "feature_highways",
    "feature_persistence",
    "followed_of",
]

_LEVEL = 0.05
_SHOWN = 20
"""Features, or pairs of them, that are listed."""
_LEAST = 5
"""Features that last, and features with a set, below which the two cannot be said to go together or not."""


class FeaturePersistence(DictionaryParams):
    """Parameters of :func:`feature_persistence`."""

    layer: int | None = Field(
        default=None,
        ge=0,
        description="layer whose features are followed and held against sets, 0 the embedding; the middle where null",
    )
    furthest: int = Field(default=1, ge=1, description="layers from one to the other, at most, that are compared")
    top: int = Field(default=20, ge=2, description="genes that stand for a feature, by mean value")
    draws: int = Field(default=20, ge=1, description="random dictionaries, and rotations, of each two layers")
    permutations: int = Field(default=999, ge=1, description="permutations among features of like firing rate")


class FeatureHighways(DictionaryParams):
    """Parameters of :func:`feature_highways`."""

    layer: int | None = Field(
        default=None, ge=1, description="the later layer; the middle where null, and the embedding is layer 0"
    )
    earlier: int | None = Field(default=None, ge=0, description="the earlier layer; the one before where null")
    least_pmi: float = Field(default=3.0, gt=0.0, description="bits of pointwise mutual information that count")
    least_together: int = Field(default=100, ge=1, description="positions in which both have to be active")
    cells_at_most: int = Field(
        default=128, ge=1, description="cells that are read, evenly over those there are, at the most"
    )
    draws: int = Field(default=19, ge=1, description="shuffles of each null")


def followed_of(params: FeaturePersistence, shape: ModelShape) -> int:
    """Return the layer whose features are followed.

    Raises
    ------
    DescriptionError
        If nothing comes after it, or the model has no such layer.
    """
    if params.layer is None:
        return shape.n_layers // 2
    if layer_of(params, shape) == shape.n_layers:
        raise DescriptionError(
            f"layer {params.layer!r} is the last of this model, and no feature lasts past it; follow one of the layers "
            f"0 to {shape.n_layers - 1}"
        )
    return params.layer


def earlier_of(params: FeatureHighways, shape: ModelShape) -> int:
    """Return the earlier of the two layers.

    Raises
    ------
    DescriptionError
        If it is not the earlier one, or the model has no such layers.
    """
    later = layer_of(params, shape)
    if params.earlier is None:
        return later - 1
    if params.earlier >= later:
        raise DescriptionError(
            f"earlier is {params.earlier!r} and the later layer is {later}; name one of the layers 0 to {later - 1}"
        )
    return params.earlier


def _of_layer(params: DictionaryParams, layer: int, at: int, shape: ModelShape) -> DictionaryRecipe:
    """Return the recipe of a layer; that at ``at`` has the seed that other descriptions begin with.

    Dictionaries of one seed begin with the same vectors in every layer, and where they hardly moved they would match
    for that alone; so each layer has a seed of its own.
    """
    seed = (layer - at) % (shape.n_layers + 1)
    return DictionaryRecipe(layer, params.features, params.k, params.steps, seed=seed)


def _persistence_memory(size: BenchSize, params: FeaturePersistence) -> int:
    features, _ = usual_size(size.width, params.features)
    # Cosines of two layers and their assignment; a rotation; labels of features.
    matching = 8 * 3 * features**2 + 8 * 2 * size.width**2 + 8 * 2 * 256 * features
    return dictionary_bytes(size, params, size.shape.n_layers + 2) + matching + 8 * 4 * size.genes * features


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary",),
    references="sets",
    memory=_persistence_memory,
)
def feature_persistence(subject: Subject, params: FeaturePersistence) -> Described:
    """Share of each layer's features that have a partner in the next, and whether those with more sets last longer.

    A dictionary is trained for each layer, each from a seed of its own, and decoder vectors of two layers are matched
    one to one; a partner has a cosine of 0.7 or more. Beside each share stand those with random directions and with the
    later dictionary turned at random, and how many features another seed finds again in the layer that is followed:
    where these are few, few can last. How many layers each of its features lasts is correlated with the number of sets
    that its top genes are enriched in, with the firing rate taken out of both. Blocks add to one stream, so that
    features may last in an untrained model too. Source: arXiv 2603.02952 §cross-layer features, with controls.

    Returns
    -------
    Described
        Units are two layers each; the controls of each are shares with the later dictionary turned at random. Facts
        list the features of the followed layer that last longest.

    Raises
    ------
    DescriptionError
        If there is no such layer or none after it, no set has 5 genes among those that are described, a layer has no
        active feature, or there is no model at hand.
    """
    at, last = followed_of(params, subject.shape), subject.shape.n_layers
    found = [subject.dictionary(_of_layer(params, layer, at, subject.shape)) for layer in range(last + 1)]
    decoders = [_alive(each, layer) for layer, each in enumerate(found)]
    told = analysis.persistence(decoders, furthest=params.furthest, draws=params.draws, seed=subject.seed)
    again = subject.dictionary(DictionaryRecipe(at, params.features, params.k, params.steps, seed=last + 1))
    ceiling = match_features(decoders[at], _alive(again, at)).share(MATCHED)
    nearest = [pair for pair in told.pairs if pair.later == pair.earlier + 1]
    lasts = told.persists[at]
    facts: dict[str, Any] = {
        "layer": at,
        "features": [len(each) for each in decoders],
        "earlier": [pair.earlier for pair in told.pairs],
        "later": [pair.later for pair in told.pairs],
        "share": [pair.share for pair in told.pairs],
        "random": [float(pair.random.mean()) for pair in told.pairs],
        "rotated": [float(pair.rotated.mean()) for pair in told.pairs],
        "p_random": [pair.p_random for pair in told.pairs],
        "p_rotated": [pair.p_rotated for pair in told.pairs],
        "another_seed": ceiling,
        "lasts.mean": [float(each.mean()) for each in told.persists],
        "lasts.most": [int(each.max()) for each in told.persists],
        "lasts.end_cosine": float(told.end_cosine[at][lasts > 1].mean()) if (lasts > 1).any() else None,
    }
    longest = np.lexsort((-told.end_cosine[at], -lasts))
    longest = longest[lasts[longest] > 1][:_SHOWN]
    facts |= {"found.feature": np.flatnonzero(found[at].reading.active > 0)[longest], "found.lasts": lasts[longest]}
    facts |= {"found.end_cosine": told.end_cosine[at][longest]}
    against, said = _with_sets(subject, found[at], lasts, params)
    shares = [pair.share for pair in nearest]
    beyond = sum(max(pair.p_random, pair.p_rotated) <= _LEVEL for pair in nearest)
    random, rotated = (max(float(getattr(pair, name).mean()) for pair in nearest) for name in ("random", "rotated"))
    sentence = (
        f"From one layer to the next {min(shares):.1%} to {max(shares):.1%} of the features have a partner (cosine of "
        f"{MATCHED:g} or more, one to one), {random:.1%} at most with random directions, {rotated:.1%} with the later "
        f"dictionary turned at random; {beyond} of {len(nearest)} steps are beyond both (p of {_LEVEL}). In layer {at} "
        f"another seed finds {ceiling:.1%} again; its features last {lasts.mean():.3g} of {last - at + 1} layers on "
        f"average. {said}"
    )
    measured = UnitEffects(
        tuple(f"layers {pair.earlier} and {pair.later}" for pair in told.pairs),
        np.array([pair.share for pair in told.pairs]),
        np.array([pair.rotated for pair in told.pairs]),
        feature_persistence.unit,
    )
    return Described(measured, facts | against, sentence)


def _alive(found: Dictionary, layer: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return decoder vectors of features that are active: those of dead ones are where they began."""
    alive = found.reading.active > 0
    if not alive.any():
        raise DescriptionError(
            f"no feature at layer {layer} is active in any token; train a larger dictionary for longer"
        )
    return found.sae.decoder[alive]


def _with_sets(
    subject: Subject, found: Dictionary, lasts: np.ndarray[Any, np.dtype[np.int64]], params: FeaturePersistence
) -> tuple[dict[str, Any], str]:
    """Return facts and words about how long features last and how many sets they have, their firing rate held."""
    sets = analysis.annotate(
        found.reading.by_gene, found.genes, subject.references, top=params.top, draws=1, seed=subject.seed
    )
    alive = found.reading.active > 0
    number = np.bincount(sets.feature, minlength=found.sae.features)[alive]
    facts: dict[str, Any] = {"sets": list(sets.sets), "annotated": float((number > 0).mean())}
    rate = found.reading.active[alive] / found.reading.tokens
    lasting, with_set = int((lasts > 1).sum()), int((number > 0).sum())
    if min(lasting, with_set) < _LEAST:
        reason = (
            f"{lasting} of its features last into the next layer and {with_set} have a set; {_LEAST} of each are needed"
        )
        return facts | {"firing.reason": reason}, f"Whether those with more sets last longer is not told: {reason}."
    try:
        told = analysis.firing_controlled(lasts, number, rate, draws=params.permutations, seed=subject.seed)
    except ValueError as error:
        return facts | {"firing.reason": str(error)}, f"Whether those with more sets last longer is not told: {error}."
    said = (
        f"How long they last and how many of {len(sets.sets)} sets they have correlate by {told.raw:+.2f} (ranks), "
        f"with the firing rate held by {told.partial:+.2f} (p {told.p:.2g} of {told.draws} permutations among features "
        "of like rate)."
    )
    return facts | facts_of(told, "firing"), said


def _highways_memory(size: BenchSize, params: FeatureHighways) -> int:
    features, k = usual_size(size.width, params.features, params.k)
    positions = min(size.cells, params.cells_at_most) * size.genes
    # Codes of both layers as they are read, joined and as they are counted; names and images of positions; counts of
    # all pairs with those that are met often.
    return dictionary_bytes(size, params, 2) + positions * (2 * k * 32 + 400) + 64 * features**2


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary", "model"),
    memory=_highways_memory,
)
def feature_highways(subject: Subject, params: FeatureHighways) -> Described:
    """Share of a layer's features that go with a feature of a later layer, beside positions that were shuffled.

    Two features go together where their pointwise mutual information over positions (tokens) reaches three bits and
    both are active in a hundred positions. Of the earlier layer's features those that are active as often can show it,
    and are counted. The share is taken again with the later layer's positions shuffled within cells, within genes and
    among all: what is left within cells or within genes is due to both marking the same cells or genes, which needs no
    layer to pass anything on. The model runs once more, on some cells. Source: arXiv 2603.02952 §cross-layer
    dependencies, where a single meeting counted, without a null.

    Returns
    -------
    Described
        One unit, the share; its controls are the shares under the null that is hardest to beat. Facts list the
        strongest pairs.

    Raises
    ------
    DescriptionError
        If there are no such layers, no feature is active often enough, or there is no model at hand.
    """
    from theodolite.saes.positions import read_positions

    later, earlier = layer_of(params, subject.shape), earlier_of(params, subject.shape)
    found = {layer: subject.dictionary(_of_layer(params, layer, later, subject.shape)) for layer in (earlier, later)}
    cells = subject.cells.take_evenly(params.cells_at_most)
    read = read_positions(subject.model(), cells, subject.genes, {layer: each.sae for layer, each in found.items()})
    told = analysis.highways(
        _sparse(read, earlier),
        _sparse(read, later),
        read.cell,
        gene=read.gene,
        least_pmi=params.least_pmi,
        least_together=params.least_together,
        draws=params.draws,
        seed=subject.seed,
    )
    null = max(told.nulls, key=lambda each: (each.p, float(each.shares.mean())))
    order = np.argsort(-told.pmi, kind="stable")
    order = order[(told.pmi[order] >= params.least_pmi)][:_SHOWN]
    facts: dict[str, Any] = {
        "earlier": earlier,
        "later": later,
        "share": told.share,
        "features": len(told.eligible),
        "eligible": int(told.eligible.sum()),
        "positions": told.positions,
        "cells": len(cells.cells),
        "least_pmi": told.least_pmi,
        "least_together": told.least_together,
    }
    for each in told.nulls:
        facts |= facts_of({"mean": float(each.shares.mean()), "p": each.p, "moved": each.moved}, each.null)
    facts |= {"found.feature": order, "found.partner": told.partner[order]}
    facts |= {"found.pmi": told.pmi[order], "found.together": told.together[order]}
    others = ", ".join(
        f"{float(each.shares.mean()):.1%} {_SHUFFLED[each.null]} (p {each.p:.2g})" for each in told.nulls
    )
    sentence = (
        f"{told.share:.1%} of {facts['eligible']} features at layer {earlier} that are active at {told.least_together} "
        f"of {told.positions:,} positions or more go with a feature of layer {later} (at {told.least_together} common "
        f"positions and {told.least_pmi:g} bits at least); with positions shuffled it is {others}, of {params.draws} "
        "shuffles each."
    )
    measured = UnitEffects(("go together",), np.array([told.share]), null.shares[None], feature_highways.unit)
    return Described(measured, facts, sentence)


_SHUFFLED: Final = {
    "within_cells": "within cells",
    "within_genes": "within genes",
    "positions": "among all",
}


def _sparse(read: Positions, layer: int) -> Any:
    from scipy.sparse import csr_array

    codes = read.codes[layer]
    return csr_array((codes.value, codes.feature, codes.start), shape=(len(codes), codes.features))
