"""Features in the worlds of the check: dictionaries of each block, trained on tokens of the discovery part's genes.

A gene's tokens scatter about its vector, as those of a gene do over cells. Dictionaries are trained and read by the
code that does so in campaigns, with fewer steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from theodolite.models.capture import Capture
from theodolite.saes import ArrayRows, SAESettings, train_sae, usual_size
from theodolite.saes.feature_values import FeatureValues, ValueSums
from theodolite.saes.ranked import RankedFeatures, ranked_features
from theodolite.tools import N_FEATURES

__all__ = ["encoded_parts"]

_TOKENS = 24
_SCATTER = 0.5
"""Spread of a gene's tokens about its vector, where what a gene has of its own is of unit variance."""
_STEPS, _ROWS = 200, 512
_HELD_OUT = 10
"""Every so many tokens are not trained on."""


def encoded_parts(
    discovery: Capture, confirmation: Capture, seed: SeedSequence
) -> tuple[Callable[[int], FeatureValues], Callable[[int], FeatureValues]]:
    """Return who gives the features of either part, as a workbench asks for them; trained when first asked for.

    Parameters
    ----------
    discovery, confirmation
        Gene vectors of both parts.
    seed
        Of the tokens' scatter.
    """
    of_discovery, of_confirmation, of_training = seed.spawn(3)

    @cache
    def fitted() -> tuple[RankedFeatures, ...]:
        root = int(of_training.generate_state(1)[0])
        return tuple(
            _ranked(layer, vectors, root) for layer, vectors in enumerate(_tokens(discovery, of_discovery), start=1)
        )

    def values(part: Capture, scatter: SeedSequence) -> FeatureValues:
        sums = ValueSums(fitted(), len(part.genes))
        sums.add(_genes(part), _tokens(part, scatter))
        return sums.means(part.genes)

    first, second = cache(lambda: values(discovery, of_discovery)), cache(lambda: values(confirmation, of_confirmation))
    return lambda layer: first(), lambda layer: second()


def _genes(part: Capture) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(part.genes)), _TOKENS)


def _tokens(part: Capture, scatter: SeedSequence) -> list[NDArray[np.float32]]:
    """Return the tokens (genes * tokens, width) behind each block; the same whenever they are drawn."""
    rng = np.random.default_rng(scatter)
    size = (len(part.genes) * _TOKENS, part.hidden.shape[2])
    return [
        np.repeat(vectors, _TOKENS, axis=0) + _SCATTER * rng.standard_normal(size, dtype=np.float32)
        for vectors in part.hidden[1:]
    ]


def _ranked(layer: int, tokens: NDArray[np.float32], seed: int) -> RankedFeatures:
    features, k = usual_size(tokens.shape[1])
    settings = SAESettings(features=features, k=k, steps=_STEPS, rows=_ROWS, seed=seed)
    held_out = np.arange(len(tokens)) % _HELD_OUT == 0
    with TemporaryDirectory(prefix="theodolite-") as folder:
        sae = train_sae(ArrayRows(tokens, held_out), settings, Path(folder)).sae
    by_gene = sae.encode(tokens).dense().reshape(-1, _TOKENS, features).mean(axis=1)
    return ranked_features(layer, sae, by_gene, N_FEATURES)
