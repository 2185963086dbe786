"""What a job needs at least, from sizes alone, so that one that cannot fit is refused before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.experiments.jobs import FIT_AXES, JobSpec
from theodolite.tools import BenchSize

if TYPE_CHECKING:
    from theodolite.experiments.setting import Setting

__all__ = ["memory_needed"]


def memory_needed(setting: Setting, job: JobSpec) -> int | None:
    """Return how many bytes a job takes at least beside the model, None where its instrument does not say."""
    from theodolite.plugins import find_tool

    if job.tool == FIT_AXES:
        return None
    instrument = find_tool(job.tool)
    if instrument.memory is None:
        return None
    size = BenchSize(
        genes=len(setting.genes(job.split)),
        regulators=len(setting.regulators(job.split)),
        cells=len(setting.cells.cells),
        width=setting.model.width,
        shape=setting.model_shape,
    )
    return instrument.memory(size, instrument.params(**job.params))
