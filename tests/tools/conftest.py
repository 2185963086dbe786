"""A workbench with every number in the test's hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from theodolite.models.components import Component
from theodolite.tools import Axes, ModelShape, fit_axes

N_LAYERS, N_HEADS, WIDTH = 2, 3, 9


@dataclass(frozen=True)
class HandBench:
    """Implements :class:`theodolite.tools.Workbench` from plain arrays; axes are those it is given."""

    genes: tuple[str, ...]
    families: tuple[str, ...]
    covariate_names: tuple[str, ...]
    covariates: Any
    states: Any
    probabilities: Any
    fitted: tuple[Axes, ...]
    shape: ModelShape = ModelShape(N_LAYERS, N_HEADS)
    regulators: tuple[str, ...] = ()
    changes: Any = None
    values: Any = None

    def hidden(self, layer: int) -> Any:
        return self.states[layer]

    def axes(self, layer: int) -> Axes:
        return self.fitted[layer]

    def features(self, layer: int) -> Any:
        return self.values[layer]

    def attention(self, layer: int, head: int | None) -> Any:
        maps = self.probabilities[layer - 1]
        return maps.mean(axis=0) if head is None else maps[head - 1]

    def ablated(self, component: Component, how: str) -> Any:
        return self.changes[component, how]

    def with_axes_of(self, other: HandBench, n_axes: int = 6) -> HandBench:
        return replace(self, fitted=tuple(fit_axes(states, n_axes) for states in other.states))


@pytest.fixture
def make_bench() -> Callable[..., HandBench]:
    """Return a maker of workbenches with random states and attention, whose axes are fitted on its own genes."""

    def make(n: int = 40, seed: int = 0) -> HandBench:
        rng = np.random.default_rng(seed)
        attention = rng.gamma(0.5, 1.0, (N_LAYERS, N_HEADS, n, n)) + 1e-6
        bench = HandBench(
            genes=tuple(f"G{seed}-{index}" for index in range(n)),
            families=tuple(f"F{seed}-{index // 2}" for index in range(n)),
            covariate_names=("mean_expression",),
            covariates=rng.gamma(2.0, 1.0, (n, 1)),
            states=rng.standard_normal((N_LAYERS + 1, n, WIDTH)) * np.linspace(3.0, 1.0, WIDTH),
            probabilities=attention / attention.sum(axis=-1, keepdims=True),
            fitted=(),
        )
        return bench.with_axes_of(bench)

    return make
