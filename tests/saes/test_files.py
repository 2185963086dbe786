"""What is written is read back to the bit, SAELens reads it and computes the same, and so it is the other way round."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sae_lens import (
    SAE,
    JumpReLUSAE,
    JumpReLUSAEConfig,
    TopKSAE,
    TopKSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.saes.sae import TrainStepInput
from safetensors.numpy import load_file, save_file

from theodolite.data.superposed import superposed_world
from theodolite.saes import (
    ArrayRows,
    SAEFileError,
    SAESettings,
    SparseAutoencoder,
    load_sae,
    save_sae,
    train_sae,
)
from theodolite.saes.dense_step import DenseStep
from theodolite.saes.state import TrainingState

WIDTH, FEATURES, K = 12, 40, 3
SETTINGS = SAESettings(features=FEATURES, k=K, steps=80, rows=128, learning_rate=2e-3)
WEIGHTS, CONFIGURATION = "sae_weights.safetensors", "cfg.json"
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def rows() -> ArrayRows:
    """Rows in units of their own, off the origin."""
    world = superposed_world(1, rows=4_000, width=WIDTH, features=30, active=3.0)
    return ArrayRows(2 * world.values + np.linspace(-3, 4, WIDTH, dtype=np.float32), np.arange(4_000) % 4 == 0)


def codes_and_back(lens: SAE[Any], values: Floats) -> tuple[Floats, Floats]:
    with torch.inference_mode():
        codes = lens.encode(torch.from_numpy(values))
        return codes.float().numpy(), lens.decode(codes).float().numpy()


def random_weights(lens: Any, seed: int, *, unit: bool = False) -> Any:
    """Weights with nothing left at nought, and decoder vectors of every length or of one."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        lens.W_enc.copy_(torch.randn(lens.W_enc.shape, generator=draw))
        decoder = torch.randn(lens.W_dec.shape, generator=draw)
        lens.W_dec.copy_(decoder / decoder.norm(dim=1, keepdim=True) if unit else decoder)
        for name in ("b_enc", "b_dec"):
            getattr(lens, name).copy_(torch.randn(getattr(lens, name).shape, generator=draw))
        if hasattr(lens, "threshold"):
            lens.threshold.copy_(torch.rand(lens.threshold.shape, generator=draw) * 4 - 1)
    return lens


