"""What a job needs, from sizes alone, so that one that cannot fit is refused before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from theodolite.data import DISCOVERY
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.jobs import FITS, JobSpec
from theodolite.experiments.machine import memory_bytes
from theodolite.saes.settings import usual_size
from theodolite.tools import N_FEATURES, BenchSize, Tool, ToolParams

if TYPE_CHECKING:
    from theodolite.descriptions import Description, DescriptionParams
    from theodolite.experiments.setting import Setting

__all__ = [
    "MIB",
    "ablation_bytes",
    "bytes_of",
    "capture_bytes",
    "coexpression_bytes",
    "description_bytes",
    "fitting_bytes",
    "job_memory_bytes",
    "memory_conflict",
    "memory_needed",
    "own_bytes",
    "size_conflict",
]

MIB = 2**20
_GB = 1e9
_FACTORING, _LOADING = 40, 28
"""Bytes a value of the counts that takes to factorise them, and to find loadings of other genes."""
_COEXPRESSION = 85
"""Bytes a pair that co-expression takes; a test holds it to that."""


def capture_bytes(size: BenchSize, *, saved: bool, with_attention: bool = True, gaps: bool = False) -> tuple[int, int]:
    """Return bytes while a capture is taken, and those that are held afterwards.

    Sums are kept in double precision, means in single precision, and both are there at once; or, if that is more, the
    means with the content of the file that they are written to.

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
    summing = held + 8 * (maps + vectors) + 8 * pairs + (40 * pairs if gaps else 0)
    # The sums are gone when the file is written, and its content is there twice beside the means.
    return max(summing, 3 * held if saved else 0), held


def coexpression_bytes(size: BenchSize) -> int:
    """Return bytes that co-expression of all genes takes: values of the cells and of half of them, and estimates."""
    return 20 * size.cells * size.genes + _COEXPRESSION * size.genes**2


def ablation_bytes() -> int:
    """Return bytes that a step of an ablation takes at most."""
    from theodolite.models.ablated import MEMORY_BYTES

    return MEMORY_BYTES


def own_bytes(tool: Tool, params: ToolParams, size: BenchSize) -> int:
    """Return bytes that an instrument takes itself; one that does not say is taken to copy its genes' vectors twice."""
    return 2 * 8 * size.genes * size.width if tool.memory is None else tool.memory(size, params)


def description_bytes(found: Description, params: DescriptionParams, size: BenchSize) -> dict[str, int]:
    """Return bytes that a description takes beside what is captured, by what takes them."""
    beside = {"the description": found.memory(size, params)}
    if "coexpression" in found.reads:
        beside["co-expression"] = coexpression_bytes(size)
    if "ablated" in found.reads:
        beside["a step of an ablation, at most"] = ablation_bytes()
    return beside


def memory_needed(setting: Setting, job: JobSpec) -> int:
    """Return how many bytes a job takes beside the weights and the cells: what is captured, and what its tool says.

    A capture is counted as if it were still to be taken, for under the same limit it has to be, once.
    """
    from theodolite.plugins import find_instrument

    if job.tool in FITS.values():
        return fitting_bytes(setting, next(what for what, name in FITS.items() if name == job.tool))
    return bytes_of(setting, find_instrument(job.tool), job.params, job.split)


def fitting_bytes(setting: Setting, what: str) -> int:
    """Return how many bytes fitting axes or features to discovery genes takes."""
    from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes

    size = _size(setting, DISCOVERY)
    if what == "features":
        # Of the counts the values, what a factorisation copies of them, and its products.
        return max(dictionary_bytes(size, DictionaryParams()), _FACTORING * size.cells * size.genes)
    # The vectors of a layer, the same about their centre, and their left singular vectors.
    return _capturing(setting) + 3 * 8 * size.genes * size.width


def bytes_of(setting: Setting, instrument: Tool | Description, params: Mapping[str, Any], split: str) -> int:
    """Return how many bytes an instrument or a description takes on a part of the split, with what is captured."""
    from theodolite.descriptions import Description

    size = _size(setting, split)
    if isinstance(instrument, Description):
        return _capturing(setting) + sum(description_bytes(instrument, instrument.parsed(params), size).values())
    # Loadings of counts on factors are found for all genes that are surveyed at once.
    read = _LOADING * size.cells * len(setting.model.genes) if instrument.seeded else 0
    return _capturing(setting) + read + own_bytes(instrument, instrument.params(**params), size)


def memory_conflict(setting: Setting) -> str | None:
    """Return why a campaign cannot run where an instrument would take more than a job may hold, with the estimate."""
    limit, capturing = job_memory_bytes(setting.spec), _capturing(setting)
    for part in (DISCOVERY, *setting.split.blocks):
        for tool in setting.tools:
            places = [params.model_dump(mode="json") for params in tool.params.enumerate(setting.model_shape)]
            taken = [bytes_of(setting, tool, params, part) for params in places]
            needed = max([*taken, *(fitting_bytes(setting, what) for what in tool.fits)], default=0)
            if needed > limit:
                return (
                    f"{tool.name} would take {needed / _GB:.3g} GB beside the model ({capturing / _GB:.3g} GB for what "
                    f"is captured of {len(setting.model.genes):,} genes, {(needed - capturing) / _GB:.3g} GB of its "
                    f"own for {len(setting.genes(part)):,}), and a job may hold {limit / _GB:.3g} GB; survey fewer "
                    "genes (`genes:`), leave the instrument out, or allow more (`budget.job_memory_mb`, on a machine "
                    "that has it)"
                )
    return None


def size_conflict(setting: Setting) -> str | None:
    """Return why a campaign's model or cells are too small for what its instruments need fitted."""
    if "features" not in setting.fits:
        return None
    features = usual_size(setting.model.width)[0]
    for found, what, more in (
        (features, f"features in a dictionary of a model of width {setting.model.width}", "a wider model"),
        (len(setting.genes(DISCOVERY)), "genes to explore", "more genes"),
        (len(setting.cells.cells), "cells", "more cells"),
        (N_FEATURES * setting.model.n_layers, "features in a model without blocks", "a deeper model"),
    ):
        if found < N_FEATURES:
            return f"{found} {what}; claims are about {N_FEATURES} features of each block, so survey {more}"
    return None


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
