"""A sparse autoencoder as it is used: activations in, a few active features out, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.saes import kernels

__all__ = ["Codes", "SparseAutoencoder"]

Floats = NDArray[np.float32]
_ROWS = 1_024
"""Rows that are encoded at a time."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Active features of some rows.

    Attributes
    ----------
    start
        Shape (n + 1,): those of row i are at ``start[i]:start[i + 1]``.
    feature
        Shape (pairs,), int32, ascending within a row.
    value
        Shape (pairs,), float32, above 0, in units of the activations' norm: along a decoder vector of unit norm.
    features
        Size of the dictionary.
    """

    start: NDArray[np.int64]
    feature: NDArray[np.int32]
    value: Floats
    features: int

    def __len__(self) -> int:
        return len(self.start) - 1

    def dense(self) -> Floats:
        """Return a matrix (n, features) of the values, 0 where a feature is not active."""
        found = np.zeros((len(self), self.features), dtype=np.float32)
        found[np.repeat(np.arange(len(self)), np.diff(self.start)), self.feature] = self.value
        return found

    def active_rows(self) -> NDArray[np.int64]:
        """Return in how many rows each feature is active, shape (features,)."""
        return np.bincount(self.feature, minlength=self.features)


@dataclass(frozen=True, eq=False)
class SparseAutoencoder:
    """Weights of a sparse autoencoder, for activations as a model has them.

    A feature's value before the choice is ``(x - decoder_bias) @ encoder[f] + encoder_bias[f]``; x is approximated by
    ``decoder_bias`` plus the sum of the chosen values times ``decoder[f]``.

    Attributes
    ----------
    encoder, decoder
        Shape (F, d), float32; rows of the decoder have unit norm.
    encoder_bias, decoder_bias
        Shapes (F,) and (d,).
    k
        How many of the largest positive values of a row are chosen; None where a threshold chooses.
    threshold
        Shape (F,): values above it are chosen, none where it is infinite; None where ``k`` does.
    about
        What it was trained on and how, plain data.
    """

    encoder: Floats
    decoder: Floats
    encoder_bias: Floats
    decoder_bias: Floats
    k: int | None = None
    threshold: Floats | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse weights that do not fit together."""
        if self.encoder.ndim != 2 or self.encoder.shape != self.decoder.shape:
            raise ValueError(
                f"encoder {self.encoder.shape} and decoder {self.decoder.shape}; both are (features, width)"
            )
        features, width = self.encoder.shape
        if self.encoder_bias.shape != (features,) or self.decoder_bias.shape != (width,):
            raise ValueError(
                f"biases of shapes {self.encoder_bias.shape} and {self.decoder_bias.shape}; of {features} features and "
                f"a width of {width} they are ({features},) and ({width},)"
            )
        if (self.k is None) == (self.threshold is None):
            raise ValueError("either k or a threshold chooses features; give one of both")
        if self.k is not None and not 1 <= self.k <= features:
            raise ValueError(f"k is {self.k!r} of {features} features")
        if self.threshold is not None and self.threshold.shape != (features,):
            raise ValueError(f"threshold of shape {self.threshold.shape}; give one for each of {features} features")
        for name in ("encoder", "decoder", "encoder_bias", "decoder_bias"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds a number that is not finite")
        if self.threshold is not None and np.isnan(self.threshold).any():
            raise ValueError("threshold holds what is not a number")

    @property
    def features(self) -> int:
        """Size of the dictionary."""
        return len(self.encoder)

    @property
    def width(self) -> int:
        """Width of the activations."""
        return int(self.encoder.shape[1])

    def encode(self, rows: NDArray[np.floating[Any]]) -> Codes:
        """Return the active features of activations, shape (n, d).

        Raises
        ------
        ValueError
            If they have another width, or hold a number that is not finite.
        """
        rows = np.asarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"activations of shape {rows.shape}; this autoencoder reads (rows, {self.width})")
        if not np.isfinite(rows).all():
            raise ValueError("activations hold a number that is not finite")
        parts = [self._encoded(rows[low : low + _ROWS]) for low in range(0, len(rows), _ROWS)]
        counts = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, dtype=np.int32)
        return Codes(
            start=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            feature=np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, dtype=np.int32),
            value=np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, dtype=np.float32),
            features=self.features,
        )

    def _encoded(self, rows: Floats) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        pre: Floats = np.asarray((rows - self.decoder_bias) @ self.encoder.T + self.encoder_bias, dtype=np.float32)
        count = np.zeros(len(rows), dtype=np.int32)
        if self.threshold is not None:
            pre[pre <= self.threshold] = 0.0
            room = int((pre > 0).sum())
            feature, value = np.zeros(room, dtype=np.int32), np.zeros(room, dtype=np.float32)
            start = np.zeros(len(rows), dtype=np.int64)
            kernels.above(pre, 0.0, room, start, count, feature, value)
            return count, feature, value
        assert self.k is not None  # one of both chooses
        room = len(rows) * self.k
        feature, value = np.zeros(room, dtype=np.int32), np.zeros(room, dtype=np.float32)
        kernels.top_k_rows(pre, self.k, 0, len(rows), count, feature, value)
        held = (np.arange(self.k) < count[:, None]).ravel()
        return count, feature[held], value[held]

    def decode(self, codes: Codes) -> Floats:
        """Return what the features give, shape (n, d)."""
        from scipy.sparse import csr_array

        matrix = csr_array((codes.value, codes.feature, codes.start), shape=(len(codes), self.features))
        return np.asarray(matrix @ self.decoder + self.decoder_bias, dtype=np.float32)

    def reconstruct(self, rows: NDArray[np.floating[Any]]) -> Floats:
        """Return activations as their active features give them, shape (n, d)."""
        return self.decode(self.encode(rows))
