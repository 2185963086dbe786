"""Activations of a model over many cells: stored by shard, or added up as they are computed."""

from __future__ import annotations

from theodolite.models.activations.averages import AttentionSums, GeneMeans, attention_sums, gene_means
from theodolite.models.activations.errors import ActivationError, ActivationsDamaged, HalfOverflowError

__all__ = [
    "ActivationError",
    "ActivationsDamaged",
    "AttentionSums",
    "GeneMeans",
    "HalfOverflowError",
    "attention_sums",
    "gene_means",
]
