"""The features of a dictionary that claims are made of, in an order that another fit can be held to.

They are ranked by how much their mean values differ between the genes that the dictionary was trained on, which no
label enters. Features of another seed's dictionary take the places of those that they are matched to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.saes.autoencoder import SparseAutoencoder
from theodolite.saes.settings import SAETrainingError
from theodolite.saes.stability import match_features

__all__ = ["RankedFeatures", "matched_features", "ranked_features", "ranked_from_bytes", "ranked_to_bytes"]

_WEIGHTS = ("encoder", "decoder", "encoder_bias", "decoder_bias")


@dataclass(frozen=True, eq=False)
class RankedFeatures:
    """The k features of a layer that are looked at.

    Attributes
    ----------
    layer
        Residual stream after so many blocks.
    sae
        The dictionary, whose features compete for the places of a token.
    chosen
        Shape (k,): the features, in order.
    cosine
        Shape (k,): of each decoder vector with that of the feature in whose place it stands; 1 of the model's own.
    """

    layer: int
    sae: SparseAutoencoder
    chosen: NDArray[np.int64]
    cosine: NDArray[np.float64]


def ranked_features(layer: int, sae: SparseAutoencoder, by_gene: NDArray[np.floating], k: int) -> RankedFeatures:
    """Return the k features whose mean values differ most between genes, by falling standard deviation.

    Parameters
    ----------
    layer, sae
        The dictionary of a layer.
    by_gene
        Shape (genes, F): mean value over the tokens of each gene that it was trained on.
    k
        How many.

    Raises
    ------
    SAETrainingError
        If the dictionary has fewer.
    """
    if sae.features < k:
        raise SAETrainingError(f"a dictionary of {sae.features} features has no {k} to look at; survey a wider model")
    spread = by_gene.std(axis=0, dtype=np.float64)
    chosen = np.argsort(-spread, kind="stable")[:k].astype(np.int64)
    return RankedFeatures(layer, sae, chosen, np.ones(k))


def matched_features(sae: SparseAutoencoder, first: RankedFeatures) -> RankedFeatures:
    """Return features of another dictionary of the same layer in the places of those that they are matched to.

    All features of both are matched one to one (:func:`theodolite.saes.match_features`); a feature with a poor match
    has a partner too, and what that does is for a gate to judge.

    Raises
    ------
    SAETrainingError
        If the other dictionary has fewer features.
    """
    if sae.features < first.sae.features:
        raise SAETrainingError(
            f"{sae.features} features cannot be matched to {first.sae.features}; train dictionaries of one size"
        )
    pairs = match_features(first.sae.decoder, sae.decoder)
    return RankedFeatures(first.layer, sae, pairs.partner[first.chosen], pairs.cosine[first.chosen])


def ranked_to_bytes(fitted: Sequence[RankedFeatures]) -> bytes:
    """Serialise the features of several layers; equal ones give equal bytes."""
    from safetensors.numpy import save

    arrays: dict[str, NDArray[np.generic]] = {}
    for each in fitted:
        key = f"{each.layer:03d}"
        assert each.sae.k is not None  # descriptions and claims are made of TopK dictionaries
        arrays |= {f"{name}.{key}": np.ascontiguousarray(getattr(each.sae, name)) for name in _WEIGHTS}
        arrays |= {f"k.{key}": np.array([each.sae.k]), f"chosen.{key}": each.chosen, f"cosine.{key}": each.cosine}
    return save(arrays)


def ranked_from_bytes(content: bytes) -> tuple[RankedFeatures, ...]:
    """Read features back from :func:`ranked_to_bytes`, by layer."""
    from safetensors.numpy import load

    arrays = load(content)
    found = []
    for key in sorted(name.split(".")[1] for name in arrays if name.startswith("chosen.")):
        encoder, decoder, encoder_bias, decoder_bias = (arrays[f"{name}.{key}"] for name in _WEIGHTS)
        sae = SparseAutoencoder(encoder, decoder, encoder_bias, decoder_bias, k=int(arrays[f"k.{key}"][0]))
        found.append(RankedFeatures(int(key), sae, arrays[f"chosen.{key}"], arrays[f"cosine.{key}"]))
    return tuple(found)
