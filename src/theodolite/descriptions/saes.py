"""Descriptions of a dictionary of features: how good it is, what its features are, where they lie (arXiv 2603.02952).

All are of one layer of the residual stream, and of a sparse autoencoder that is trained on the tokens of the genes that
are described; descriptions with the same parameters share it.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import saes as analysis
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.kernels import derive_seed
from theodolite.measurements import UnitEffects
from theodolite.saes import MATCHED, DictionaryRecipe, match_features
from theodolite.saes.histograms import VALUE_EDGES
from theodolite.tools import BenchSize, ModelShape

if TYPE_CHECKING:
    from theodolite.saes import Dictionary

__all__ = [
    "Alignment",
    "Annotation",
    "DictionaryParams",
    "Seeds",
    "dictionary_bytes",
    "dictionary_quality",
    "feature_alignment",
    "feature_annotation",
    "layer_of",
    "trained",
    "values_of",
]

_SHOWN = 20
"""Annotated pairs of a feature and a set that are listed."""
_DRAWN = 6
"""Features whose values are told of a dictionary."""


class DictionaryParams(DescriptionParams):
    """Parameters of descriptions of one dictionary."""

    layer: int | None = Field(
        default=None, ge=0, description="residual stream after so many blocks, 0 the embedding; the middle where null"
    )
    features: int | None = Field(
        default=None, ge=1, description="size of the dictionary; four times the model's width where null"
    )
    k: int | None = Field(
        default=None, ge=1, description="active features a token; an eighth of the width, at most 32, where null"
    )
    steps: int = Field(default=1_000, ge=1, description="optimiser steps of 2,048 tokens each")

    def recipe(self, shape: ModelShape, seed: int = 0) -> DictionaryRecipe:
        """Return what is trained of a model of this size."""
        return DictionaryRecipe(layer_of(self, shape), self.features, self.k, self.steps, seed=seed)


class Seeds(DictionaryParams):
    """Parameters of :func:`dictionary_quality`."""

    seeds: int = Field(default=3, ge=2, description="dictionaries that are trained, from seeds 0, 1, ...")


class Annotation(DictionaryParams):
    """Parameters of :func:`feature_annotation`."""

    top: int = Field(default=20, ge=2, description="genes that stand for a feature, by mean value")
    draws: int = Field(default=200, ge=1, description="permutations of each null")


class Alignment(DictionaryParams):
    """Parameters of :func:`feature_alignment`."""

    axes: int | None = Field(
        default=None, ge=1, description="singular axes of the tokens; a quarter of the width, at most 50, where null"
    )
    draws: int = Field(default=10_000, ge=1, description="random directions")


def layer_of(params: DictionaryParams, shape: ModelShape) -> int:
    """Return the layer that is described.

    Raises
    ------
    DescriptionError
        If the model has no such layer.
    """
    if params.layer is None:
        return (shape.n_layers + 1) // 2
    if params.layer > shape.n_layers:
        raise DescriptionError(
            f"layer {params.layer!r}: this model has the layers 0 (the embedding) to {shape.n_layers}"
        )
    return params.layer


def dictionary_bytes(size: BenchSize, params: DictionaryParams, seeds: int = 1) -> int:
    """Return bytes that training and reading a dictionary take, or that all of them do once they are there."""
    # Whether layer and k are there is told by others, once the size is known to fit.
    settings = DictionaryRecipe(0, params.features).settings(size.width)
    k, weights = params.k or settings.k, settings.features * size.width
    # Weights, both moments of Adam, a step's products; a shard of 32 cells; what features do; the tokens' covariance.
    training = 4 * (6 * weights + 2 * settings.rows * settings.features + 6 * settings.rows * size.width)
    # A shard's rows in double precision for the covariance, or in single precision with their codes.
    shard = 32 * size.genes * max(10 * size.width, 4 * size.width + 40 * k)
    binned = 8 * (len(VALUE_EDGES) - 1) * settings.features
    read = 16 * (size.genes + size.cells) * settings.features + 8 * settings.features**2 + 16 * size.width**2 + binned
    return training + shard + read + (seeds - 1) * (8 * weights + read)


def trained(subject: Subject, params: DictionaryParams, seed: int = 0) -> Dictionary:
    """Return the dictionary that parameters ask for, trained on the tokens of the subject's genes.

    Raises
    ------
    DescriptionError
        If there is no such layer, no model at hand, or nothing to learn.
    """
    return subject.dictionary(params.recipe(subject.shape, seed))


def _quality(found: Dictionary) -> dict[str, float]:
    """Return the scores on held-out cells, beside the best axes of equal number."""
    held_out = found.report["held_out"]
    falling = np.linalg.eigvalsh(found.covariance)[::-1]
    k = max(1, round(held_out["active"]))
    return {
        **held_out,
        "gamma": found.report["gamma"],
        "svd_explained_variance": float(falling[:k].sum() / falling.sum()),
    }


def values_of(found: Dictionary, features: NDArray[np.int64]) -> dict[str, Any]:
    """Return histograms of features' positive values over tokens as facts: edges, and counts by feature.

    Bins are four an octave; those at either end that are empty for all of the features are left out. There are no facts
    of a dictionary that was read without histograms.

    Parameters
    ----------
    found
        The dictionary.
    features
        Shape (n,): its features.
    """
    if not found.reading.values.size:
        return {}
    counts = found.reading.values[features]
    held = np.flatnonzero(counts.any(axis=0))
    if not len(held):
        return {"values.feature": [], "values.edges": [], "values.counts": []}
    first, last = int(held[0]), int(held[-1]) + 1
    return {
        "values.feature": features,
        "values.edges": VALUE_EDGES[first : last + 1],
        "values.counts": counts[:, first:last],
    }


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary",),
    version="2",
    memory=lambda size, params: dictionary_bytes(size, params, params.seeds),
)
def dictionary_quality(subject: Subject, params: Seeds) -> Described:
    """Quality of a layer's sparse autoencoder on held-out cells, and how many features another seed finds again.

    Dictionaries of different seeds are matched one to one by the cosine of their decoder vectors; a feature with a
    partner at 0.7 or more is found again. Beside it stands the share for a dictionary of random directions, and beside
    the explained variance that of the best singular axes, as many as features are active. Facts hold histograms of the
    positive values of the six features with the largest sum of values, of the first dictionary. Source: arXiv
    2603.02952 §training, with held-out cells and seeds.

    Returns
    -------
    Described
        Units are pairs of seeds; the control of each is one matching with random directions.
    """
    found = [trained(subject, params, seed) for seed in range(params.seeds)]
    # A stream of its own: the first weights of a dictionary must not be what it is held against.
    random = np.random.default_rng(derive_seed(subject.seed, "random dictionary"))
    units, matched, control = [], [], []
    for one, other in combinations(range(params.seeds), 2):
        first, second = found[one].sae.decoder, found[other].sae.decoder
        units.append(f"seeds {one} and {other}")
        matched.append(match_features(first, second).share(MATCHED))
        drawn = random.standard_normal(second.shape, dtype=np.float32)
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        control.append([match_features(first, drawn).share(MATCHED)])
    scores = [_quality(each) for each in found]
    middle = {name: float(np.median([score[name] for score in scores])) for name in scores[0]}
    features, layer = found[0].sae.features, layer_of(params, subject.shape)
    facts = {"layer": layer, "features": features, "tokens": found[0].reading.tokens, "matched": matched}
    facts |= {name: [score[name] for score in scores] for name in scores[0]}
    read = found[0].reading
    total = read.gene_tokens @ read.by_gene.astype(np.float64)
    facts |= values_of(found[0], np.argsort(-total, kind="stable")[:_DRAWN])
    sentence = (
        f"{params.seeds} dictionaries of {features} features at layer {layer}, {middle['active']:.3g} active a token, "
        f"explain {middle['explained_variance']:.3f} of the variance of held-out cells; the best "
        f"{max(1, round(middle['active']))} singular axes, of all tokens, {middle['svd_explained_variance']:.3f}. "
        f"{middle['dead']:.1%} of the features are dead. Another seed finds {np.median(matched):.1%} of them again "
        f"(cosine of {MATCHED:g} or more, one to one), random directions {np.median(control):.1%}."
    )
    measured = UnitEffects(tuple(units), np.array(matched), np.array(control), dictionary_quality.unit)
    return Described(measured, facts, sentence)


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary",),
    references="sets",
    version="2",
    memory=lambda size, params: dictionary_bytes(size, params) + 8 * 2 * size.genes * params.draws,
)
def feature_annotation(subject: Subject, params: Annotation) -> Described:
    """Share of a layer's features whose top genes are enriched in a gene set, beside shares under permuted labels.

    Every feature meets every set of 5 to 500 genes, against all genes that are described, by a one-sided hypergeometric
    test; all tests, those without an overlap too, are in the Benjamini-Hochberg family at 0.05. The whole procedure is
    made again with gene labels permuted, permuted among genes of like mean expression, and with families that change
    places. Source: arXiv 2603.02952 §annotation, with another background, family and null.

    Returns
    -------
    Described
        One unit, the share; its controls are the shares under the null that is hardest to beat. Facts list the
        strongest pairs of a feature and a set, and histograms of these features' positive values over tokens.

    Raises
    ------
    DescriptionError
        If no set has 5 genes among those that are described, or no feature is active.
    """
    found = trained(subject, params)
    mean = dict(zip(subject.genes, subject.statistics.mean_expression.tolist(), strict=True))
    told = analysis.annotate(
        found.reading.by_gene,
        found.genes,
        subject.references,
        top=params.top,
        degree=mean,
        families=subject.family_of,
        draws=params.draws,
        seed=subject.seed,
    )
    null = max(told.nulls, key=lambda each: (each.p, each.mean))
    layer = layer_of(params, subject.shape)
    facts = {"layer": layer, "rate": told.rate, "features": told.features, "tests": told.tests, "sets": told.sets}
    facts |= {"background": told.background, "left_out": told.left_out} | facts_of(_quality(found), "dictionary")
    for each in told.nulls:
        low, high = each.interval
        facts |= facts_of({"mean": each.mean, "low": low, "high": high, "p": each.p, "moved": each.moved}, each.null)
    order = np.argsort(told.p, kind="stable")[:_SHOWN].tolist()
    for name in ("feature", "overlap", "size", "q", "fold"):
        facts[f"found.{name}"] = getattr(told, name)[order]
    facts["found.gene_set"] = [told.gene_set[place] for place in order]
    facts |= values_of(found, np.unique(told.feature[order]))
    sentence = (
        f"{told.rate:.1%} of {told.features} active features at layer {layer} have top genes enriched in one of "
        f"{len(told.sets)} sets, {null.mean:.1%} ({null.interval[0]:.1%} to {null.interval[1]:.1%}) where "
        f"{_PERMUTED[null.null]} (p {null.p:.2g} of {params.draws} draws)."
    )
    measured = UnitEffects(("annotated",), np.array([told.rate]), null.rates[None], feature_annotation.unit)
    return Described(measured, facts, sentence)


_PERMUTED: Final = {
    "gene_labels": "gene labels are permuted",
    "degree_strata": "gene labels are permuted among genes of like expression",
    "family_block_swap": "families change places",
}


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of the squared length of a unit vector",
    reads=("dictionary",),
    memory=lambda size, params: dictionary_bytes(size, params) + 8 * params.draws * 50,
)
def feature_alignment(subject: Subject, params: Alignment) -> Described:
    """Share of decoder vectors that lies in the span of the first singular axes, beside that of random directions.

    That no axis has a cosine above 0.7 with a feature, the published rule, holds for hardly any random direction
    either, and so says nothing; both counts are among the facts. The share in the span has a known law for random
    directions. As features are learnt where tokens vary, they lie in it more than chance; what tokens themselves have
    there is a fact too. Source: arXiv 2603.02952 §comparison with SVD, with the null that it lacked.

    Returns
    -------
    Described
        One unit, the mean share; its controls are shares of 999 random directions.

    Raises
    ------
    DescriptionError
        If there are as many axes as the width.
    """
    found = trained(subject, params)
    width = found.sae.width
    axes = max(1, min(50, width // 4)) if params.axes is None else params.axes
    if axes >= width:
        raise DescriptionError(f"axes is {axes!r} of a width of {width}, where every vector lies; give fewer")
    variance, vectors = np.linalg.eigh(found.covariance)
    span = vectors[:, ::-1].T[:axes]
    alive = found.reading.active > 0
    told = analysis.axis_alignment(found.sae.decoder[alive], span, draws=params.draws, seed=subject.seed)
    shares = np.random.default_rng(derive_seed(subject.seed, "random shares"))
    drawn = shares.beta(axes / 2, (width - axes) / 2, 999)
    tokens = float(variance[::-1][:axes].sum() / variance.sum())
    layer = layer_of(params, subject.shape)
    beyond = float((told.q_inside <= 0.05).mean())
    facts = {"layer": layer, "features": int(alive.sum()), "axes": axes, "width": width, "tokens": tokens}
    facts |= {"beyond_chance": beyond, "mean_share": float(told.share.mean())}
    facts |= facts_of(told, without=("cosine", "share", "p_inside", "p_outside", "q_inside", "q_outside", "k", "d"))
    sentence = (
        f"{told.share.mean():.2f} of the squared length of {int(alive.sum())} features at layer {layer} lies in the "
        f"span of the first {axes} singular axes, {told.expected:.2f} of a random direction and {tokens:.2f} of the "
        f"tokens; {beyond:.1%} of the features lie in it more than chance. {told.aligned:.1%} of them have a cosine "
        f"above {told.threshold:g} with an axis, and {told.aligned_random:.1%} of random directions."
    )
    measured = UnitEffects(("in the span",), np.array([told.share.mean()]), drawn[None], feature_alignment.unit)
    return Described(measured, facts, sentence)
