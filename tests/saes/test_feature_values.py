"""What ranked features do at a gene's tokens is what a plain loop finds, and genes without an activation do not tie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_models import N_GENES, READ, WIDTH, ReadingToy, toy_cells, toy_model

from theodolite.models.batches import batch_of
from theodolite.models.running import run
from theodolite.models.sites import residual
from theodolite.saes import SparseAutoencoder
from theodolite.saes.feature_values import (
    FeatureValues,
    load_feature_values,
    read_feature_values,
    save_feature_values,
)
from theodolite.saes.ranked import RankedFeatures

GENES = tuple(f"G{place}" for place in (14, 3, 22, 9, 27, 0, 18))
FEATURES, K = 24, 3


def fitted(layer: int, seed: int) -> RankedFeatures:
    draw = np.random.default_rng(seed)
    decoder = draw.standard_normal((FEATURES, WIDTH)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    # Some features are active nearly always, some at no token, so that fewer than K are chosen now and then.
    bias = np.linspace(-3.0, 1.0, FEATURES).astype(np.float32)
    centre = draw.standard_normal(WIDTH).astype(np.float32)
    sae = SparseAutoencoder(decoder.copy(), decoder, bias, centre, k=K)
    return RankedFeatures(layer, sae, np.array([20, 0, 7, 23, 12]), np.ones(5))


@pytest.fixture(scope="module")
def model() -> ReadingToy:
    found = toy_model(kind=ReadingToy)
    assert isinstance(found, ReadingToy)
    return found


@pytest.fixture(scope="module")
def layers() -> list[RankedFeatures]:
    return [fitted(1, 4), fitted(3, 5)]


@pytest.fixture(scope="module")
def values(model: ReadingToy, layers: list[RankedFeatures]) -> FeatureValues:
    return read_feature_values(model, toy_cells(), GENES, layers)


def in_a_loop(model: ReadingToy, each: RankedFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Return by gene of the model sums of values and of gaps, token by token in double precision."""
    value, gap = np.zeros((N_GENES, 5)), np.zeros((N_GENES, 5))
    for cell in range(len(toy_cells().cells)):
        batch = batch_of(model, model.tokenise(toy_cells()), np.array([cell]))
        hidden = run(model, batch, read=[residual(each.layer)]).read[residual(each.layer)][0].double().numpy()
        for gene, vector in zip(batch.genes[0].tolist(), hidden, strict=True):
            if gene < 0:
                continue
            before = (vector - each.sae.decoder_bias) @ each.sae.encoder.T.astype(float) + each.sae.encoder_bias
            falling = np.sort(np.maximum(before, 0.0))[::-1]
            least = falling[K - 1]
            for place, feature in enumerate(each.chosen):
                if before[feature] > 0 and before[feature] >= least:
                    value[gene, place] += before[feature]
                else:
                    gap[gene, place] += before[feature] - least
    return value, gap


def test_values_are_means_over_tokens_and_gaps_where_nothing_was_active(
    model: ReadingToy, layers: list[RankedFeatures], values: FeatureValues
) -> None:
    assert values.genes == GENES and values.layers == (1, 3)
    places = [int(gene[1:]) for gene in GENES]
    counts = np.bincount(READ.genes[READ.genes >= 0], minlength=N_GENES)[places]
    np.testing.assert_array_equal(values.tokens, counts)
    kinds = set()
    for at, each in enumerate(layers):
        value, gap = in_a_loop(model, each)
        wanted = np.where(value > 0, value, gap)[places] / counts[:, None]
        np.testing.assert_allclose(values.score[at], wanted, rtol=1e-4, atol=1e-5)
        kinds |= {"active"} if (values.score[at] > 0).any() else set()
        kinds |= {"never"} if (values.score[at] < 0).any() else set()
    assert kinds == {"active", "never"}


def test_genes_at_which_a_feature_is_never_active_do_not_tie(values: FeatureValues) -> None:
    silent = values.score[:, :, 1]  # the feature with the lowest bias
    assert (silent < 0).all()
    assert all(len(set(row.tolist())) == len(GENES) for row in silent)


def test_order_of_genes_and_which_are_asked_for_change_no_value(
    model: ReadingToy, layers: list[RankedFeatures], values: FeatureValues
) -> None:
    fewer = read_feature_values(model, toy_cells(), GENES[::-2], layers)
    np.testing.assert_allclose(fewer.score, values.score[:, ::-2], rtol=1e-5, atol=1e-6)


def test_values_come_back_from_their_file(values: FeatureValues, tmp_path: Path) -> None:
    save_feature_values(tmp_path / "values.safetensors", values, ("m" * 64, "c" * 64, "main"))
    back = load_feature_values(tmp_path / "values.safetensors")
    assert (back.genes, back.layers) == (values.genes, values.layers)
    np.testing.assert_array_equal(back.score, values.score)
    np.testing.assert_array_equal(back.tokens, values.tokens)


def test_activations_that_are_not_finite_are_refused(model: ReadingToy, layers: list[RankedFeatures]) -> None:
    broken = toy_model(kind=ReadingToy)
    with torch.no_grad():
        broken.embedding.weight[3] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        read_feature_values(broken, toy_cells(), GENES, layers)
