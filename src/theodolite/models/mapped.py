"""Arrays of a safetensors file as they lie on disk: read-only, shared by all processes that map the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mapped_arrays"]

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def mapped_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays of a file that Theodolite wrote, by name, and its metadata.

    Raises
    ------
    OSError, ValueError, KeyError
        If there is no such file, or it is not one that was written whole.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError(f"{path}: its header is to be longer than the file; it was not written whole")
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__", {})
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if start == stop:  # nothing can be mapped
            arrays[name] = np.empty(shape, dtype=_TYPES[entry["dtype"]])
            continue
        arrays[name] = np.memmap(path, _TYPES[entry["dtype"]], "r", offset=8 + length + start, shape=shape)
    return arrays, metadata
