"""A training step on a processor: one dense product, then loops over the active features only.

The gradient of a row's squared error touches the features that were active in it, k of F. So what is dense is the
encoder's product alone; decoding, gradients and Adam go over pairs of a row and a feature
(:mod:`theodolite.saes.kernels`). The result is that of automatic differentiation
(:class:`theodolite.saes.dense_step.DenseStep`) to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.models.stepping import torch_threads
from theodolite.saes import kernels
from theodolite.saes.settings import AUX_WEIGHT, SAESettings
from theodolite.saes.state import BETAS, StepReport, TrainingState

__all__ = ["SparseStep", "chunks"]

Floats = NDArray[np.float32]
_CHUNKS = 16
"""Parts that rows and features are divided into, whatever the number of threads."""


def chunks(total: int) -> list[tuple[int, int]]:
    """Return bounds of the parts that rows or features are divided into."""
    bounds = np.linspace(0, total, _CHUNKS + 1).astype(int).tolist()
    return [(low, high) for low, high in zip(bounds[:-1], bounds[1:], strict=True) if low < high]


@dataclass(eq=False)
class _Pairs:
    """Active features of a batch: codes by row, their order by feature, and room for their gradients."""

    start: NDArray[np.int64]
    count: NDArray[np.int32]
    feature: NDArray[np.int32]
    value: Floats
    slope: Floats
    bounds: NDArray[np.int64]
    rows: NDArray[np.int32]
    pairs: NDArray[np.int64]
    gradient: Floats

    @classmethod
    def room(cls, rows: int, a_row: int, features: int, levels: int, width: int) -> _Pairs:
        room = rows * a_row
        return cls(
            start=np.arange(rows, dtype=np.int64) * a_row,
            count=np.zeros(rows, dtype=np.int32),
            feature=np.zeros(room, dtype=np.int32),
            value=np.zeros(room, dtype=np.float32),
            slope=np.zeros(room, dtype=np.float32),
            bounds=np.zeros(features + 1, dtype=np.int64),
            rows=np.zeros(room, dtype=np.int32),
            pairs=np.zeros(room, dtype=np.int64),
            gradient=np.zeros((levels, rows, width), dtype=np.float32),
        )

    def ordered(self) -> None:
        kernels.by_feature(self.start, self.count, self.feature, self.bounds, self.rows, self.pairs)


class SparseStep:
    """Steps of a training, with their buffers; see the module.

    Parameters
    ----------
    settings
        The recipe.
    state
        What is changed, in place.
    """

    def __init__(self, settings: SAESettings, state: TrainingState) -> None:
        features, width = state.decoder.shape
        self.settings, self.state = settings, state
        self._pre = torch.empty((settings.rows, features))
        self._centred = np.empty((settings.rows, width), dtype=np.float32)
        levels = len(settings.levels)
        self._main = _Pairs.room(settings.rows, settings.k, features, levels, width)
        self._aux = _Pairs.room(settings.rows, settings.aux_features(width), features, 1, width)
        self._level = np.searchsorted(settings.levels, np.arange(features), side="right").astype(np.int32)
        self._only = np.zeros(features, dtype=np.int32)
        self._error = np.empty(settings.rows, dtype=np.float64)
        self._of_bias = np.empty((_CHUNKS, width), dtype=np.float32)
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def running(self) -> Iterator[SparseStep]:
        """Hold the threads that the settings ask for, of the product and of the loops."""
        with torch_threads(self.settings.threads), ThreadPoolExecutor(self.settings.threads) as pool:
            self._pool = pool
            try:
                yield self
            finally:
                self._pool = None

    def step(self, batch: Floats) -> StepReport:
        """Make one step.

        Parameters
        ----------
        batch
            Shape (rows, d): centred, of unit mean square.

        Returns
        -------
        StepReport
            Of the batch, with the weights before the step.
        """
        settings, state = self.settings, self.state
        rows = settings.rows
        np.subtract(batch, state.decoder_bias, out=self._centred)
        with torch.inference_mode():
            torch.addmm(
                torch.from_numpy(state.encoder_bias), torch.from_numpy(self._centred),
                torch.from_numpy(state.encoder).T, out=self._pre,
            )  # fmt: skip
        pre, main, aux = self._pre.numpy(), self._main, self._aux
        self._choose(pre)
        main.ordered()
        active = np.diff(main.bounds)
        weight = 1.0 / (rows * len(settings.levels))
        self._over(rows, lambda low, high: kernels.decode_rows(
            batch, state.decoder_bias, weight, main.start, main.count, main.feature, main.value, state.decoder,
            self._level, low, high, main.gradient, main.slope, self._error,
        ))  # fmt: skip
        self._rescue(pre)
        rate, epsilon = state.corrected(settings)
        betas = np.array(BETAS, dtype=np.float32)
        self._of_bias[:] = 0.0
        bounds = chunks(settings.features)

        def update(low: int, high: int) -> None:
            kernels.update_features(
                low, high, self._level, main.bounds, main.rows, main.pairs, main.value, main.slope, main.gradient,
                aux.bounds, aux.rows, aux.pairs, aux.value, aux.slope, aux.gradient[0],
                self._centred, state.encoder, state.decoder, state.encoder_bias, state.moments, state.bias_moments,
                rate, epsilon, betas, self._of_bias[bounds.index((low, high))],
            )  # fmt: skip

        self._over(settings.features, update)
        self._move_centre(rate, epsilon)
        state.last_active[active > 0] = state.step
        state.step += 1
        spread = float(np.square(batch - batch.mean(axis=0)).sum(dtype=np.float64))
        return StepReport(
            loss=float(self._error.mean()),
            missed=float(self._error.sum() / spread) if spread else 0.0,
            active=float(active.sum() / rows),
            dead=len(state.dead(settings)),
        )

    def _over(self, total: int, work: Callable[[int, int], None]) -> None:
        if self._pool is None:
            raise RuntimeError("steps are made within `running`, which holds their threads")
        for done in [self._pool.submit(work, low, high) for low, high in chunks(total)]:
            done.result()

    def _choose(self, pre: Floats) -> None:
        main, settings, state = self._main, self.settings, self.state
        if settings.sparsity == "topk":
            self._over(settings.rows, lambda low, high: kernels.top_k_rows(
                pre, settings.k, low, high, main.count, main.feature, main.value
            ))  # fmt: skip
            return
        most = settings.rows * settings.k
        least = kernels.kth_largest(pre, most)
        found = kernels.above(pre, least, most, main.start, main.count, main.feature, main.value)
        if found:
            smallest, rate = float(main.value[:found].min()), settings.threshold_rate
            first = not state.threshold
            state.threshold = smallest if first else (
                (1.0 - rate) * state.threshold + rate * smallest
            )  # fmt: skip

    def _rescue(self, pre: Floats) -> None:
        """Let the dead features that come nearest to a row decode what it missed (AuxK)."""
        aux, main, state = self._aux, self._main, self.state
        dead = state.dead(self.settings)
        most = min(len(dead), self.settings.aux_features(state.decoder.shape[1]))
        if not most:
            aux.bounds[:] = 0
            return
        aux.start[:] = np.arange(len(aux.start)) * most
        aux.feature[:] = 0
        of_dead = np.ascontiguousarray(pre[:, dead])
        self._over(len(of_dead), lambda low, high: kernels.top_k_rows(
            of_dead, most, low, high, aux.count, aux.feature, aux.value
        ))  # fmt: skip
        aux.feature[: most * len(of_dead)] = dead[aux.feature[: most * len(of_dead)]]
        # What was missed is the gradient of the last level, unscaled and with its sign turned.
        rows, levels = self.settings.rows, len(self.settings.levels)
        missed = main.gradient[-1] * np.float32(-0.5 * rows * levels)
        nothing = np.zeros(missed.shape[1], dtype=np.float32)
        unused = np.empty(rows, dtype=np.float64)
        self._over(rows, lambda low, high: kernels.decode_rows(
            missed, nothing, AUX_WEIGHT / rows, aux.start, aux.count, aux.feature, aux.value, state.decoder,
            self._only, low, high, aux.gradient, aux.slope, unused,
        ))  # fmt: skip
        aux.ordered()

    def _move_centre(self, rate: float, epsilon: float) -> None:
        state = self.state
        slope = self._main.gradient[0].sum(axis=0) + self._of_bias.sum(axis=0)
        first, second = state.centre_moments
        first += np.float32(1 - BETAS[0]) * (slope - first)
        second += np.float32(1 - BETAS[1]) * (np.square(slope) - second)
        state.decoder_bias -= np.float32(rate) * first / (np.sqrt(second) + np.float32(epsilon))
