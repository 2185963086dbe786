"""Models by name or folder: which format a folder is in, its facts without torch, and the model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.models.facts import CheckpointError, ModelFacts, compact_facts, is_compact, model_folder

if TYPE_CHECKING:
    from theodolite.models.protocol import FoundationModel

__all__ = ["FORMATS", "Format", "format_of", "load_model", "model_facts"]


@dataclass(frozen=True)
class Format:
    """A format of checkpoints.

    Attributes
    ----------
    name
        For people.
    holds
        What a folder in this format holds, in words.
    recognises
        Whether a folder is in this format, by its configuration.
    facts
        Name, hash and size of a folder's model; imports no torch.
    load
        The model, strictly.
    """

    name: str
    holds: str
    recognises: Callable[[Path], bool]
    facts: Callable[[Path], ModelFacts]
    load: Callable[[Path], FoundationModel]


def _load_compact(folder: Path) -> FoundationModel:
    from theodolite.models.compact_model import load_compact

    return load_compact(folder)


FORMATS = (Format("compact", "config.json and model.safetensors", is_compact, compact_facts, _load_compact),)


def format_of(folder: Path) -> Format:
    """Return the format of a model's folder.

    Raises
    ------
    CheckpointError
        If it is in none that is known.
    """
    for known in FORMATS:
        if known.recognises(folder):
            return known
    formats = "; ".join(f"{known.name}: {known.holds}" for known in FORMATS)
    raise CheckpointError(f"{folder} is a model of no known format ({formats}); restore it from its source")


def model_facts(model: str) -> ModelFacts:
    """Return the facts of a model given by name or folder.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    CheckpointError
        If its configuration cannot be read.
    """
    folder = model_folder(model)
    return format_of(folder).facts(folder)


def load_model(model: str) -> FoundationModel:
    """Load a model by name or folder; loading is strict.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    CheckpointError
        If a tensor is missing, unexpected, mis-shaped or not finite.
    """
    folder = model_folder(model)
    return format_of(folder).load(folder)
