"""Values of a column as an Arrow array, laid out by hand.

`pyarrow.array` would load pandas to ask whether it was given a part of it: a third of what a server may use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["arrow_column", "arrow_type"]


def arrow_type(kind: str) -> Any:
    """Return the type of a column by what it holds (see :class:`theodolite.reports.leaving.Leaving`)."""
    types = {"number": pa.float64(), "whole": pa.int64(), "yes": pa.bool_(), "words": pa.list_(pa.string())}
    return types.get(kind, pa.string())


def arrow_column(values: Sequence[Any], kind: str) -> Any:
    """Return values as an array; None is absent."""
    there = _bits([value is not None for value in values])
    if kind == "words":
        words = [word for value in values for word in value or ()]
        buffers = [there, _offsets([len(value or ()) for value in values])]
        return pa.Array.from_buffers(arrow_type(kind), len(values), buffers, children=[arrow_column(words, "text")])
    if kind == "number":
        data = [_buffer(np.array([value or 0.0 for value in values], np.float64))]
    elif kind == "whole":
        data = [_buffer(np.array([value or 0 for value in values], np.int64))]
    elif kind == "yes":
        data = [_bits([bool(value) for value in values])]
    else:
        texts = [(value or "").encode("utf-8", errors="replace") for value in values]
        data = [_offsets([len(text) for text in texts]), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(arrow_type(kind), len(values), [there, *data])


def _offsets(lengths: Sequence[int]) -> Any:
    return _buffer(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _bits(flags: Sequence[bool]) -> Any:
    return _buffer(np.packbits(np.array(flags, np.bool_), bitorder="little"))


def _buffer(values: npt.NDArray[Any]) -> Any:
    return pa.py_buffer(values.tobytes())
