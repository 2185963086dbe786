"""What a coordinator needs to know of a model without loading it (and torch)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes
from theodolite.data import CellSet
from theodolite.models.tokens import Tokens
from theodolite.models.vocabulary import Vocabulary

__all__ = [
    "CheckpointError",
    "ModelFacts",
    "ModelNotFoundError",
    "available_models",
    "checkpoint_sha256",
    "compact_facts",
    "is_compact",
]

CHECKPOINTS = Path(__file__).parent / "checkpoints"


class ModelNotFoundError(FileNotFoundError):
    """No checkpoint under that name or folder."""


def available_models() -> tuple[str, ...]:
    """Return the names of the checkpoints that the package carries."""
    return tuple(sorted(folder.name for folder in CHECKPOINTS.iterdir() if (folder / "config.json").is_file()))


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; names file, tensor and remedy."""


@dataclass(frozen=True)
class ModelFacts:
    """Name, content hash and size of a model.

    Attributes
    ----------
    name, sha256
        Name for people; hash of weights and configuration.
    genes
        Vocabulary.
    n_layers, n_heads, width
        Size.
    read_out
        Whether it has a read-out vector a gene.
    expects
        The matrix that it reads: raw counts, or log1p of counts per 10,000.
    context
        Tokens of a cell at most, special ones included; None where every gene of the vocabulary is read.
    vocabulary
        How genes of cells are found among ``genes``; by name where not given.
    tokenise
        Cells as the model reads them, without torch; None where every gene of the vocabulary is read.
    verified
        Whether it was shown to do what it was trained for (``theodolite models verify``); every verdict on a model that
        was not says so.
    """

    name: str
    sha256: str
    genes: tuple[str, ...]
    n_layers: int
    n_heads: int
    width: int
    read_out: bool
    expects: Literal["counts", "log1p_cp10k"] = "log1p_cp10k"
    context: int | None = None
    vocabulary: Vocabulary | None = None
    tokenise: Callable[[CellSet], Tokens] | None = None
    verified: bool = False

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in ``genes``, -1 where the model does not know it."""
        return (self.vocabulary or Vocabulary(self.genes)).places(cells)


def checkpoint_sha256(folder: Path) -> str:
    """Return the content hash of a checkpoint: weights and configuration, without its log."""
    parts = []
    for name in ("config.json", "model.safetensors"):
        file = folder / name
        if not file.is_file():
            raise CheckpointError(f"{folder} has no {name}; a checkpoint is config.json and model.safetensors")
        parts.append(sha256_bytes(file.read_bytes()))
    return sha256_bytes("".join(parts).encode())


def _config(folder: Path) -> Any:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def is_compact(folder: Path) -> bool:
    """Return whether a folder holds a model of no other project: its configuration names no architecture of theirs."""
    if not (folder / "config.json").is_file():
        return False
    try:
        config = _config(folder)
    except ValueError:
        return True  # whose loader says what is wrong with it
    return not isinstance(config, dict) or "model_type" not in config


def _scored(folder: Path, config: Any) -> bool:
    """Return whether a compact model is a packaged one, or was better than the gene mean at the end of its training."""
    extra = config.get("extra")
    report = extra.get("report") if isinstance(extra, dict) else None
    r2 = report.get("r2") if isinstance(report, dict) else None
    return folder.parent == CHECKPOINTS or (isinstance(r2, (int, float)) and r2 > 0)


def compact_facts(folder: Path) -> ModelFacts:
    """Return the facts of a compact model.

    Raises
    ------
    CheckpointError
        If its configuration cannot be read.
    """
    try:
        config = _config(folder)
        facts = ModelFacts(
            name=folder.name,
            sha256=checkpoint_sha256(folder),
            genes=tuple(config["genes"]),
            n_layers=int(config["n_layers"]),
            n_heads=int(config["n_heads"]),
            width=int(config["width"]),
            read_out=True,
            verified=_scored(folder, config),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / 'config.json'} is no configuration of a compact model: {error!r}") from error
    return facts
