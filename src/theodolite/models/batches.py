"""From tokenised cells to batches on a device; out of memory halves the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.models.protocol import Batch, Device, Dtype, FoundationModel
from theodolite.models.tokens import NO_GENE, Tokens

__all__ = ["batch_of", "in_batches", "out_of_memory", "resolve_device", "resolve_dtype"]

Result = TypeVar("Result")


def resolve_device(device: Device) -> torch.device:
    """Return the device that a setting names; ``auto`` takes a GPU where there is one.

    Raises
    ------
    ValueError
        If this machine has no such device.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    if not there.get(device, False):
        found = ", ".join(name for name, has in there.items() if has)
        raise ValueError(f"device {device!r} is not at hand; this machine has {found}: name one, or auto")
    return torch.device(device)


def resolve_dtype(dtype: Dtype) -> torch.dtype:
    """Return the floating-point type that a setting names."""
    found: torch.dtype = getattr(torch, dtype)
    return found


def batch_of(model: FoundationModel, tokens: Tokens, cells: NDArray[np.integer]) -> Batch:
    """Return some of the cells padded to the longest of them, on the model's device."""
    lengths = tokens.lengths[cells]
    longest = int(lengths.max(initial=0))
    full = bool((lengths == longest).all())
    shape = (len(cells), longest)
    ids = np.full(shape, model.pad_id, dtype=np.int64)
    genes = np.full(shape, NO_GENE, dtype=np.int64)
    values = None if tokens.values is None else np.zeros(shape, dtype=np.float32)
    present = np.arange(longest) < lengths[:, None]
    for row, cell in enumerate(cells):
        start, stop = tokens.indptr[cell], tokens.indptr[cell + 1]
        ids[row, : stop - start] = tokens.ids[start:stop]
        genes[row, : stop - start] = tokens.genes[start:stop]
        if values is not None and tokens.values is not None:
            values[row, : stop - start] = tokens.values[start:stop]
    device = model.device
    return Batch(
        ids=torch.from_numpy(ids).to(device),
        genes=torch.from_numpy(genes).to(device),
        present=torch.from_numpy(present).to(device),
        values=None if values is None else torch.from_numpy(values).to(device),
        full=full,
    )


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device, or the machine, has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "not enough memory", "DefaultCPUAllocator")
    )


def in_batches(
    model: FoundationModel,
    tokens: Tokens,
    size: int,
    compute: Callable[[Batch], Result],
    said: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[NDArray[np.int64], Batch, Result]]:
    """Yield cells, their batch and what ``compute`` makes of it, in the order of the cells.

    Where memory runs out, the batch is halved, once for all that follow, and ``said`` is told; ``compute`` is called
    again, so it must change nothing but what it returns.

    Raises
    ------
    MemoryError
        If one cell alone does not fit.
    """
    start, n_cells = 0, len(tokens)
    while start < n_cells:
        cells = np.arange(start, min(start + size, n_cells), dtype=np.int64)
        batch = batch_of(model, tokens, cells)
        try:
            result = compute(batch)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(cells) == 1:
                raise MemoryError(
                    f"one cell of {int(tokens.lengths[start])} tokens does not fit into the memory of {model.device} "
                    f"({error}); take fewer genes, another dtype or another device"
                ) from error
            size = len(cells) // 2
            said(f"out of memory on {model.device} with {len(cells)} cells a batch; going on with {size}")
            if model.device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        yield cells, batch, result
        start += len(cells)
