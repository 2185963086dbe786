"""The recipe of a training run; its defaults made the shipped checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["TrainSettings", "TrainingError", "cosine_rate"]

FINAL_RATE_SHARE = 0.02


def cosine_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Return a learning rate that rises linearly over ``warmup`` steps, then falls as a cosine to 2 % of its peak."""
    warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return peak * warm * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)


class TrainingError(ValueError):
    """A training run that cannot start or resume: the message names the value and the remedy."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train; the defaults are the recipe of the shipped checkpoint.

    Parameters
    ----------
    steps
        Optimiser steps.
    cells_per_step, genes_per_step
        Cells drawn with replacement at each step, and genes drawn without replacement for each of them.
    mask_share
        Share of presented genes whose value is hidden, in training and in the held-out score.
    learning_rate, warmup
        Peak rate of AdamW, reached linearly over ``warmup`` steps; a cosine takes it to 2 % of the peak at the end.
    weight_decay
        Decoupled decay of matrices; biases, norms and the mask token are not decayed.
    held_out_share
        Share of cells, drawn by the seed, never trained on.
    evaluation_masks
        Fixed masks drawn for each held-out cell.
    eval_every, save_every
        Steps between held-out scores, and between writes of the training state.
    seed
        Seed of the split, the initial weights, the masks and every step.
    threads
        Torch threads; another number may change the last bits of the weights.
    """

    steps: int = 2000
    cells_per_step: int = 16
    genes_per_step: int = 384
    mask_share: float = 0.15
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.01
    held_out_share: float = 0.1
    evaluation_masks: int = 4
    eval_every: int = 200
    save_every: int = 100
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse settings with which no run can end."""
        for name in ("steps", "cells_per_step", "genes_per_step", "evaluation_masks", "eval_every", "save_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name}={getattr(self, name)!r} must be at least 1")
        for name in ("mask_share", "held_out_share"):
            if not 0 < getattr(self, name) < 1:
                raise TrainingError(f"{name}={getattr(self, name)!r} must be between 0 and 1")
        if self.threads < 1 or self.seed < 0 or self.warmup < 0:
            raise TrainingError(f"threads={self.threads!r}, seed={self.seed!r} or warmup={self.warmup!r} is too small")
        if not self.learning_rate > 0:
            raise TrainingError(f"learning_rate={self.learning_rate!r} must be positive")
        if self.weight_decay < 0:
            raise TrainingError(f"weight_decay={self.weight_decay!r} must not be negative")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step counted from zero."""
        return cosine_rate(step, self.steps, self.learning_rate, self.warmup)
