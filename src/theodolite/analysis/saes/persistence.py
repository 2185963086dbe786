"""Features that stay from layer to layer: decoder vectors of one residual stream, matched one to one.

It was reported that 2.5 % of the features of the first layer have a decoder vector with a cosine above 0.7 in the next
(arXiv 2603.02952, cross-layer features). Blocks add to one residual stream, so vectors of its layers may be compared;
those of different models, or of sites that are not the stream, may not. How large a share is depends on how many
vectors there are and in how wide a space, so beside each share stand that of random directions and that of the later
dictionary in a random orientation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed
from theodolite.saes import MATCHED, match_features

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["LayerPair", "Persistence", "persistence"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_UNIT = 1e-3
"""How far a length may be off 1; vectors in single precision are off by less."""


@dataclass(frozen=True, eq=False)
class LayerPair:
    """Features of one layer that have a partner in a later one.

    Attributes
    ----------
    earlier, later
        Places of the layers in the list that was given.
    share
        Share of the earlier layer's features whose one-to-one partner has a cosine of at least the threshold.
    random
        Shape (draws,): the same share where the later layer's vectors are random directions.
    rotated
        Shape (draws,): the same where they are turned by a random orthogonal matrix, all by the same. Their angles with
        one another stay, so features that come in bundles stay in bundles. Their orientation does not: two dictionaries
        that lie in one subspace, where activations vary, can beat this null without a common feature.
    p_random, p_rotated
        (1 + draws with a share at least as large) / (1 + draws).
    """

    earlier: int
    later: int
    share: float
    random: Floats
    rotated: Floats
    p_random: float
    p_rotated: float


@dataclass(frozen=True, eq=False)
class Persistence:
    """Features across the layers of one residual stream.

    Attributes
    ----------
    pairs
        Every pair of layers that was compared, by the earlier and then the later one.
    persists
        For each layer, shape (F,): number of consecutive layers, its own the first, in which a chain of partners holds.
        1 is a feature without a partner in the next layer. No chain goes past the last layer that was given, so compare
        these numbers within a layer only.
    end_cosine
        For each layer, shape (F,): cosine of a feature with the last of its chain; 1 for a chain of one. A chain of
        links at 0.7 may turn away from where it began, and this says how far it did.
    least
        The threshold.
    """

    pairs: tuple[LayerPair, ...]
    persists: tuple[Ints, ...]
    end_cosine: tuple[Floats, ...]
    least: float

    def frame(self) -> DataFrame:
        """Return the pairs of layers as a table, nulls by their mean over draws."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "earlier": pair.earlier,
                    "later": pair.later,
                    "share": pair.share,
                    "random": pair.random.mean(),
                    "rotated": pair.rotated.mean(),
                    "p_random": pair.p_random,
                    "p_rotated": pair.p_rotated,
                }
                for pair in self.pairs
            ]
        )


