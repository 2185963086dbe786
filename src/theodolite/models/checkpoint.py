"""How a compact model is stored: weights and configuration, written atomically and read strictly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from theodolite.files import write_atomically
from theodolite.models.facts import CheckpointError, checkpoint_sha256
from theodolite.models.loading import read_json_object
from theodolite.models.transformer import CompactConfig, CompactTransformer

__all__ = [
    "CheckpointError",
    "checkpoint_sha256",
    "load_checkpoint",
    "read_checkpoint_config",
    "save_checkpoint",
]

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
FORMAT = "theodolite-compact-1"


def save_checkpoint(folder: Path, model: CompactTransformer, extra: Mapping[str, Any]) -> None:
    """Write ``model.safetensors`` and ``config.json`` into ``folder``.

    Each file is replaced atomically, weights first; ``config.json`` holds the digest of its weights, so that a
    crash between the two is found by :func:`load_checkpoint`. ``extra`` is kept under ``"extra"`` and must be JSON.
    """
    content = save({name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()})
    write_atomically(folder / WEIGHTS_FILE, content)
    document = {
        "format": FORMAT,
        **model.config.to_dict(),
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "extra": dict(extra),
    }
    write_atomically(folder / CONFIG_FILE, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())


def read_checkpoint_config(folder: Path) -> tuple[CompactConfig, dict[str, Any]]:
    """Return the configuration of a checkpoint and its ``config.json`` document.

    Raises
    ------
    CheckpointError
        When ``config.json`` is absent, unreadable, of another format or describes no valid model.
    """
    path = folder / CONFIG_FILE
    remedy = "restore the folder from its source or train it again with `theodolite models train compact`"
    document = read_json_object(path, remedy)
    if document.get("format") != FORMAT:
        raise CheckpointError(f"{path}: format {document.get('format')!r:.80} is not {FORMAT!r}; {remedy}")
    options = {name: value for name, value in document.items() if name not in ("format", "weights_sha256", "extra")}
    try:
        return CompactConfig.from_dict(options), document
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; {remedy}") from error


def load_checkpoint(folder: Path) -> CompactTransformer:
    """Load a checkpoint strictly, in evaluation mode.

    Raises
    ------
    CheckpointError
        When a file is absent or unreadable, a tensor is missing, unexpected, of another shape or type or not finite,
        or the weights are not those that ``config.json`` was written with.
    """
    config, document = read_checkpoint_config(folder)
    path = folder / WEIGHTS_FILE
    remedy = "restore the folder from its source or train it again with `theodolite models train compact`"
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: absent; {remedy}") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not readable as safetensors ({error}); {remedy}") from error
    model = CompactTransformer(config)
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{path}: tensor {name!r} is missing; {remedy}")
        found = tensors[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise CheckpointError(
                f"{path}: tensor {name!r} is {found.dtype} {tuple(found.shape)!r} where {CONFIG_FILE} asks for "
                f"{tensor.dtype} {tuple(tensor.shape)!r}; {remedy}"
            )
        if not bool(torch.isfinite(found).all()):
            raise CheckpointError(f"{path}: tensor {name!r} holds a number that is not finite; {remedy}")
    if unexpected := sorted(tensors.keys() - expected.keys()):
        raise CheckpointError(f"{path}: tensor {unexpected[0]!r} is unexpected; {remedy}")
    if not bool((tensors["gene_sd"] > 0).all()):
        raise CheckpointError(f"{path}: tensor 'gene_sd' holds a number that is not positive; {remedy}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if document.get("weights_sha256") != digest:
        raise CheckpointError(f"{path}: sha256 {digest} is not the one {CONFIG_FILE} was written with; {remedy}")
    model.load_state_dict(tensors)
    return model.eval()
