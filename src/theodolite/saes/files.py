"""A sparse autoencoder on disk: ``sae_weights.safetensors`` and ``cfg.json``, which SAELens reads and writes too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save
from safetensors.torch import load

from theodolite.files import write_atomically
from theodolite.saes.autoencoder import SparseAutoencoder

__all__ = ["CONFIGURATION", "WEIGHTS", "SAEFileError", "load_sae", "save_sae"]

WEIGHTS, CONFIGURATION = "sae_weights.safetensors", "cfg.json"
_UNUSED = {"normalize_activations": "none", "reshape_activations": "none"}
"""What activations may go through before and after; only nothing is read here."""
_ROUNDING = 1e-5
"""Of the norm of a unit vector in single precision, at most."""


class SAEFileError(ValueError):
    """A folder that holds no sparse autoencoder that can be read; the message names the file, the value, the remedy."""


def save_sae(found: SparseAutoencoder, folder: Path) -> None:
    """Write both files, the weights first.

    Parameters
    ----------
    found
        The autoencoder. One with ``k`` is written as ``topk``, one with a threshold as ``jumprelu``.
    folder
        Made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "W_enc": np.ascontiguousarray(found.encoder.T),
        "W_dec": found.decoder,
        "b_enc": found.encoder_bias,
        "b_dec": found.decoder_bias,
    }
    configuration: dict[str, Any] = {
        "architecture": "jumprelu" if found.k is None else "topk",
        "d_in": found.width,
        "d_sae": found.features,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        **_UNUSED,
        "metadata": {"theodolite": found.about},
    }
    if found.threshold is None:
        configuration |= {"k": found.k, "rescale_acts_by_decoder_norm": False}
    else:
        tensors["threshold"] = found.threshold
    write_atomically(folder / WEIGHTS, save(tensors))
    content = json.dumps(configuration, indent=1, sort_keys=True) + "\n"
    write_atomically(folder / CONFIGURATION, content.encode())


def load_sae(folder: Path) -> SparseAutoencoder:
    """Read an autoencoder that was written here or by SAELens (``topk``, ``jumprelu``).

    Vectors of the decoder are brought to unit norm. With ``jumprelu`` the values carry their former norm; with
    ``topk`` that would choose other features, so that a dictionary of unequal norms is refused unless it was trained
    with values scaled by them.

    Raises
    ------
    SAEFileError
        If a file is missing or is none, holds other tensors than it should, or says of itself what is not read here.
    """
    path = folder / CONFIGURATION
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        tensors = load((folder / WEIGHTS).read_bytes())
    except (OSError, ValueError, SafetensorError) as error:
        said = f"no {Path(error.filename).name}" if isinstance(error, FileNotFoundError) else str(error)
        raise SAEFileError(f"{folder} holds no sparse autoencoder ({said}); name a folder with {WEIGHTS}") from error
    kind = said.get("architecture") if isinstance(said, dict) else None
    if kind not in ("topk", "jumprelu"):
        raise SAEFileError(f"{path}: architecture is {kind!r}; 'topk' and 'jumprelu' are read here")
    for name, usual in _UNUSED.items():
        if said.get(name, usual) != usual:
            raise SAEFileError(f"{path}: {name} is {said[name]!r}; fold it into the weights, which leaves {usual!r}")
    names = {"W_enc", "W_dec", "b_enc", "b_dec"} | ({"threshold"} if kind == "jumprelu" else set())
    if set(tensors) != names:
        raise SAEFileError(f"{folder / WEIGHTS} holds {sorted(tensors)}; a {kind} autoencoder has {sorted(names)}")
    # By way of torch: numpy has no bfloat16, in which SAELens often writes.
    arrays = {name: tensor.float().numpy() for name, tensor in tensors.items()}
    try:
        return _read(said, arrays, kind)
    except (ValueError, TypeError) as error:
        raise SAEFileError(f"{folder}: {error}") from error


def _read(said: dict[str, Any], arrays: dict[str, Any], kind: str) -> SparseAutoencoder:
    encoder, decoder, bias = arrays["W_enc"].T, arrays["W_dec"], arrays["b_enc"]
    if decoder.ndim != 2:
        raise ValueError(f"W_dec is of shape {decoder.shape}; it is (features, width)")
    norms = np.linalg.norm(decoder.astype(np.float64), axis=1).astype(np.float32)
    # What is off by rounding stays as it is, so that what was written here is read to the bit.
    norms[np.abs(norms - 1.0) < _ROUNDING] = 1.0
    if not (norms > 0).all():
        raise ValueError(f"W_dec of shape {decoder.shape} holds a vector without length")
    threshold = arrays.get("threshold")
    scaled = kind == "jumprelu" or bool(said.get("rescale_acts_by_decoder_norm", False))
    if scaled:
        # relu(pre) * norm is relu(pre * norm): the same values along unit vectors.
        encoder, bias = encoder * norms[:, None], bias * norms
        threshold = None if threshold is None else threshold * norms
    elif not np.allclose(norms, 1.0, atol=1e-4):
        raise ValueError(
            f"decoder vectors have norms of {norms.min():.3g} to {norms.max():.3g} and are not scaled by them "
            "(rescale_acts_by_decoder_norm), so that bringing them to 1 would choose other features"
        )
    centre = arrays["b_dec"]
    if not said.get("apply_b_dec_to_input", True):
        # What is not taken off beforehand is taken off the bias: (x - b) @ e + (bias + b @ e).
        bias = bias + centre @ encoder.T
    k = said.get("k")
    if kind == "topk" and not isinstance(k, int):
        raise ValueError(f"{CONFIGURATION} says that k is {k!r}; a topk autoencoder has a number of active features")
    about = (said.get("metadata") or {}).get("theodolite") or {}
    return SparseAutoencoder(
        np.ascontiguousarray(encoder), np.ascontiguousarray(decoder / norms[:, None]), bias, centre,
        k=k if kind == "topk" else None, threshold=threshold, about=dict(about),
    )  # fmt: skip
