"""How much memory a measurement takes, from sizes alone, so that one that cannot fit is refused before it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from theodolite.experiments.needs import coexpression_bytes, own_bytes
from theodolite.tl.errors import MemoryLimitError
from theodolite.tl.settings import GB
from theodolite.tools import BenchSize, Tool, ToolParams

__all__ = ["adjusting_bytes", "measuring_bytes", "refuse_beyond", "searching_bytes", "states_bytes"]

_ADJUSTING = 1_450
"""Bytes a pair that the fit of co-expression to scores takes at its peak; a test holds it to that."""
_SEARCHING = 60
"""Bytes a pair of anchors that fits, hold-outs and their nulls take at their peak; a test holds it to that."""


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
    shape = tool.shape.shape
    written = 4 * n_vars * {"PairScores": n_vars, "BipartiteScores": size.regulators}.get(shape, 2)
    # Attention of a layer or head as it is read, then the scores as returned, checked and rounded.
    read = 12 * size.genes**2 if shape != "GeneScores" else 0
    return own_bytes(tool, params, size) + read + 24 * _scores(shape, size) + written


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


def _scores(shape: str, size: BenchSize) -> int:
    return {"PairScores": size.genes**2, "BipartiteScores": size.genes * size.regulators}.get(shape, size.genes)


def states_bytes(size: BenchSize) -> tuple[int, int]:
    """Return bytes while a model's streams of cells are taken, and those that are held afterwards.

    Parameters
    ----------
    size
        Sizes of the workbench: cells, genes, and the model's layers and width.
    """
    held = 4 * size.width * (size.cells * (size.shape.n_layers + 1) + size.genes)
    # Sums of genes' embeddings in double precision; then the content of the file is there twice beside them.
    return max(held + 8 * size.width * size.genes, 3 * held), held


def searching_bytes(size: BenchSize, *, anchors: int, rulers: int, stored: int) -> dict[str, int]:
    """Return bytes that a search over anchors takes, by what takes them.

    Parameters
    ----------
    size
        Sizes of the workbench.
    anchors
        Anchors of all donors.
    rulers
        Rulers, each with a panel of its own: all rows, and once more those of the donors that search.
    stored
        Counts above 0 in the cells.
    """
    rows = 8 * anchors * (size.width * (size.shape.n_layers + 1) + size.genes)
    return {
        "expression of the cells": 4 * size.cells * size.genes + 24 * stored,
        "features of anchors": rows * (2 + 2 * rulers),
        "distances between anchors": _SEARCHING * anchors**2,
    }


def refuse_beyond(limit: int, parts: Mapping[str, int], genes: int, doing: str, *, cells: int | None = None) -> None:
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
    cells
        Cells, where what is taken grows with them, and not with the square of the genes.

    Raises
    ------
    MemoryLimitError
        With the estimate, its parts, and how many genes or cells would about fit.
    """
    needed = sum(parts.values())
    if needed <= limit:
        return
    fits = math.isqrt(genes**2 * limit // needed) if cells is None else cells * limit // needed
    told = ", ".join(f"{what} {amount / GB:.3g} GB" for what, amount in parts.items() if amount)
    advice = f"about {fits:,} fit" if fits >= 2 else "even two do not fit"
    fewer = f"name fewer genes (genes=...; of {genes:,}" if cells is None else f"give fewer cells (of {cells:,}"
    raise MemoryLimitError(
        f"{doing} would take {needed / GB:.3g} GB ({told}), and max_memory_gb allows {limit / GB:.3g}; {fewer}, "
        f"{advice}), or raise theodolite.tl.settings.max_memory_gb"
    )
