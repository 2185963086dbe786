"""Which donors or batches a model trained here never saw: what is predicted in its verification must be of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theodolite.data import CellSet
from theodolite.models.facts import CheckpointError
from theodolite.models.loading import read_json_object

__all__ = ["TRAINING_FILE", "Plates", "choose_unit", "read_plates"]

TRAINING_FILE = "training.json"


@dataclass(frozen=True)
class Plates:
    """Donors or batches of the cells that a model was trained on.

    Attributes
    ----------
    held_out
        The one that was never trained on.
    trained_on
        The others; empty where the record does not name them.
    """

    held_out: str
    trained_on: tuple[str, ...] = ()


def read_plates(folder: Path) -> Plates | None:
    """Return what the record of a training says beside a checkpoint; None where there is none of ours.

    Raises
    ------
    CheckpointError
        If the record is there and cannot be read.
    """
    path = folder / TRAINING_FILE
    if not path.exists():
        return None
    found = read_json_object(path, "restore it; it says which plate the model never saw")
    report = found.get("report")
    held_out = report.get("held_out") if isinstance(report, dict) else None
    if not isinstance(held_out, str):
        return None
    trained_on = found.get("trained_on")
    return Plates(held_out, tuple(map(str, trained_on)) if isinstance(trained_on, list) else ())


def choose_unit(cells: CellSet, plates: Plates | None, named: str | None, seed: int) -> str | None:
    """Return the donor or batch to hold out; None where any will do, for the model was not trained here.

    Parameters
    ----------
    cells
        The cells to verify on.
    plates
        What the model was trained on, where that is known.
    named
        What a person asked for.
    seed
        Of what is drawn among several that the model never saw.

    Raises
    ------
    CheckpointError
        Naming the right one, if the model was trained on what would be predicted, or nobody can tell.
    """
    if plates is None:
        return named
    kinds = {"donor": "donors", "batch": "batches"}
    if cells.unit_kind not in kinds:
        raise CheckpointError(
            f"the model was trained on plates, and {TRAINING_FILE} says that it never saw {plates.held_out!r}; name "
            "the column of plates with --batch or --donor, for cells drawn at random may be of those it was trained on"
        )
    there = sorted(set(cells.units))
    if plates.held_out in there:
        if named not in (None, plates.held_out):
            raise CheckpointError(
                f"{cells.unit_kind} {named!r} is not what the model never saw: by {TRAINING_FILE} it was trained on "
                f"all but {plates.held_out!r}; hold that one out, or leave --held-out out"
            )
        return plates.held_out
    # Other cells: whatever does not bear the name of a plate that was trained on.
    seen = set(plates.trained_on)
    if named is not None and named in seen:
        raise CheckpointError(
            f"the model was trained on {named!r} and never saw {plates.held_out!r}, which cells {cells.name!r} lack; "
            f"give cells with it, or of {kinds[cells.unit_kind]} that the model never saw"
        )
    unseen = [unit for unit in there if unit not in seen]
    if not unseen:
        raise CheckpointError(
            f"the model was trained on all {kinds[cells.unit_kind]} of cells {cells.name!r}; it never saw "
            f"{plates.held_out!r}: give cells with it"
        )
    if named is not None or len(unseen) == len(there):
        return named
    return unseen[int(np.random.default_rng(seed).integers(len(unseen)))]
