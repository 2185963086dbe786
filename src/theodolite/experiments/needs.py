"""What a job needs, from sizes alone, so that one that cannot fit is refused before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from theodolite.data import DISCOVERY
from theodolite.experiments.campaign import CampaignError, CampaignSpec
from theodolite.experiments.jobs import FIT_AXES, JobSpec
from theodolite.experiments.machine import memory_bytes
from theodolite.tools import BenchSize, Tool

if TYPE_CHECKING:
    from theodolite.descriptions import Description
    from theodolite.experiments.setting import Setting

__all__ = [
    "MIB",
    "bytes_of",
    "capture_bytes",
    "job_memory_bytes",
    "memory_needed",
    "refuse_beyond_memory",
]

MIB = 2**20
_GB = 1e9


def capture_bytes(size: BenchSize, *, saved: bool, with_attention: bool = True, gaps: bool = False) -> tuple[int, int]:
    """Return bytes while a capture is taken, and those that are held afterwards.

    Sums are kept in double precision, means in single precision, and both are there at once; a capture that is written
    to a file is there once more as the file's content.

    Parameters
    ----------
    size
        Sizes of the workbench.
    saved
        Whether it is written to a folder.
    with_attention
        Whether it holds attention, whose size grows with the square of the genes.
    gaps
        Whether some pairs may be in no cell, so that a fit stands in for them.
    """
    pairs = size.genes**2 if with_attention else 0
    vectors = (size.shape.n_layers + 1 + size.shape.read_out) * size.genes * size.width
    maps = size.shape.n_layers * size.shape.n_heads * pairs
    held = 4 * (maps + vectors) + (4 * pairs if gaps else 0)
    # Beside the sums, the cells in which both genes of a pair are, and five matrices of that size for the fit.
    taking = held + 8 * (maps + vectors) + 8 * pairs + (40 * pairs if gaps else 0) + (2 * held if saved else 0)
    return taking, held


def memory_needed(setting: Setting, job: JobSpec) -> int:
    """Return how many bytes a job takes beside the weights and the cells: what is captured, and what its tool says.

    A capture is counted as if it were still to be taken, for under the same limit it has to be, once.
    """
    from theodolite.plugins import find_instrument

    if job.tool == FIT_AXES:
        # The vectors of a layer, the same about their centre, and their left singular vectors.
        size = _size(setting, job.split)
        return _capturing(setting) + 3 * 8 * size.genes * size.width
    return bytes_of(setting, find_instrument(job.tool), job.params, job.split)


def bytes_of(setting: Setting, instrument: Tool | Description, params: Mapping[str, Any], split: str) -> int:
    """Return how many bytes an instrument or a description takes on a part of the split, with what is captured."""
    parsed = instrument.params(**params)
    own = 0 if instrument.memory is None else instrument.memory(_size(setting, split), parsed)
    return _capturing(setting) + own


def refuse_beyond_memory(setting: Setting) -> None:
    """Refuse a campaign one of whose instruments would take more memory than a job may hold.

    Raises
    ------
    CampaignError
        With the estimate, its parts and the remedy.
    """
    limit = job_memory_bytes(setting.spec)
    capturing = _capturing(setting)
    largest = max((DISCOVERY, *setting.split.blocks), key=lambda part: len(setting.genes(part)))
    for tool in setting.tools:
        places = [params.model_dump(mode="json") for params in tool.params.enumerate(setting.model_shape)]
        needed = max((bytes_of(setting, tool, params, largest) for params in places), default=0)
        if needed > limit:
            raise CampaignError(
                f"{tool.name} would take {needed / _GB:.3g} GB beside the model ({capturing / _GB:.3g} GB for what is "
                f"captured of {len(setting.model.genes):,} genes, {(needed - capturing) / _GB:.3g} GB of its own for "
                f"{len(setting.genes(largest)):,}), and a job may hold {limit / _GB:.3g} GB; survey fewer genes "
                "(`genes:`), leave the instrument out, or allow more (`budget.job_memory_mb`, on a machine that has it)"
            )


def job_memory_bytes(spec: CampaignSpec) -> int:
    """Return how many bytes a job of a campaign may hold: as its file says, else what this machine has."""
    most = spec.budget.job_memory_mb
    return memory_bytes() if most is None else most * MIB


def _size(setting: Setting, split: str) -> BenchSize:
    """Return the sizes of the workbench of a part of a campaign's split."""
    return BenchSize(
        genes=len(setting.genes(split)),
        regulators=len(setting.regulators(split)),
        cells=len(setting.cells.cells),
        width=setting.model.width,
        shape=setting.model_shape,
    )


def _capturing(setting: Setting) -> int:
    captured = replace(_size(setting, DISCOVERY), genes=len(setting.model.genes))
    return capture_bytes(captured, saved=True, gaps=setting.model.tokenise is not None)[0]
