"""The folder that a training writes into: a finished checkpoint in it is whole, or is no checkpoint any more."""

from __future__ import annotations

from pathlib import Path

from theodolite.files import sync_folder
from theodolite.models.registry import CONFIGURATIONS
from theodolite.models.training_settings import TrainingError

__all__ = ["STATE_FILE", "begin_anew", "check_folder"]

STATE_FILE = "training_state.pt"


def check_folder(out: Path) -> None:
    """Refuse a folder whose checkpoint no training of ours left there.

    Raises
    ------
    TrainingError
        If there is a configuration and no training state beside it.
    """
    there = [name for name in CONFIGURATIONS if (out / name).exists()]
    if there and not (out / STATE_FILE).exists():
        raise TrainingError(
            f"{out} holds a checkpoint ({there[0]}) without {STATE_FILE}: it was not trained here, "
            "or is done with, and nothing of it is replaced; train into another folder"
        )


def begin_anew(out: Path) -> None:
    """Make a folder no checkpoint any more: first its configuration goes, then the state of the run that made it.

    In this order a run that is killed at any moment leaves no model with parts of two, and never a folder that
    :func:`check_folder` takes for somebody else's.
    """
    for name in (*CONFIGURATIONS, STATE_FILE):
        (out / name).unlink(missing_ok=True)
        if out.is_dir():
            sync_folder(out)
