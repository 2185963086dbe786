"""The recipe of a sparse autoencoder: what it is, and how it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AUX_WEIGHT",
    "FEATURE_VALUES",
    "DictionaryRecipe",
    "Sparsity",
    "SAESettings",
    "SAETrainingError",
    "usual_size",
]

Sparsity = Literal["topk", "batchtopk"]

AUX_WEIGHT = 1.0 / 32.0
"""Of the squared error of what dead features make of what was missed (Gao et al. 2024, arXiv 2406.04093, A.2)."""


FEATURE_VALUES = "1"
"""Number of how features are ranked, matched and read at tokens, and of what stands in their place for counts; raised
whenever a value could change. A part of the identity of every fit and of every measurement of features."""


class SAETrainingError(ValueError):
    """A training that cannot start or resume: the message names the value and the remedy."""


@dataclass(frozen=True)
class SAESettings:
    """How a sparse autoencoder is trained.

    Attributes
    ----------
    features
        Size F of the dictionary.
    k
        Active features a row; for ``batchtopk`` on average over a batch.
    sparsity
        ``topk`` takes the k largest of each row (Gao et al. 2024, arXiv 2406.04093), ``batchtopk`` the ``k * rows``
        largest of a batch, with a threshold that stands in their place afterwards (Bussmann et al. 2024, arXiv
        2412.06410).
    widths
        Of Matryoshka levels, ascending and below ``features``: each prefix of the dictionary reconstructs by itself,
        too (Bussmann et al. 2025, arXiv 2503.17547). None where empty.
    steps, rows
        Optimiser steps, and rows in each.
    learning_rate
        Of Adam; where not given 2e-4 / sqrt(F / 2^14).
    warmup_share, decay_share
        Shares of the steps over which the rate rises from nothing, and falls to nothing at the end.
    aux_k
        Dead features that decode what a row missed, at most; where not given the smaller of 2 k and half the width.
    dead_share
        A feature that was active in no row of that share of the run is dead. Relative, because windows of ten million
        rows never pass in short runs.
    seed
        Of the first dictionary and every draw.
    threads
        Threads of the encoder's product and of the sparse loops. The loops give the same bits whatever it is, the
        product may not.
    save_every, report_every
        Steps between writes of the state, and between rows of the history.
    """

    features: int
    k: int
    sparsity: Sparsity = "topk"
    widths: tuple[int, ...] = ()
    steps: int = 2_000
    rows: int = 4_096
    learning_rate: float | None = None
    warmup_share: float = 0.05
    decay_share: float = 0.2
    aux_k: int | None = None
    dead_share: float = 0.02
    seed: int = 0
    threads: int = 1
    save_every: int = 200
    report_every: int = 50

    def __post_init__(self) -> None:
        """Refuse settings with which no run can end."""
        for name in ("features", "k", "steps", "rows", "threads", "save_every", "report_every"):
            if getattr(self, name) < 1:
                raise SAETrainingError(f"{name} is {getattr(self, name)!r}; it must be at least 1")
        if self.k > self.features:
            raise SAETrainingError(f"k is {self.k!r} of {self.features!r} features; it cannot be more than there are")
        if self.sparsity not in ("topk", "batchtopk"):
            raise SAETrainingError(f"sparsity is {self.sparsity!r}; use 'topk' or 'batchtopk'")
        if list(self.widths) != sorted({width for width in self.widths if 0 < width < self.features}):
            raise SAETrainingError(
                f"widths are {self.widths!r}; give ascending numbers of features, each below {self.features}"
            )
        if self.learning_rate is not None and not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise SAETrainingError(f"learning_rate is {self.learning_rate!r}; it must be above 0")
        for name in ("warmup_share", "decay_share", "dead_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SAETrainingError(f"{name} is {getattr(self, name)!r}; give a share of the steps, 0 to 1")
        if self.aux_k is not None and self.aux_k < 0:
            raise SAETrainingError(f"aux_k is {self.aux_k!r}; give 0 to leave dead features alone, or more")
        if self.seed < 0:
            raise SAETrainingError(f"seed is {self.seed!r}; it must be 0 or more")

    @property
    def dead_after(self) -> int:
        """Steps without an active row after which a feature is dead."""
        return max(1, round(self.dead_share * self.steps))

    @property
    def threshold_rate(self) -> float:
        """Weight of a batch in the moving average of the smallest active value: ten of them in a run."""
        return min(1.0, 10.0 / self.steps)

    @property
    def levels(self) -> tuple[int, ...]:
        """Widths of all levels, the whole dictionary last."""
        return (*self.widths, self.features)

    def aux_features(self, width: int) -> int:
        """Return how many dead features decode what a row of this width missed, at most."""
        return min(2 * self.k, width // 2) if self.aux_k is None else self.aux_k

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        peak = 2e-4 / math.sqrt(self.features / 2**14) if self.learning_rate is None else self.learning_rate
        warm, cool = self.warmup_share * self.steps, self.decay_share * self.steps
        rising = min(1.0, (step + 1) / warm) if warm else 1.0
        falling = min(1.0, (self.steps - step) / cool) if cool else 1.0
        return peak * rising * falling


def usual_size(width: int, features: int | None = None, k: int | None = None) -> tuple[int, int]:
    """Return size and active features of a dictionary of a width, as given or as usual.

    Usual are four times the width (arXiv 2603.02952 §training), and of these an eighth of the width, at most 32.
    """
    size = 4 * width if features is None else features
    return size, max(1, min(32, width // 8, size)) if k is None else k


@dataclass(frozen=True)
class DictionaryRecipe:
    """What of a dictionary is chosen; the rest is the recipe of :class:`SAESettings`.

    Attributes
    ----------
    layer
        Residual stream after so many blocks, 0 the embedding.
    features
        Size; four times the model's width where not given.
    k
        Active features a token; an eighth of the width, at most 32 and all there are, where not given.
    steps, rows
        Optimiser steps, and tokens in each.
    seed
        Of first weights, draws and the cells that are held out.
    """

    layer: int
    features: int | None = None
    k: int | None = None
    steps: int = 1_000
    rows: int = 2_048
    seed: int = 0

    def settings(self, width: int, threads: int = 1) -> SAESettings:
        """Return the settings of training for a model of this width."""
        features, k = usual_size(width, self.features, self.k)
        return SAESettings(
            features=features,
            k=k,
            steps=self.steps,
            rows=self.rows,
            seed=self.seed,
            threads=threads,
        )
