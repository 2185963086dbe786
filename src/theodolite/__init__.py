"""Theodolite: an unattended, pre-registered survey of what single-cell foundation models encode.

Tools measure, gates judge, the ledger remembers, and agents only propose and object.
"""

from __future__ import annotations

import importlib
import logging
from types import ModuleType

__all__ = ["__version__"]

__version__ = "0.1.0"

# A program that wants no log hears nothing; without this, Python prints warnings of libraries to standard error.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> ModuleType:
    """Import ``theodolite.tl`` when it is first asked for: it needs heavy libraries, and this module none."""
    if name == "tl":
        return importlib.import_module("theodolite.tl")
    raise AttributeError(f"module 'theodolite' has no attribute {name!r}")
