"""Theodolite: an unattended, pre-registered survey of what single-cell foundation models encode.

Tools measure, gates judge, the ledger remembers, and agents only propose and object.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
