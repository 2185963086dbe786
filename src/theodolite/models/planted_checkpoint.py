"""Rung two of the planted worlds (statistics §5): a small transformer that is trained on a world's counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.data.planted import PlantedStructure

if TYPE_CHECKING:
    from theodolite.models.training import TrainReport

__all__ = ["r2_checkpoint"]


def r2_checkpoint(
    structure: PlantedStructure, folder: Path, steps: int, *, model: Mapping[str, Any] | None = None, threads: int = 1
) -> TrainReport:
    """Train a compact model on the counts of a planted world, or continue to, and return how it went.

    What such a model has learned of the graph is not known, so that what a campaign finds in it is external validity
    and enters no error rate. The counts hold the first reference's edges only where ``knobs.regulation`` is above 0.

    Parameters
    ----------
    structure
        The world.
    folder
        Folder of the checkpoint; an interrupted run goes on from it.
    steps
        Optimiser steps.
    model
        Fields of the model's configuration other than its genes; its defaults for the rest.
    threads
        Torch threads; another number may change the last bits of the weights.

    Raises
    ------
    TrainingError
        If the folder holds the state of another run.
    """
    from theodolite.models.training import train_compact
    from theodolite.models.training_settings import TrainSettings

    cells = structure.cells
    settings = TrainSettings(steps=steps, warmup=min(100, steps // 4), seed=structure.seed, threads=threads)
    world = f"plant_structure({structure.seed}, {structure.kind.value!r}, {structure.knobs!r})"
    made_by = f"r2_checkpoint({world}, steps={steps}, model={dict(model or {})!r})"
    values = cells.log1p_cp10k()
    return train_compact(values, cells.genes, settings, model or {}, folder, resume=True, command=made_by)
