"""The weights of our streams in the form that the package online-fdr takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from online_fdr.core.abstract.abstract_gamma_seq import AbstractGammaSequence

from theodolite.gates.stream import gamma


class _Weights(AbstractGammaSequence):
    def __init__(self, n_max: int) -> None:
        super().__init__()
        self.n_max = n_max

    def calc_gamma(self, j: int, alpha: float = 1.0) -> float:
        return alpha * gamma(j, self.n_max)


@pytest.fixture
def package_weights() -> Callable[[int], AbstractGammaSequence]:
    return _Weights