def persistence(
    decoders: Sequence[NDArray[np.floating]],
    *,
    least: float = MATCHED,
    furthest: int | None = None,
    draws: int = 20,
    seed: int = 0,
) -> Persistence:
    """Match the features of layers two by two, and follow each feature from its layer on.

    Parameters
    ----------
    decoders
        Decoder vectors of consecutive layers of one residual stream, each of shape (F, d) and of unit norm. F may
        differ. Leave dead features out: their vectors are where they were initialised, in every layer alike if the
        seed was the same.
    least
        Of the cosine, signed, for a vector of the opposite direction is another feature; 0.7 as published.
    furthest
        Layers from one to the other at the most, 1 for consecutive ones only; where not given, every two layers are
        compared. A draw takes the time of two matrix products, so with many layers ask for fewer pairs or draws.
    draws, seed
        Draws of both nulls for each pair of layers, and their seed.

    Raises
    ------
    ValueError
        If there are fewer than two layers, widths differ, a vector is not of unit norm, or a parameter is out of range.
    """
    from scipy.stats import ortho_group

    if furthest is None:
        furthest = max(len(decoders) - 1, 1)
    if len(decoders) < 2 or draws < 1 or furthest < 1 or not 0.0 < least <= 1.0:
        raise ValueError(
            f"{len(decoders)} layers, {furthest} layers apart at most, {draws} draws, least cosine {least:g}; need two "
            "layers, a distance, a draw, and a cosine above 0 and at most 1"
        )
    layers = [_checked(decoder, layer) for layer, decoder in enumerate(decoders)]
    widths = {layer.shape[1] for layer in layers}
    if len(widths) > 1:
        raise ValueError(f"layers have the widths {sorted(widths)}; those of one residual stream have one")
    pairs, partners = [], []
    for earlier, later in combinations(range(len(layers)), 2):
        if later - earlier > furthest:
            continue
        matching = match_features(layers[earlier], layers[later])
        share = matching.share(least)
        if later == earlier + 1:
            partners.append(np.where(matching.cosine >= least, matching.partner, -1))
        rng = np.random.default_rng(derive_seed(seed, str(earlier), str(later)))
        random, rotated = np.empty(draws), np.empty(draws)
        for draw in range(draws):
            random[draw] = _share(layers[earlier], _directions(rng, *layers[later].shape), least)
            rotation = ortho_group.rvs(layers[later].shape[1], random_state=rng)
            rotated[draw] = _share(layers[earlier], (layers[later] @ rotation).astype(np.float32), least)
        p_random, p_rotated = (monte_carlo_p(exceedances(drawn, share), draws) for drawn in (random, rotated))
        pairs.append(LayerPair(earlier, later, share, random, rotated, p_random, p_rotated))
    persists, end_cosine = _chains(layers, partners)
    return Persistence(tuple(pairs), persists, end_cosine, least)


def _checked(decoder: NDArray[np.floating], layer: int) -> NDArray[np.float32]:
    vectors = np.asarray(decoder, dtype=np.float32)
    if vectors.ndim != 2 or not vectors.size or vectors.shape[1] < 2:
        raise ValueError(f"layer {layer} has vectors of shape {vectors.shape}; give (features, width), width 2 or more")
    length = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(length - 1.0) <= _UNIT))
    if len(wrong):
        raise ValueError(
            f"vector {wrong[0]} of layer {layer} has the length {length[wrong[0]]:g}; give vectors of unit norm, "
            "without dead features"
        )
    return vectors


def _directions(rng: np.random.Generator, features: int, width: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((features, width))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _share(first: NDArray[np.float32], second: NDArray[np.float32], least: float) -> float:
    """Return the share with a partner. Most draws have no cosine that is large enough, and need no matching."""
    if float((first @ second.T).max()) < least:
        return 0.0
    return match_features(first, second).share(least)


def _chains(
    layers: Sequence[NDArray[np.float32]], partners: Sequence[Ints]
) -> tuple[tuple[Ints, ...], tuple[Floats, ...]]:
    """Return the length of each feature's chain from its layer on, and the cosine of its ends, layer by layer."""
    last = len(layers) - 1
    persists = [np.ones(len(layer), dtype=np.int64) for layer in layers]
    # The end of a chain is a layer and a feature; a chain that goes on has the end of its next link.
    end_layer = [np.full(len(layer), number) for number, layer in enumerate(layers)]
    end = [np.arange(len(layer)) for layer in layers]
    for number in range(last - 1, -1, -1):
        on = np.flatnonzero(partners[number] >= 0)
        partner = partners[number][on]
        persists[number][on] += persists[number + 1][partner]
        end_layer[number][on], end[number][on] = end_layer[number + 1][partner], end[number + 1][partner]
    cosines = []
    for number, layer in enumerate(layers):
        cosine = np.ones(len(layer))
        for other in range(number + 1, last + 1):
            there = np.flatnonzero(end_layer[number] == other)
            ends = layers[other][end[number][there]].astype(np.float64)
            cosine[there] = (layer[there].astype(np.float64) * ends).sum(axis=1)
        cosines.append(cosine)
    return tuple(persists), tuple(cosines)