@pytest.mark.parametrize("sparsity", ["topk", "batchtopk"])
def test_what_was_trained_here_is_read_back_to_the_bit_and_computes_the_same_in_sae_lens(
    rows: ArrayRows, tmp_path: Path, sparsity: Any
) -> None:
    made = train_sae(rows, replace(SETTINGS, sparsity=sparsity), tmp_path).sae
    read = load_sae(tmp_path)
    for name in ("encoder", "decoder", "encoder_bias", "decoder_bias"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
        assert getattr(read, name).dtype == np.float32
    assert (read.k, read.about) == (made.k, made.about)
    lens = SAE.load_from_disk(tmp_path)
    assert lens.cfg.architecture() == ("topk" if sparsity == "topk" else "jumprelu")
    if sparsity == "batchtopk":
        np.testing.assert_array_equal(read.threshold, made.threshold)
    codes, back = codes_and_back(lens, rows.values)
    assert (codes > 0).sum() > len(codes)
    np.testing.assert_allclose(made.encode(rows.values).dense(), codes, atol=1e-5)
    np.testing.assert_allclose(made.reconstruct(rows.values), back, atol=1e-5)


CONFIGURED: dict[str, Any] = {"d_in": WIDTH, "d_sae": FEATURES}
OF_SAE_LENS = {
    "topk, unit norm": lambda: random_weights(TopKSAE(TopKSAEConfig(**CONFIGURED, k=K)), 0, unit=True),
    "topk, scaled by norms": lambda: random_weights(
        TopKSAE(TopKSAEConfig(**CONFIGURED, k=K, rescale_acts_by_decoder_norm=True)), 1
    ),
    "topk, bias not taken off": lambda: random_weights(
        TopKSAE(TopKSAEConfig(**CONFIGURED, k=K, apply_b_dec_to_input=False)), 2, unit=True
    ),
    "topk, scaled, bias not taken off": lambda: random_weights(
        TopKSAE(TopKSAEConfig(**CONFIGURED, k=K, rescale_acts_by_decoder_norm=True, apply_b_dec_to_input=False)), 3
    ),
    "topk, while it is trained": lambda: random_weights(TopKTrainingSAE(TopKTrainingSAEConfig(**CONFIGURED, k=K)), 4),
    "jumprelu": lambda: random_weights(JumpReLUSAE(JumpReLUSAEConfig(**CONFIGURED)), 5),
    "jumprelu, bias not taken off": lambda: random_weights(
        JumpReLUSAE(JumpReLUSAEConfig(**CONFIGURED, apply_b_dec_to_input=False)), 6
    ),
}


@pytest.mark.parametrize("name", OF_SAE_LENS)
def test_what_sae_lens_wrote_computes_the_same_here(name: str, tmp_path: Path) -> None:
    lens = OF_SAE_LENS[name]()
    lens.save_model(tmp_path)
    found = load_sae(tmp_path)
    values = np.random.default_rng(0).standard_normal((300, WIDTH)).astype(np.float32)
    codes, back = codes_and_back(lens, values)
    if name.startswith("jumprelu"):
        # Along unit vectors a value has the length that its vector had.
        codes = codes * lens.W_dec.norm(dim=1).detach().numpy()
        assert (lens.threshold < 0).any()
    np.testing.assert_allclose(np.linalg.norm(found.decoder, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(found.encode(values).dense(), codes, atol=1e-4 * codes.max())
    np.testing.assert_allclose(found.reconstruct(values), back, atol=1e-4 * np.abs(back).max())


def test_what_sae_lens_wrote_for_use_after_training_computes_the_same_here(tmp_path: Path) -> None:
    lens = random_weights(TopKTrainingSAE(TopKTrainingSAEConfig(**CONFIGURED, k=K)), 8)
    assert lens.cfg.rescale_acts_by_decoder_norm
    values = np.random.default_rng(1).standard_normal((300, WIDTH)).astype(np.float32)
    codes, back = codes_and_back(lens, values)
    lens.save_inference_model(tmp_path)
    found = load_sae(tmp_path)
    np.testing.assert_allclose(found.encode(values).dense(), codes, atol=1e-4 * codes.max())
    np.testing.assert_allclose(found.reconstruct(values), back, atol=1e-4 * np.abs(back).max())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_read(tmp_path: Path, dtype: str) -> None:
    lens = random_weights(JumpReLUSAE(JumpReLUSAEConfig(**CONFIGURED, dtype=dtype)), 9)
    lens.save_model(tmp_path)
    values = np.random.default_rng(2).standard_normal((100, WIDTH)).astype(np.float32)
    codes, _ = codes_and_back(lens.to(dtype=torch.float32), values)
    found = load_sae(tmp_path).encode(values).dense()
    np.testing.assert_allclose(found, codes * lens.W_dec.norm(dim=1).detach().numpy(), atol=1e-4 * found.max())


def test_the_loss_of_a_step_is_that_of_sae_lens(rows: ArrayRows) -> None:
    state, batch = TrainingState.begin(SETTINGS, WIDTH), np.ascontiguousarray(rows.values[:128])
    state.decoder_bias[:] = batch.mean(axis=0)
    lens = TopKTrainingSAE(TopKTrainingSAEConfig(**CONFIGURED, k=K))
    with torch.no_grad():
        lens.W_enc.copy_(torch.from_numpy(state.encoder.T))
        lens.W_dec.copy_(torch.from_numpy(state.decoder))
        lens.b_dec.copy_(torch.from_numpy(state.decoder_bias))
    given = TrainStepInput(torch.from_numpy(batch), {}, None, 0, False)
    wanted = lens.training_forward_pass(given).losses["mse_loss"]
    with DenseStep(SETTINGS, state).running() as way:
        assert way.step(batch).loss == pytest.approx(wanted.item(), rel=1e-5)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a folder with an autoencoder of five features with a threshold."""
    unit = np.eye(5, 3, dtype=np.float32) + np.eye(5, 3, -3, dtype=np.float32)
    nothing = np.zeros(5, dtype=np.float32)
    sae = SparseAutoencoder(unit, unit.copy(), nothing, np.zeros(3, dtype=np.float32), threshold=nothing.copy())
    save_sae(sae, tmp_path / "sae")
    return tmp_path / "sae"


def configure(folder: Path, **change: Any) -> None:
    said = json.loads((folder / CONFIGURATION).read_text())
    (folder / CONFIGURATION).write_text(json.dumps(said | change))


def replace_tensors(folder: Path, without: str = "", **tensors: Floats) -> None:
    kept = load_file(folder / WEIGHTS)
    kept.pop(without, None)
    save_file(kept | tensors, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "standard"}, "architecture is 'standard'; 'topk' and 'jumprelu' are read here"),
        ({"architecture": None}, "architecture is None"),
        ({"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'; fold it into the weights"),
        ({"reshape_activations": "hook_z"}, "reshape_activations is 'hook_z'; fold it into the weights"),
    ],
)
def test_what_is_not_read_here_is_refused_with_file_and_value(written: Path, change: dict[str, Any], said: str) -> None:
    configure(written, **change)
    with pytest.raises(SAEFileError, match=f"{CONFIGURATION}: {said}"):
        load_sae(written)


def test_missing_and_further_tensors_are_refused(written: Path) -> None:
    replace_tensors(written, without="threshold")
    with pytest.raises(SAEFileError, match=rf"{WEIGHTS} holds .*'b_dec'.*; a jumprelu .* has .*'threshold'"):
        load_sae(written)
    replace_tensors(written, threshold=np.zeros(5, dtype=np.float32), scaling_factor=np.ones(5, dtype=np.float32))
    with pytest.raises(SAEFileError, match=f"{WEIGHTS} holds .*'scaling_factor'"):
        load_sae(written)


def test_a_truncated_or_missing_file_is_refused(written: Path) -> None:
    whole = (written / WEIGHTS).read_bytes()
    for kept in (whole[:-8], whole[:5], b""):
        (written / WEIGHTS).write_bytes(kept)
        with pytest.raises(SAEFileError, match=f"sae holds no sparse autoencoder .*name a folder with {WEIGHTS}"):
            load_sae(written)
    (written / WEIGHTS).unlink()
    with pytest.raises(SAEFileError, match="holds no sparse autoencoder"):
        load_sae(written)
    (written / WEIGHTS).write_bytes(whole)
    (written / CONFIGURATION).write_text("{")
    with pytest.raises(SAEFileError, match="holds no sparse autoencoder"):
        load_sae(written)


def test_tensors_that_do_not_fit_together_are_refused(written: Path) -> None:
    for name, wrong, said in (
        ("W_dec", np.zeros((5, 3)), "a vector without length"),
        ("W_dec", np.ones(3), "W_dec is of shape"),
        ("b_enc", np.ones(3), "sae: "),
        ("W_enc", np.full((3, 5), np.nan), "encoder holds a number that is not finite"),
    ):
        before = (written / WEIGHTS).read_bytes()
        replace_tensors(written, **{name: wrong.astype(np.float32)})
        with pytest.raises(SAEFileError, match=said):
            load_sae(written)
        (written / WEIGHTS).write_bytes(before)
    load_sae(written)


def test_a_topk_autoencoder_of_unequal_norms_or_without_k_is_refused(tmp_path: Path) -> None:
    lens = random_weights(TopKSAE(TopKSAEConfig(**CONFIGURED, k=K)), 10)
    lens.save_model(tmp_path)
    with pytest.raises(SAEFileError, match="norms of .* and are not scaled by them .* would choose other features"):
        load_sae(tmp_path)
    random_weights(lens, 10, unit=True).save_model(tmp_path)
    configure(tmp_path, k=None)
    with pytest.raises(SAEFileError, match="says that k is None"):
        load_sae(tmp_path)
