"""What a job needs at least, from sizes alone, so that one that cannot fit is refused before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.experiments.jobs import FIT_AXES, JobSpec
from theodolite.experiments.machine import memory_bytes
from theodolite.tools import BenchSize

if TYPE_CHECKING:
    from theodolite.experiments.campaign import CampaignSpec
    from theodolite.experiments.setting import Setting

__all__ = ["MIB", "bench_size", "job_memory_bytes", "memory_needed"]

MIB = 2**20


def memory_needed(setting: Setting, job: JobSpec) -> int | None:
    """Return how many bytes a job takes at least beside the model, None where its instrument does not say."""
    from theodolite.descriptions import Description
    from theodolite.plugins import find_instrument

    if job.tool == FIT_AXES:
        return None
    instrument = find_instrument(job.tool)
    if instrument.memory is None:
        return None
    size = bench_size(setting, job.split)
    if isinstance(instrument, Description):
        return instrument.memory(size, instrument.parsed(job.params))
    return instrument.memory(size, instrument.params(**job.params))


def bench_size(setting: Setting, split: str) -> BenchSize:
    """Return the sizes of the workbench of a part of a campaign's split."""
    return BenchSize(
        genes=len(setting.genes(split)),
        regulators=len(setting.regulators(split)),
        cells=len(setting.cells.cells),
        width=setting.model.width,
        shape=setting.model_shape,
    )


def job_memory_bytes(spec: CampaignSpec) -> int:
    """Return how many bytes a job of a campaign may hold: as its file says, else what this machine has."""
    most = spec.budget.job_memory_mb
    return memory_bytes() if most is None else most * MIB
