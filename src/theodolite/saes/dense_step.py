"""A training step by automatic differentiation, on whatever device torch has: the way on a GPU, and the oracle.

The same step as :class:`theodolite.saes.sparse_step.SparseStep`, with codes as dense matrices. On a processor it takes
several times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from theodolite.models.stepping import torch_threads
from theodolite.saes.settings import AUX_WEIGHT, SAESettings
from theodolite.saes.state import BETAS, StepReport, TrainingState

__all__ = ["DenseStep"]

_NAMES = ("encoder", "decoder", "encoder_bias", "decoder_bias")


class DenseStep:
    """Steps of a training by automatic differentiation; see the module.

    Parameters
    ----------
    settings
        The recipe.
    state
        What is trained; it is up to date within and after :meth:`running` once :meth:`write_back` was called.
    device
        Where, by torch's name for it.
    """

    def __init__(self, settings: SAESettings, state: TrainingState, device: str = "cpu") -> None:
        self.settings, self.state, self.device = settings, state, torch.device(device)
        self._weights = {name: self._there(getattr(state, name)) for name in _NAMES}
        for weight in self._weights.values():
            weight.requires_grad_()
        self._moments = {
            "encoder": self._there(state.moments[:2]),
            "decoder": self._there(state.moments[2:]),
            "encoder_bias": self._there(state.bias_moments),
            "decoder_bias": self._there(state.centre_moments),
        }

    def _there(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array.copy()).to(self.device)

    @contextmanager
    def running(self) -> Iterator[DenseStep]:
        """Hold the threads that the settings ask for, and bring the state up to date at the end."""
        with torch_threads(self.settings.threads):
            yield self
            self.write_back()

    def write_back(self) -> None:
        """Bring the state's weights and moments up to date."""
        for name, weight in self._weights.items():
            setattr(self.state, name, weight.detach().cpu().numpy().copy())
        moments = {name: moment.cpu().numpy() for name, moment in self._moments.items()}
        self.state.moments = np.concatenate([moments["encoder"], moments["decoder"]])
        self.state.bias_moments = moments["encoder_bias"].copy()
        self.state.centre_moments = moments["decoder_bias"].copy()

    def step(self, batch: NDArray[np.float32]) -> StepReport:
        """Make one step; see :meth:`theodolite.saes.sparse_step.SparseStep.step`."""
        settings, state = self.settings, self.state
        rows = torch.from_numpy(batch).to(self.device)
        encoder, decoder = self._weights["encoder"], self._weights["decoder"]
        pre = (rows - self._weights["decoder_bias"]) @ encoder.T + self._weights["encoder_bias"]
        codes = self._chosen(pre)
        given = self._weights["decoder_bias"].expand_as(rows)
        loss = torch.zeros((), device=self.device)
        first = 0
        for width in settings.levels:
            given = given + codes[:, first:width] @ decoder[first:width]
            loss = loss + (given - rows).square().sum(dim=1).mean() / len(settings.levels)
            first = width
        missed = (rows - given).detach()
        total = loss + AUX_WEIGHT * self._rescued(pre, missed)
        slopes = torch.autograd.grad(total, [self._weights[name] for name in _NAMES])
        with torch.no_grad():
            self._update(dict(zip(_NAMES, slopes, strict=True)))
            active = (codes > 0).any(dim=0).cpu().numpy()
            self._follow(codes)
        state.last_active[active] = state.step
        state.step += 1
        error = float(missed.double().square().sum())
        spread = float((rows - rows.mean(dim=0)).double().square().sum())
        return StepReport(
            loss=error / len(batch),
            missed=error / spread if spread else 0.0,
            active=float((codes > 0).sum()) / len(batch),
            dead=len(state.dead(settings)),
        )

    def _chosen(self, pre: Tensor) -> Tensor:
        positive, settings = pre.relu(), self.settings
        if settings.sparsity == "topk":
            best = positive.topk(settings.k, dim=1, sorted=False)
            return torch.zeros_like(pre).scatter(1, best.indices, best.values)
        flat = positive.flatten()
        found = flat.topk(settings.k * len(pre), sorted=False)
        return torch.zeros_like(flat).scatter(0, found.indices, found.values).view_as(pre)

    def _rescued(self, pre: Tensor, missed: Tensor) -> Tensor:
        dead = torch.from_numpy(self.state.dead(self.settings)).long().to(self.device)
        most = min(len(dead), self.settings.aux_features(missed.shape[1]))
        if not most:
            return torch.zeros((), device=self.device)
        best = pre[:, dead].relu().topk(most, dim=1, sorted=False)
        codes = torch.zeros(len(pre), len(dead), device=self.device).scatter(1, best.indices, best.values)
        return (codes @ self._weights["decoder"][dead] - missed).square().sum(dim=1).mean()

    def _update(self, slopes: dict[str, Tensor]) -> None:
        decoder = self._weights["decoder"]
        along = (slopes["decoder"] * decoder).sum(dim=1, keepdim=True)
        slopes["decoder"] = slopes["decoder"] - along * decoder
        rate, epsilon = self.state.corrected(self.settings)
        for name, slope in slopes.items():
            first, second = self._moments[name]
            first.lerp_(slope, 1 - BETAS[0])
            second.lerp_(slope.square(), 1 - BETAS[1])
            self._weights[name] -= rate * first / (second.sqrt() + epsilon)
        decoder /= decoder.norm(dim=1, keepdim=True)

    def _follow(self, codes: Tensor) -> None:
        if self.settings.sparsity == "topk" or not (codes > 0).any():
            return
        smallest, before = float(codes[codes > 0].min()), self.state.threshold
        rate = self.settings.threshold_rate
        self.state.threshold = (
            (1.0 - rate) * before + rate * smallest if before else smallest
        )  # fmt: skip
