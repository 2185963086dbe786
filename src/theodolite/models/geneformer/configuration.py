"""The configuration of a Geneformer checkpoint: ``config.json`` of a BERT with a head over its tokens, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from theodolite.models.facts import CheckpointError
from theodolite.models.loading import read_json_object

__all__ = ["Configuration", "configuration_of", "read_configuration"]

REMEDY = "take config.json as published with the model, beside its model.safetensors"

SIZES = (
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "type_vocab_size",
    "vocab_size",
)
# Each is left out by some checkpoints; any other value makes another model than the one computed here.
_FIXED: dict[str, Any] = {
    "model_type": "bert",
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
    "chunk_size_feed_forward": 0,
}


_LARGEST = 2**20
ACTIVATIONS = ("relu", "gelu", "gelu_new", "silu", "tanh")
"""Activations of the MLP that are computed here."""
RATES = {
    "attention_probs_dropout_prob": 1.0,
    "hidden_dropout_prob": 1.0,
    "initializer_range": 10.0,
    "layer_norm_eps": 1.0,
}
"""Fields with a number that some checkpoints leave out, and the largest that makes sense."""


@dataclass(frozen=True)
class Configuration:
    """Shape of a checkpoint.

    Attributes
    ----------
    layers, width, heads, feedforward, context, vocabulary
        As in :class:`theodolite.models.geneformer.sizes.Size`.
    document
        All of ``config.json``.
    """

    layers: int
    width: int
    heads: int
    feedforward: int
    context: int
    vocabulary: int
    document: dict[str, Any]


def read_configuration(folder: Path) -> Configuration:
    """Read the configuration of a checkpoint.

    Raises
    ------
    CheckpointError
        If it is absent, unreadable, or not of a BERT that is computed here; names field and value.
    """
    path = folder / "config.json"
    return configuration_of(read_json_object(path, REMEDY), path)


def configuration_of(document: dict[str, Any], path: Path) -> Configuration:
    """Return the configuration that the content of a ``config.json`` describes; ``path`` is for messages.

    Raises
    ------
    CheckpointError
        As :func:`read_configuration`.
    """
    if "model_type" not in document:
        _refuse(path, "model_type is absent; that of Geneformer is 'bert'")
    for name, value in _FIXED.items():
        if document.get(name, value) != value:
            _refuse(path, f"{name} is {document[name]!r:.60}; that of Geneformer is {value!r}")
    for name in SIZES:
        if type(document.get(name)) is not int or not 1 <= document[name] <= _LARGEST:
            _refuse(path, f"{name} is {document.get(name)!r:.60}; it is a positive integer, {_LARGEST} at most")
    if document["hidden_size"] % document["num_attention_heads"]:
        _refuse(
            path,
            f"hidden_size {document['hidden_size']} is no multiple of num_attention_heads "
            f"{document['num_attention_heads']}",
        )
    if document.get("hidden_act") not in ACTIVATIONS:
        said = ", ".join(ACTIVATIONS)
        _refuse(path, f"hidden_act is {document.get('hidden_act')!r:.60}; 'relu' in Geneformer, and one of {said}")
    for name, most in RATES.items():
        given = document.get(name, most / 2)
        if not isinstance(given, (int, float)) or isinstance(given, bool) or not 0 <= given <= most:
            _refuse(path, f"{name} is {given!r:.60}; it is a number from 0 to {most}")
    return Configuration(
        layers=document["num_hidden_layers"],
        width=document["hidden_size"],
        heads=document["num_attention_heads"],
        feedforward=document["intermediate_size"],
        context=document["max_position_embeddings"],
        vocabulary=document["vocab_size"],
        document=document,
    )


def _refuse(path: Path, what: str) -> NoReturn:
    raise CheckpointError(f"{path}: {what}; {REMEDY}")
