"""The user's shelf of models: one folder a model, each with a card that says where it came from."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from theodolite.files import write_atomically
from theodolite.models.facts import CheckpointError
from theodolite.models.loading import read_json_object

__all__ = [
    "CARD_FILE",
    "Card",
    "changed_files",
    "file_sha256",
    "models_folder",
    "read_card",
    "registered_models",
    "write_card",
]

CARD_FILE = "theodolite.json"
FORMAT = "theodolite-model-1"
VARIABLE = "THEODOLITE_MODELS"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}")


@dataclass(frozen=True)
class Card:
    """Where a model on the shelf came from.

    Attributes
    ----------
    name, family
        How campaign files call it; which reader reads it.
    page, licence
        The authors' page, and the licence (SPDX) under which they give it away.
    source
        What it was taken from: a folder, or repository, endpoint, revision and resolved commit.
    files
        SHA-256 and bytes of every file.
    model_sha256
        The content hash by which ledgers know the model.
    left_out
        Tensors of the file that no part of the model has a place for.
    notes
        What was unusual about the files.
    added
        When; no hash covers it.
    """

    name: str
    family: str
    page: str
    licence: str
    source: dict[str, str]
    files: dict[str, dict[str, Any]]
    model_sha256: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    added: str


def models_folder() -> Path:
    """Return where added models are kept: ``THEODOLITE_MODELS``, else ``theodolite/models`` of the user's data."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "theodolite" / "models"


def registered_models() -> dict[str, Path]:
    """Return the folders of added models by name, sorted; what has no card is none of them."""
    try:
        folders = sorted(models_folder().iterdir())
    except OSError:
        return {}
    return {
        folder.name: folder for folder in folders if _NAME.fullmatch(folder.name) and (folder / CARD_FILE).is_file()
    }


def write_card(folder: Path, card: Card) -> None:
    """Write the card of a model."""
    document = {"format": FORMAT, **asdict(card)}
    write_atomically(folder / CARD_FILE, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def read_card(folder: Path) -> Card:
    """Read the card of a model.

    Raises
    ------
    CheckpointError
        If it is absent, or is none.
    """
    remedy = "add the model again with `theodolite models add`"
    document = read_json_object(folder / CARD_FILE, remedy)
    if document.pop("format", None) != FORMAT:
        raise CheckpointError(f"{folder / CARD_FILE}: no card of format {FORMAT!r}; {remedy}")
    try:
        card = Card(**document)
        names = {name: str(entry["sha256"]) for name, entry in card.files.items()}
    except (TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{folder / CARD_FILE}: no card of a model ({error}); {remedy}") from error
    if not names or any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise CheckpointError(f"{folder / CARD_FILE}: names no files of its own; {remedy}")
    return card


def changed_files(folder: Path) -> tuple[str, ...]:
    """Return the files of an added model that are not what its card says, absent ones included.

    Raises
    ------
    CheckpointError
        If it has no card.
    """
    card = read_card(folder)
    return tuple(
        name
        for name, entry in sorted(card.files.items())
        if not (folder / name).is_file() or file_sha256(folder / name) != entry["sha256"]
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
