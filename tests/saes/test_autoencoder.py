"""An autoencoder in use: codes are what their definition says, row by row, and decode to sums of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.saes import SparseAutoencoder

SEED = st.integers(0, 2**32 - 1)


def random_sae(seed: int, features: int = 9, width: int = 5, **chosen: Any) -> SparseAutoencoder:
    draw = np.random.default_rng(seed)
    encoder, decoder = draw.standard_normal((2, features, width)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    biases = draw.standard_normal(features).astype(np.float32), draw.standard_normal(width).astype(np.float32)
    return SparseAutoencoder(encoder, decoder, *biases, **(chosen or {"k": 3}))


def before_the_choice(sae: SparseAutoencoder, rows: np.ndarray) -> np.ndarray:
    return (rows - sae.decoder_bias) @ sae.encoder.T + sae.encoder_bias


@given(SEED, st.integers(0, 12), st.integers(1, 9))
def test_the_k_largest_positive_values_are_the_codes(seed: int, n: int, k: int) -> None:
    sae, rows = random_sae(seed, k=k), np.random.default_rng(seed + 1).standard_normal((n, 5)).astype(np.float32)
    codes, pre = sae.encode(rows), before_the_choice(sae, rows)
    least = np.sort(pre, axis=1)[:, -k, None]
    wanted = np.where((pre >= least) & (pre > 0), pre, 0)
    np.testing.assert_allclose(codes.dense(), wanted, atol=1e-5)
    assert len(codes) == n
    assert codes.active_rows().tolist() == (wanted > 0).sum(axis=0).tolist()
    np.testing.assert_allclose(sae.decode(codes), wanted @ sae.decoder + sae.decoder_bias, atol=1e-5)
    for low, high in zip(codes.start[:-1], codes.start[1:], strict=True):
        assert (np.diff(codes.feature[low:high]) > 0).all()


@given(SEED)
def test_values_above_their_threshold_are_the_codes(seed: int) -> None:
    threshold = np.random.default_rng(seed + 2).uniform(-1, 2, 9).astype(np.float32)
    sae, rows = random_sae(seed, threshold=threshold), np.random.default_rng(seed).standard_normal((20, 5))
    pre = before_the_choice(sae, rows.astype(np.float32))
    wanted = np.where((pre > threshold) & (pre > 0), pre, 0)
    np.testing.assert_allclose(sae.encode(rows).dense(), wanted, atol=1e-5)


def test_rows_are_encoded_alike_alone_and_among_many() -> None:
    sae, rows = random_sae(1), np.random.default_rng(0).standard_normal((2_500, 5))
    together = sae.encode(rows).dense()
    for row in (0, 1_023, 1_024, 2_499):
        np.testing.assert_allclose(sae.encode(rows[row : row + 1]).dense()[0], together[row], atol=1e-6)
    np.testing.assert_array_equal(sae.reconstruct(rows), sae.decode(sae.encode(rows)))


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.zeros(5)])
def test_activations_of_another_shape_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"this autoencoder reads \(rows, 5\)"):
        random_sae(0).encode(rows)


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_activations_that_are_not_finite_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        random_sae(0).encode(np.array([[0, 0, number, 0, 0]]))


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("arrays", "chosen", "said"),
    [
        ((zeros(9, 5), zeros(5, 9), zeros(9), zeros(5)), {"k": 1}, r"encoder \(9, 5\) and decoder \(5, 9\)"),
        ((zeros(9, 5), zeros(9, 5), zeros(5), zeros(5)), {"k": 1}, r"biases of shapes \(5,\) and \(5,\)"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5)), {}, "give one of both"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5)), {"k": 1, "threshold": zeros(9)}, "give one of both"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5)), {"k": 10}, "k is 10 of 9 features"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5)), {"threshold": zeros(5)}, r"threshold of shape \(5,\)"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5) + np.nan), {"k": 1}, "decoder_bias holds a number that is not"),
        ((zeros(9, 5), zeros(9, 5), zeros(9), zeros(5)), {"threshold": zeros(9) + np.nan}, "threshold holds"),
    ],
)
def test_weights_that_do_not_fit_together_are_refused(arrays: Any, chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SparseAutoencoder(*arrays, **chosen)


def test_a_feature_whose_threshold_is_infinite_is_never_active() -> None:
    threshold = np.zeros(9, dtype=np.float32)
    threshold[4] = np.inf
    rows = np.random.default_rng(0).standard_normal((50, 5))
    open_one = random_sae(3, threshold=np.zeros(9, dtype=np.float32)).encode(rows).active_rows()
    closed = random_sae(3, threshold=threshold).encode(rows).active_rows()
    assert open_one[4] > 0
    assert closed[4] == 0
    assert np.delete(closed, 4).tolist() == np.delete(open_one, 4).tolist()
