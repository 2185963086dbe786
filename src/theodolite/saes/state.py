"""What training changes: weights, moments of Adam, when each feature was last active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.saes.settings import SAESettings

__all__ = ["BETAS", "EPSILON", "StepReport", "TrainingState"]

Floats = NDArray[np.float32]

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class StepReport:
    """What a step says.

    Attributes
    ----------
    loss
        Squared error of a row, on average over the batch before the step.
    missed
        Share of the batch's variance that was missed; one less it is the explained variance.
    active
        Active features of a row, on average.
    dead
        Features that are dead after the step.
    """

    loss: float
    missed: float
    active: float
    dead: int


@dataclass(eq=False)
class TrainingState:
    """Weights of a sparse autoencoder of rows that are centred and of unit mean square, while it is trained.

    Attributes
    ----------
    encoder, decoder
        Shape (F, d): a feature reads along a row of the one and writes along the same row of the other, of unit norm.
    encoder_bias, decoder_bias
        Shapes (F,) and (d,).
    moments, bias_moments, centre_moments
        Of Adam, first and second: shapes (4, F, d) of encoder and decoder, (2, F) and (2, d).
    last_active
        Shape (F,): the step in which a feature was active last, -1 before the first.
    threshold
        The smallest value that was active, on a moving average over batches; 0 for ``topk``.
    step
        Steps that were made.
    """

    encoder: Floats
    decoder: Floats
    encoder_bias: Floats
    decoder_bias: Floats
    moments: Floats
    bias_moments: Floats
    centre_moments: Floats
    last_active: NDArray[np.int64]
    threshold: float = 0.0
    step: int = 0

    @classmethod
    def begin(cls, settings: SAESettings, width: int) -> TrainingState:
        """Return the state before the first step: random unit vectors, read along as they are written (tied)."""
        draw = np.random.default_rng(np.random.SeedSequence([settings.seed, 1]))
        vectors = draw.standard_normal((settings.features, width), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        features = settings.features
        return cls(
            encoder=vectors.copy(),
            decoder=vectors,
            encoder_bias=np.zeros(features, dtype=np.float32),
            decoder_bias=np.zeros(width, dtype=np.float32),
            moments=np.zeros((4, features, width), dtype=np.float32),
            bias_moments=np.zeros((2, features), dtype=np.float32),
            centre_moments=np.zeros((2, width), dtype=np.float32),
            last_active=np.full(features, -1, dtype=np.int64),
        )

    def dead(self, settings: SAESettings) -> NDArray[np.int32]:
        """Return the features that were active in no row of the window, ascending."""
        return np.flatnonzero(self.step - 1 - self.last_active >= settings.dead_after).astype(np.int32)

    def corrected(self, settings: SAESettings) -> tuple[float, float]:
        """Return rate and epsilon of Adam for the next step, with both moments corrected for their start.

        As Kingma and Ba (2015), section 2, have it: ``rate * sqrt(1 - b2^t) / (1 - b1^t)`` and
        ``epsilon * sqrt(1 - b2^t)``.
        """
        number = self.step + 1
        second = float(np.sqrt(1.0 - BETAS[1] ** number))
        return settings.rate(self.step) * second / (1.0 - BETAS[0] ** number), EPSILON * second
