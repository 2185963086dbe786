"""Activations of a model over many cells: stored by shard, or added up as they are computed."""

from __future__ import annotations

from theodolite.models.activations.averages import AttentionSums, GeneMeans, attention_sums, gene_means
from theodolite.models.activations.errors import ActivationError, ActivationsDamaged, HalfOverflowError
from theodolite.models.activations.keys import StoreOf
from theodolite.models.activations.reading import Activations, Rows, open_activations
from theodolite.models.activations.shards import RowIndex, Shard, ShardRecord
from theodolite.models.activations.writing import LARGEST_HALF, write_activations

__all__ = [
    "LARGEST_HALF",
    "ActivationError",
    "Activations",
    "ActivationsDamaged",
    "AttentionSums",
    "GeneMeans",
    "HalfOverflowError",
    "RowIndex",
    "Rows",
    "Shard",
    "ShardRecord",
    "StoreOf",
    "attention_sums",
    "gene_means",
    "open_activations",
    "write_activations",
]
