"""Models by name or folder: which format a folder is in, its facts without torch, and the model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.models.facts import (
    CHECKPOINTS,
    CheckpointError,
    ModelFacts,
    ModelNotFoundError,
    available_models,
    compact_facts,
    is_compact,
)
from theodolite.models.geneformer import facts as geneformer
from theodolite.models.scgpt import facts as scgpt
from theodolite.models.shelf import registered_models

if TYPE_CHECKING:
    from theodolite.models.protocol import FoundationModel

__all__ = ["FORMATS", "Format", "format_of", "load_model", "model_facts", "model_folder"]


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


def _load_geneformer(folder: Path) -> FoundationModel:
    from theodolite.models.geneformer.model import load_geneformer

    return load_geneformer(folder)


def _load_scgpt(folder: Path) -> FoundationModel:
    from theodolite.models.scgpt.model import load_scgpt

    return load_scgpt(folder)


FORMATS = (
    Format("compact", "config.json and model.safetensors", is_compact, compact_facts, _load_compact),
    Format(
        "geneformer",
        "config.json of model_type bert, model.safetensors or pytorch_model.bin, and the gene dictionaries",
        geneformer.recognises,
        geneformer.geneformer_facts,
        _load_geneformer,
    ),
    Format("scgpt", "args.json, vocab.json and best_model.pt", scgpt.recognises, scgpt.scgpt_facts, _load_scgpt),
)

CONFIGURATIONS = ("config.json", "args.json")
"""Files by which a folder is known to hold a model."""


def model_folder(model: str) -> Path:
    """Return the folder of a model: packaged, added by name (``theodolite models add``), or given by path.

    Raises
    ------
    ModelNotFoundError
        Naming what exists.
    """
    added = registered_models()
    places: list[Path] = [CHECKPOINTS / model, *((added[model],) if model in added else ()), Path(model)]
    for folder in places:
        if any((folder / name).is_file() for name in CONFIGURATIONS):
            return folder
    names = ", ".join((*available_models(), *added))
    raise ModelNotFoundError(
        f"no model {model!r}: neither packaged or added ({names}) nor a folder with {' or '.join(CONFIGURATIONS)} and "
        "its weights; `theodolite models add` lists what can be added"
    )


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
