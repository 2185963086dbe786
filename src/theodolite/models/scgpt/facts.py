"""What is known of a scGPT folder without torch."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from theodolite.canonical import sha256_bytes
from theodolite.models.facts import CheckpointError, ModelFacts
from theodolite.models.scgpt.settings import (
    ARGS_FILE,
    REMEDY,
    VOCABULARY_FILE,
    WEIGHTS_FILE,
    read_settings,
    read_vocabulary,
)
from theodolite.models.scgpt.tokeniser import tokenise
from theodolite.models.torch_files import read_index
from theodolite.models.verifying import is_verified

__all__ = ["READ_OUT", "folder_sha256", "recognises", "scgpt_facts"]

READ_OUT = "mvc_decoder.W.weight"
"""The tensor without which a checkpoint has no vector a gene to read a cell out with."""


def recognises(folder: Path) -> bool:
    """Return whether a folder looks like a scGPT checkpoint; it may still be a broken one."""
    return (folder / ARGS_FILE).is_file() and (folder / VOCABULARY_FILE).is_file()


def folder_sha256(folder: Path) -> str:
    """Return the content hash of settings, vocabulary and weights.

    Raises
    ------
    CheckpointError
        Naming the file that is absent or unreadable.
    """
    parts = []
    for name in (ARGS_FILE, VOCABULARY_FILE, WEIGHTS_FILE):
        path = folder / name
        try:
            with path.open("rb") as file:
                parts.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror or error}; {REMEDY}") from error
    return sha256_bytes("".join(parts).encode())


def scgpt_facts(folder: Path) -> ModelFacts:
    """Return the facts of a scGPT folder.

    Raises
    ------
    CheckpointError
        If a file is absent, unreadable, or says what cannot be.
    """
    settings = read_settings(folder)
    vocabulary = read_vocabulary(folder, settings)
    index = read_index(folder / WEIGHTS_FILE, REMEDY)
    sha256 = folder_sha256(folder)
    return ModelFacts(
        name=folder.name,
        sha256=sha256,
        genes=vocabulary.genes,
        n_layers=settings.nlayers,
        n_heads=settings.nheads,
        width=settings.embsize,
        read_out=READ_OUT in index,
        expects="counts",
        context=settings.max_seq_len,
        vocabulary=vocabulary.vocabulary,
        tokenise=partial(tokenise, settings=settings, vocabulary=vocabulary),
        verified=is_verified(folder, sha256),
    )
