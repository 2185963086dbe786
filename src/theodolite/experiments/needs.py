"""What a job needs, from sizes alone, so that one that cannot fit is refused before it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from theodolite.data import DISCOVERY
from theodolite.experiments.campaign import BudgetSpec, CampaignError
from theodolite.experiments.jobs import FIT_AXES, JobSpec
from theodolite.experiments.machine import memory_bytes
from theodolite.tools import BenchSize, Tool, ToolParams

if TYPE_CHECKING:
    from theodolite.experiments.setting import Setting

__all__ = ["bench_size", "capture_bytes", "job_memory_bytes", "memory_needed", "refuse_beyond_memory"]

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
    from theodolite.descriptions import Description
    from theodolite.plugins import find_instrument

    size, taking = bench_size(setting, job.split), _capturing(setting)
    if job.tool == FIT_AXES:
        # The vectors of a layer, the same about their centre, and their left singular vectors.
        return taking + 3 * 8 * size.genes * size.width
    instrument = find_instrument(job.tool)
    if isinstance(instrument, Description):
        return taking + instrument.memory(size, instrument.parsed(job.params))
    return taking + _own(instrument, instrument.params(**job.params), size)


def refuse_beyond_memory(setting: Setting) -> None:
    """Refuse a campaign one of whose instruments would take more memory than a job may hold.

    Raises
    ------
    CampaignError
        With the estimate, its parts and the remedy.
    """
    limit = job_memory_bytes(setting.spec.budget)
    capturing = _capturing(setting)
    largest = max((DISCOVERY, *setting.split.blocks), key=lambda part: len(setting.genes(part)))
    size = bench_size(setting, largest)
    for tool in setting.tools:
        own = max((_own(tool, params, size) for params in tool.params.enumerate(setting.model_shape)), default=0)
        if capturing + own > limit:
            raise CampaignError(
                f"{tool.name} would take {(capturing + own) / _GB:.3g} GB beside the model ({capturing / _GB:.3g} GB "
                f"for what is captured of {len(setting.model.genes):,} genes, {own / _GB:.3g} GB of its own for "
                f"{size.genes:,}), and a job may hold {limit / _GB:.3g} GB; survey fewer genes (`genes:`), leave the "
                "instrument out, or allow more (`budget.job_memory_mb`, on a machine that has it)"
            )


def job_memory_bytes(budget: BudgetSpec) -> int:
    """Return how much a worker and what it starts may hold: as the file says, else what the machine has."""
    return memory_bytes() if budget.job_memory_mb is None else budget.job_memory_mb * 2**20


def bench_size(setting: Setting, split: str) -> BenchSize:
    """Return the sizes of the workbench of a part of a campaign's split."""
    return BenchSize(
        genes=len(setting.genes(split)),
        regulators=len(setting.regulators(split)),
        cells=len(setting.cells.cells),
        width=setting.model.width,
        shape=setting.model_shape,
    )


def _capturing(setting: Setting) -> int:
    captured = replace(bench_size(setting, DISCOVERY), genes=len(setting.model.genes))
    return capture_bytes(captured, saved=True, gaps=setting.model.tokenise is not None)[0]


def _own(tool: Tool, params: ToolParams, size: BenchSize) -> int:
    return 0 if tool.memory is None else tool.memory(size, params)
