"""The compact model in one import: the network, its control variants, and how it is stored."""

from __future__ import annotations

from theodolite.models.checkpoint import (
    CheckpointError,
    checkpoint_sha256,
    load_checkpoint,
    read_checkpoint_config,
    save_checkpoint,
)
from theodolite.models.transformer import CompactConfig, CompactTransformer, Trace, random_embedding, untrained

__all__ = [
    "CheckpointError",
    "CompactConfig",
    "CompactTransformer",
    "Trace",
    "checkpoint_sha256",
    "load_checkpoint",
    "random_embedding",
    "read_checkpoint_config",
    "save_checkpoint",
    "untrained",
]
