"""Mutual attention: a plug-in for Theodolite with one instrument."""

from __future__ import annotations

from mutual_attention.instrument import MutualAttention, mutual

__all__ = ["MutualAttention", "mutual"]
