"""Adding a published model to the user's shelf: from a folder, or by a download from its authors' place.

What is added is copied beside the shelf first, read strictly there, and moved onto the shelf in one step: a model on
the shelf is whole, and was read once.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.files import sync_folder
from theodolite.models.facts import CheckpointError
from theodolite.models.known import KNOWN, ExpectedFile, KnownModel
from theodolite.models.shelf import Card, file_sha256, models_folder, registered_models, write_card

__all__ = ["AddingError", "Plan", "add_from", "check_room", "known_model", "plan_of_folder", "staging"]

_LOADERS = {
    "scgpt": ("theodolite.models.scgpt.model", "load_scgpt"),
    "geneformer": ("theodolite.models.geneformer.model", "load_geneformer"),
}
_SPARE = 64 * 2**20
"""Bytes of a disk that are left free."""


class AddingError(ValueError):
    """A model that cannot be added; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What is copied to the shelf, and where it comes from.

    Attributes
    ----------
    model
        Which model.
    files
        From the path on the shelf to the file it is copied from.
    source
        For the card.
    fresh
        Whether the files were made for this and are moved, not copied.
    """

    model: KnownModel
    files: dict[str, Path]
    source: dict[str, str]
    fresh: bool = False


def known_model(name: str) -> KnownModel:
    """Return a published model by name.

    Raises
    ------
    AddingError
        Naming those that there are.
    """
    if name not in KNOWN:
        raise AddingError(
            f"no published model {name!r} is known here; there are {', '.join(KNOWN)}. A model of your own needs no "
            "adding: name its folder in the campaign file"
        )
    return KNOWN[name]


def plan_of_folder(model: KnownModel, folder: Path) -> Plan:
    """Find the files of a model in a folder: its own, or a copy of its authors' repository.

    Raises
    ------
    AddingError
        Naming every file that is not there.
    """
    if not folder.is_dir():
        raise AddingError(f"{folder} is no folder; name the one with {_listed(model.files)} of {model.name}")
    homes = [folder, *(folder / name for name in model.folders)]
    home = next((place for place in homes if all(_first(place, file) for file in model.files)), None)
    if home is None:
        absent = [file for file in model.files if _first(folder, file) is None]
        raise AddingError(f"{folder} has no {_listed(absent)}, which {model.name} needs; {model.fetch}: {model.page}")
    files = {}
    for file in model.files:
        found = _first(home, file)
        assert found is not None
        files[found.name] = found
    for file in model.dictionaries:
        # Beside the weights, or where a copy of the repository has them.
        flat = ExpectedFile(tuple(dict.fromkeys(Path(name).name for name in file.names)), None, file.why)
        places = [home, folder, home.parent, home / "dictionaries"]
        found = next((path for place in places for path in (_first(place, flat), _first(place, file)) if path), None)
        if found is None:
            raise AddingError(f"{folder} has no {file.names[0]} ({file.why}), which {model.name} needs: {model.page}")
        files[found.name] = found
    return Plan(model, files, {"folder": str(folder.resolve())})


def _first(folder: Path, file: ExpectedFile) -> Path | None:
    return next((folder / name for name in file.names if (folder / name).is_file()), None)


def _listed(files: tuple[ExpectedFile, ...] | list[ExpectedFile]) -> str:
    return ", ".join(" or ".join(file.names) for file in files)


def add_from(plan: Plan, added: str, said: Callable[[str], None] = lambda text: None) -> tuple[Path, Card]:
    """Copy the files of a plan beside the shelf, read them strictly, and put them onto the shelf.

    Parameters
    ----------
    plan
        What is added.
    added
        When, for the card.
    said
        Told what is done.

    Returns
    -------
    tuple
        The folder on the shelf, and its card.

    Raises
    ------
    AddingError
        If a model of that name is there already, the disk has no room, or the files are of a model of another shape.
    CheckpointError
        If the files are not what the model needs; then the shelf is as it was.
    """
    name = plan.model.name
    shelf = models_folder()
    if name in registered_models() or (shelf / name).exists():
        raise AddingError(f"{shelf / name} is there already; remove that folder to add {name} anew")
    total = sum(path.stat().st_size for path in plan.files.values())
    with staging(name) as folder:
        if not plan.fresh:
            check_room(name, total)
        said(f"{'moving' if plan.fresh else 'copying'} {len(plan.files)} files, {total:,} bytes, to {shelf / name}")
        for target, path in plan.files.items():
            if plan.fresh:
                path.rename(folder / target)
                sync_folder(folder / target)
            else:
                _copy(path, folder / target)
        said(f"reading {name} strictly")
        model = _loaded(plan.model, folder)
        _check_shape(plan.model, model)
        files = {
            target: {"sha256": file_sha256(folder / target), "bytes": (folder / target).stat().st_size}
            for target in sorted(plan.files)
        }
        card = Card(
            name=name,
            family=plan.model.family,
            page=plan.model.page,
            licence=plan.model.licence,
            source=plan.source,
            files=files,
            model_sha256=model.sha256,
            left_out=tuple(getattr(model, "left_out", ())),
            notes=_notes(plan, folder),
            added=added,
        )
        write_card(folder, card)
        try:
            folder.rename(shelf / name)
        except OSError as error:
            raise AddingError(
                f"{shelf / name} was made meanwhile ({error.strerror}); remove it, then add again"
            ) from error
        sync_folder(shelf)
    return shelf / name, card


def check_room(name: str, total: int) -> None:
    """Refuse a model that does not fit onto the disk of the shelf, which exists.

    Raises
    ------
    AddingError
        With both numbers.
    """
    shelf = models_folder()
    free = shutil.disk_usage(shelf).free
    if total + _SPARE > free:
        raise AddingError(
            f"{name} takes {total:,} bytes and {shelf} has {free:,} left; make room, or set THEODOLITE_MODELS to a "
            "folder on another disk"
        )


def _check_shape(known: KnownModel, model: Any) -> None:
    """Refuse a model that can be read and is another one, by its shape."""
    tokens = model.configuration.vocabulary if known.family == "geneformer" else model.vocabulary.n_tokens
    found = {"layers": model.n_layers, "width": model.width, "heads": model.n_heads, "context": model.context}
    found["vocabulary"] = tokens
    apart = [
        f"{name} {found[name]:,} where {expected:,} is published"
        for name, expected in known.shape.items()
        if found[name] != expected
    ]
    if apart:
        raise AddingError(
            f"this is a model, but not {known.name}: {', '.join(apart)}. Get it from {known.page}; a model of your own "
            "needs no adding: name its folder in the campaign file"
        )


def _notes(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Return what to say of files that are much larger or smaller than those of the published model."""
    found = []
    for file in plan.model.files:
        names = {Path(name).name for name in file.names}
        for target in plan.files:
            size = (folder / target).stat().st_size
            if target in names and file.bytes and not file.bytes / 2 < size < file.bytes * 2:
                found.append(
                    f"{target} has {size:,} bytes where about {file.bytes:,} are expected of {plan.model.name}: it can "
                    "be read, but is it that model?"
                )
    return tuple(found)


def _loaded(model: KnownModel, folder: Path) -> Any:
    module, function = _LOADERS[model.family]
    try:
        loaded = getattr(importlib.import_module(module), function)(folder)
    except CheckpointError as error:
        # The folder that was read goes away again; what the user can mend has another name.
        raise CheckpointError(str(error).replace(f"{folder}{os.sep}", "").replace(str(folder), model.name)) from error
    return loaded


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as old, target.open("xb") as new:
        shutil.copyfileobj(old, new, 2**20)
        new.flush()
        os.fsync(new.fileno())


@contextmanager
def staging(name: str) -> Iterator[Path]:
    """Make a folder beside the shelf's models for one addition, and remove it again with whatever is in it."""
    shelf = models_folder()
    shelf.mkdir(parents=True, exist_ok=True)
    for left in shelf.glob(f".part-*-{name}"):
        # What a killed addition left behind; one that still runs keeps its folder.
        if not _runs(left.name.split("-")[1]):
            shutil.rmtree(left, ignore_errors=True)
    folder = shelf / f".part-{os.getpid()}-{name}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(process: str) -> bool:
    with suppress(ValueError, ProcessLookupError, PermissionError):
        os.kill(int(process), 0)
        return True
    return False
