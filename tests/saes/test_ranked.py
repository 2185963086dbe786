"""Features are ranked without a label, matched to those of another dictionary, and come back from their bytes."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.saes import SAETrainingError, SparseAutoencoder
from theodolite.saes.ranked import matched_features, ranked_features, ranked_from_bytes, ranked_to_bytes

FEATURES, WIDTH, K = 12, 8, 5


def dictionary(seed: int = 0, features: int = FEATURES) -> SparseAutoencoder:
    draw = np.random.default_rng(seed)
    decoder = draw.standard_normal((features, WIDTH)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    bias = draw.standard_normal(features).astype(np.float32)
    return SparseAutoencoder(decoder.copy(), decoder, bias, np.zeros(WIDTH, dtype=np.float32), k=2)


def by_gene(seed: int = 1) -> np.ndarray:
    """Return values of genes that differ the more, the later the feature, but for a constant one."""
    values = np.random.default_rng(seed).random((40, FEATURES)) * np.arange(1, FEATURES + 1)
    values[:, FEATURES - 1] = 100.0
    return values


def test_features_that_differ_most_between_genes_come_first() -> None:
    values = by_gene()
    ranked = ranked_features(2, dictionary(), values, K)
    assert ranked.layer == 2 and ranked.chosen.tolist() == np.argsort(-values.std(axis=0))[:K].tolist()
    assert FEATURES - 1 not in ranked.chosen, "the largest values of all, and the same in every gene"
    assert ranked.cosine.tolist() == [1.0] * K


def test_a_dictionary_in_another_order_has_the_same_features_in_the_same_places() -> None:
    first = ranked_features(1, dictionary(), by_gene(), K)
    order = np.random.default_rng(3).permutation(FEATURES)
    sae = dictionary()
    shuffled = SparseAutoencoder(sae.encoder[order], sae.decoder[order], sae.encoder_bias[order], sae.decoder_bias, k=2)
    found = matched_features(shuffled, first)
    np.testing.assert_array_equal(order[found.chosen], first.chosen)
    np.testing.assert_allclose(found.cosine, 1.0, atol=1e-6)


def test_an_unrelated_dictionary_has_partners_too_each_of_one_place_with_their_cosine() -> None:
    first = ranked_features(1, dictionary(), by_gene(), K)
    found = matched_features(dictionary(9), first)
    assert len(set(found.chosen.tolist())) == K, "one to one"
    cosines = (first.sae.decoder[first.chosen] * found.sae.decoder[found.chosen]).sum(axis=1)
    np.testing.assert_allclose(found.cosine, cosines, atol=1e-6)
    assert found.cosine.max() < 0.99


def test_what_cannot_be_ranked_or_matched_is_refused() -> None:
    with pytest.raises(SAETrainingError, match="12 features has no 16"):
        ranked_features(1, dictionary(), by_gene(), 16)
    with pytest.raises(SAETrainingError, match="8 features cannot be matched to 12"):
        matched_features(dictionary(features=8), ranked_features(1, dictionary(), by_gene(), K))


def test_features_of_several_layers_come_back_and_equal_ones_have_equal_bytes() -> None:
    layers = [ranked_features(layer, dictionary(layer), by_gene(layer), K) for layer in (1, 2, 11)]
    content = ranked_to_bytes(layers)
    assert content == ranked_to_bytes(
        [ranked_features(each, dictionary(each), by_gene(each), K) for each in (1, 2, 11)]
    )
    back = ranked_from_bytes(content)
    assert [each.layer for each in back] == [1, 2, 11]
    for found, wanted in zip(back, layers, strict=True):
        assert found.sae.k == 2
        for name in ("encoder", "decoder", "encoder_bias", "decoder_bias"):
            np.testing.assert_array_equal(getattr(found.sae, name), getattr(wanted.sae, name))
        np.testing.assert_array_equal(found.chosen, wanted.chosen)
        np.testing.assert_array_equal(found.cosine, wanted.cosine)
