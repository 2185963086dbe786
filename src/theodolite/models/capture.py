"""What a campaign reads of a model: gene vectors and gene-pair attention, averaged over cells in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.files import write_atomically
from theodolite.measurements import Variant, VariantKind
from theodolite.models.protocol import FoundationModel

__all__ = ["CAPTURE_SUFFIX", "Capture", "capture", "capture_name", "load_capture", "save_capture"]

CELLS_PER_STEP = 4
"""Few, so that the attention of a step fits into memory that is reused: fresh pages cost more than the arithmetic."""

CAPTURE_SUFFIX = ".safetensors"
"""How the names of captures end."""


@dataclass(frozen=True)
class Capture:
    """Gene-level averages over cells.

    Attributes
    ----------
    genes
        Symbols, n of them.
    hidden
        Shape (layers + 1, n, width): residual stream at each gene's token, after the embedding and after each block.
    attention
        Shape (layers, heads, n, n): attention probability from row gene to column gene.
    read_out
        Shape (n, width): the vectors with which predictions are read out; None where a model has none.
    """

    genes: tuple[str, ...]
    hidden: NDArray[np.float32]
    attention: NDArray[np.float32]
    read_out: NDArray[np.float32] | None = None


def capture(
    model: FoundationModel, values: NDArray[np.float32], progress: Callable[[int, int], None] | None = None
) -> Capture:
    """Average residual stream and attention over cells, streaming; memory does not grow with the number of cells.

    Parameters
    ----------
    model
        The model.
    values
        Shape (cells, genes), in the matrix that ``model.expects`` names, columns in the order of ``model.genes``.
    progress
        Called with cells done and cells in all.

    Raises
    ------
    ValueError
        If there are no cells or the columns do not match the model's genes.
    """
    n_cells, n_genes = values.shape
    if n_cells == 0 or n_genes != len(model.genes):
        raise ValueError(f"values have shape {values.shape}; the model needs cells x {len(model.genes)} genes")
    hidden = np.zeros((model.n_layers + 1, n_genes, model.width), dtype=np.float64)
    attention = np.zeros((model.n_layers, model.n_heads, n_genes, n_genes), dtype=np.float64)
    for start in range(0, n_cells, CELLS_PER_STEP):
        batch = values[start : start + CELLS_PER_STEP]
        model.accumulate(batch, hidden, attention)
        if progress is not None:
            progress(min(start + CELLS_PER_STEP, n_cells), n_cells)
    return Capture(
        model.genes,
        (hidden / n_cells).astype(np.float32),
        (attention / n_cells).astype(np.float32),
        model.read_out,
    )


def capture_name(model_sha256: str, cells_sha256: str, variant: str) -> str:
    """Return the name of the file that a capture is kept under, from the hashes of what it is of."""
    version = "capture-3" if Variant.parse(variant).kind is VariantKind.RANDOM_EMBEDDING else "capture-2"
    return f"{digest([model_sha256, cells_sha256, variant, version])}{CAPTURE_SUFFIX}"


def save_capture(path: Path, taken: Capture) -> None:
    """Write a capture so that a reader sees all of it or nothing."""
    from safetensors.numpy import save

    arrays = {"hidden": taken.hidden, "attention": taken.attention}
    if taken.read_out is not None:
        arrays["read_out"] = taken.read_out
    # safetensors writes the memory that it is given and does not look at strides.
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(arrays, metadata={"genes": "\n".join(taken.genes)})
    write_atomically(path, content)


def load_capture(path: Path) -> Capture:
    """Read a capture written by :func:`save_capture`."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        genes = tuple(file.metadata()["genes"].split("\n"))
        read_out = file.get_tensor("read_out") if "read_out" in file.keys() else None  # noqa: SIM118
        return Capture(genes, file.get_tensor("hidden"), file.get_tensor("attention"), read_out)
