"""Facts of a Geneformer checkpoint, read without torch."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

from theodolite.canonical import sha256_bytes
from theodolite.models.facts import CheckpointError, ModelFacts
from theodolite.models.geneformer.configuration import Configuration, read_configuration
from theodolite.models.geneformer.dictionaries import GeneDictionary, read_dictionary
from theodolite.models.geneformer.tokeniser import rank_value_tokens
from theodolite.models.verifying import is_verified

__all__ = ["WEIGHTS", "facts_of", "geneformer_facts", "recognises", "weights_file"]

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files with weights; the first that is there is read."""


def recognises(folder: Path) -> bool:
    """Return whether a folder is a checkpoint of this kind: its ``config.json`` is that of a BERT."""
    try:
        document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("model_type") == "bert"


def weights_file(folder: Path) -> Path:
    """Return the file with the weights.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(f"{folder}: neither {' nor '.join(WEIGHTS)}; take the weights as published with the model")


def geneformer_facts(folder: Path) -> ModelFacts:
    """Return name, content hash, size and vocabulary of a checkpoint.

    Raises
    ------
    CheckpointError
        If configuration, weights or dictionaries are missing or do not fit together.
    """
    configuration = read_configuration(folder)
    return facts_of(folder, configuration, read_dictionary(folder, configuration.vocabulary))


def facts_of(folder: Path, configuration: Configuration, dictionary: GeneDictionary) -> ModelFacts:
    """Return the facts of a checkpoint whose configuration and dictionaries have been read.

    Raises
    ------
    CheckpointError
        If there are no weights.
    """
    parts = [_file_sha256(folder / "config.json"), _file_sha256(weights_file(folder)), dictionary.sha256]
    sha256 = sha256_bytes("".join(parts).encode())
    return ModelFacts(
        name=folder.resolve().name,
        sha256=sha256,
        genes=dictionary.names,
        n_layers=configuration.layers,
        n_heads=configuration.heads,
        width=configuration.width,
        read_out=True,
        expects="counts",
        context=configuration.context,
        vocabulary=dictionary.vocabulary,
        tokenise=partial(rank_value_tokens, dictionary=dictionary, context=configuration.context),
        verified=is_verified(folder, sha256),
    )


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
