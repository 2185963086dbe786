"""Taking a feature out of a model, in delta form, and what stands beside it: directions of equal size.

A feature is taken out where it is active, by what it wrote there: ``h - dose * z * w``, w its decoder vector. What the
autoencoder does not reconstruct stays as it is (arXiv 2603.02952 §causal patching). A direction in place of w moves the
same tokens as far, so that what the feature does beyond it is a matter of where it points.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from theodolite.models.edits import Where
from theodolite.models.protocol import Batch
from theodolite.saes.autoencoder import SparseAutoencoder

__all__ = ["TakeOut", "random_directions"]

_EVERYWHERE = Where()


@dataclass(frozen=True, eq=False)
class TakeOut:
    """An edit of a residual stream: take a feature out, or move as far along another direction.

    Attributes
    ----------
    sae
        The autoencoder.
    feature
        Which of its features; the edit is the identity where it is not active.
    dose
        How much of it; 1 takes out what it wrote, a negative dose steers the other way.
    along
        Shape (d,), of unit norm: what the tokens move along in place of the feature's decoder vector.
    where
        Which tokens.
    """

    sae: SparseAutoencoder
    feature: int
    dose: float = 1.0
    along: NDArray[np.float32] | None = None
    where: Where = field(default=_EVERYWHERE)

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the stream [B, T, d] without the feature where the edit applies."""
        codes = self._values(value)
        direction = self.sae.decoder[self.feature] if self.along is None else self.along
        step = codes[..., None] * torch.from_numpy(np.array(direction)).to(value)
        return torch.where(self.where.mask(value, batch), value - self.dose * step, value)

    def silent(self, value: Tensor, batch: Batch) -> bool:
        """Return whether the feature is active on none of the tokens that would be edited."""
        return not bool((self._values(value)[..., None] * self.where.mask(value, batch)).any())

    def _values(self, value: Tensor) -> Tensor:
        """Return the feature's value at each token, [B, T]."""
        sae = self.sae
        encoder, bias = (torch.from_numpy(np.array(each)).to(value) for each in (sae.encoder, sae.encoder_bias))
        pre = (value - torch.from_numpy(np.array(sae.decoder_bias)).to(value)) @ encoder.T + bias
        own = pre[..., self.feature].clamp_min(0.0)
        if sae.threshold is not None:
            return own * (own > float(sae.threshold[self.feature]))
        assert sae.k is not None  # one of both chooses
        # Active are the k largest: a feature is one of them if fewer than k stand above it.
        return own * ((pre > pre[..., self.feature : self.feature + 1]).sum(dim=-1) < sae.k)


def random_directions(width: int, count: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors, shape (count, width), evenly over the sphere."""
    drawn = np.random.default_rng(seed).standard_normal((count, width))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)
