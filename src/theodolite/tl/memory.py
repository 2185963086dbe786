"""How much memory a measurement takes, from sizes alone, so that one that cannot fit is refused before it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from theodolite.tl.errors import MemoryLimitError
from theodolite.tl.settings import GB
from theodolite.tools import BenchSize, Tool, ToolParams

__all__ = [
    "ablation_bytes",
    "adjusting_bytes",
    "capture_bytes",
    "coexpression_bytes",
    "measuring_bytes",
    "refuse_beyond",
]

_COEXPRESSION, _ADJUSTING = 85, 1_450
"""Bytes a pair that co-expression takes, and that its fit to scores takes at its peak; tests hold them to it."""


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


def measuring_bytes(tool: Tool, params: ToolParams, size: BenchSize, n_vars: int) -> int:
    """Return bytes that an instrument and what becomes of its scores take, beside the capture.

    Parameters
    ----------
    tool, params
        The instrument; what it says itself of its memory is part of the estimate.
    size
        Sizes of the workbench.
    n_vars
        Rows of ``adata.var``, over which results are spread.
    """
    own = 0 if tool.memory is None else tool.memory(size, params)
    shape = tool.shape.shape
    written = 4 * n_vars * {"PairScores": n_vars, "BipartiteScores": size.regulators}.get(shape, 2)
    # Attention of a layer or head as it is read, then the scores as returned, checked and rounded.
    read = 12 * size.genes**2 if shape != "GeneScores" else 0
    return own + read + 24 * _scores(shape, size) + written


def adjusting_bytes(shape: str, size: BenchSize) -> int:
    """Return bytes that co-expression takes and its fit to scores of pairs; scores of genes take next to nothing.

    Parameters
    ----------
    shape
        Of the measurement.
    size
        Sizes of the workbench.
    """
    if shape == "GeneScores":
        return 0
    # After co-expression some 180 numbers a pair of the fit.
    return coexpression_bytes(size) + _ADJUSTING * _scores(shape, size)


def coexpression_bytes(size: BenchSize) -> int:
    """Return bytes that co-expression of all genes takes: values of the cells and of half of them, and estimates."""
    return 20 * size.cells * size.genes + _COEXPRESSION * size.genes**2


def ablation_bytes() -> int:
    """Return bytes that a step of an ablation takes at most."""
    from theodolite.models.ablating import MEMORY_BYTES

    return MEMORY_BYTES


def _scores(shape: str, size: BenchSize) -> int:
    return {"PairScores": size.genes**2, "BipartiteScores": size.genes * size.regulators}.get(shape, size.genes)


def refuse_beyond(limit: int, parts: Mapping[str, int], genes: int, doing: str) -> None:
    """Refuse what would take more memory than is allowed.

    Parameters
    ----------
    limit
        Bytes that are allowed.
    parts
        Bytes by what takes them, in words; they are there at the same time.
    genes
        Genes that are measured.
    doing
        What is refused, in words.

    Raises
    ------
    MemoryLimitError
        With the estimate, its parts, and how many genes would about fit.
    """
    needed = sum(parts.values())
    if needed <= limit:
        return
    fits = math.isqrt(genes**2 * limit // needed)
    told = ", ".join(f"{what} {amount / GB:.3g} GB" for what, amount in parts.items() if amount)
    advice = f"about {fits:,} fit" if fits >= 2 else "even two do not fit"
    raise MemoryLimitError(
        f"{doing} would take {needed / GB:.3g} GB ({told}), and max_memory_gb allows {limit / GB:.3g}; name fewer "
        f"genes (genes=...; of {genes:,}, {advice}), or raise theodolite.tl.settings.max_memory_gb"
    )
