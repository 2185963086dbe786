"""Compiled loops: one way to have numba compile a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop, kept on disk where there is a place for it; it runs without the interpreter's lock."""
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba finds no writable place for its cache, as in a read-only container
        return cast(Function, numba.njit(nogil=True)(function))
