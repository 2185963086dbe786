"""Compiled loops: one way to have numba compile a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled", "compiled_loosely"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop, kept on disk where there is a place for it; it runs without the interpreter's lock."""
    return _compiled(function, fastmath=False)


def compiled_loosely(function: Function) -> Function:
    """Compile as :func:`compiled` does, and let sums be taken in any order, so that they use the whole vector unit.

    For training and the like: the same machine gives the same bits, another one may differ in the last ones. Not-a-
    number and infinity keep their meaning.
    """
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})


def _compiled(function: Function, *, fastmath: bool | set[str]) -> Function:
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, fastmath=fastmath)(function))
    except RuntimeError:  # numba finds no writable place for its cache, as in a read-only container
        return cast(Function, numba.njit(nogil=True, fastmath=fastmath)(function))
