"""The recipe of a small model in the format of Geneformer."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.models.geneformer.sizes import Size
from theodolite.models.training_settings import TrainingError, cosine_rate

__all__ = ["MiniSettings"]


@dataclass(frozen=True)
class MiniSettings:
    """How to train; the defaults take two cores about twenty minutes.

    Parameters
    ----------
    genes
        Genes of the vocabulary: those detected in most training cells.
    layers, width, heads, feedforward, context
        Shape of the model; ``context`` counts ``<cls>`` and ``<eos>`` too.
    dropout
        As in Geneformer, of attention and of residual updates.
    steps, cells_per_step
        Optimiser steps, and cells drawn with replacement at each.
    mask_share
        Share of a cell's genes that is replaced by ``<mask>``, all of them, in training and in the test.
    learning_rate, warmup, weight_decay
        Peak rate of AdamW, steps up to it (a cosine takes it down to 2 %), and decay of matrices.
    held_out
        Plate or donor that is never trained on; the last by name where not given.
    evaluation_masks
        Fixed masks drawn for each held-out cell.
    eval_every, save_every
        Steps between scores of held-out cells, and between writes of the state.
    seed
        Seed of the initial weights, the masks and every step.
    threads
        Torch threads; another number may change the last bits of the weights.

    Raises
    ------
    TrainingError
        If a value is out of range.
    """

    genes: int = 2048
    layers: int = 4
    width: int = 128
    heads: int = 4
    feedforward: int = 256
    context: int = 130
    dropout: float = 0.02
    steps: int = 2000
    cells_per_step: int = 16
    mask_share: float = 0.15
    learning_rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    held_out: str | None = None
    evaluation_masks: int = 2
    eval_every: int = 200
    save_every: int = 100
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse settings with which no run can end."""
        for name in (
            *("genes", "layers", "width", "heads", "feedforward", "steps", "cells_per_step", "evaluation_masks"),
            *("eval_every", "save_every", "threads"),
        ):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name}={getattr(self, name)!r} must be at least 1")
        if self.width % self.heads:
            raise TrainingError(f"width={self.width!r} must be a multiple of heads={self.heads!r}")
        if self.context < 4:
            raise TrainingError(f"context={self.context!r} must hold <cls>, <eos> and two genes at least")
        if not 0 < self.mask_share < 1 or not 0 <= self.dropout < 1:
            raise TrainingError(f"mask_share={self.mask_share!r} or dropout={self.dropout!r} is no share")
        if self.seed < 0 or self.warmup < 0 or self.weight_decay < 0:
            raise TrainingError(
                f"seed={self.seed!r}, warmup={self.warmup!r} or weight_decay={self.weight_decay!r} is negative"
            )
        if not self.learning_rate > 0:
            raise TrainingError(f"learning_rate={self.learning_rate!r} must be positive")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step counted from zero."""
        return cosine_rate(step, self.steps, self.learning_rate, self.warmup)

    def size(self, name: str, n_genes: int) -> Size:
        """Return the shape of the model that is trained, with so many genes."""
        return Size(name, 2, self.layers, self.width, self.heads, self.feedforward, self.context, n_genes + 4)
