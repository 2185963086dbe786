"""The weights of the error stream, which sum to one over a declared number of tests.

The gammas (Javanmard and Montanari 2018, eq. 31) are divided by their partial sum to ``n_max``, so that a finite stream
wastes none of its budget.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, fsum, log, sqrt

__all__ = ["LARGEST_N_MAX", "StreamExhausted", "checked_q", "default_n_max", "gamma", "harmonic"]

LARGEST_N_MAX = 10_000


class StreamExhausted(ValueError):
    """The stream has no level left: it was declared for fewer tests."""

    # Exit codes are looked up by full name, and the public name is that of the package.
    __module__ = "theodolite.gates.stream"


def _raw_gamma(index: int) -> float:
    return 0.0722 * log(max(index, 2)) / (index * exp(sqrt(log(index))))


@lru_cache(maxsize=64)
def _partial_sum(n_max: int) -> float:
    return fsum(_raw_gamma(index) for index in range(1, n_max + 1))


def gamma(t: int, n_max: int) -> float:
    """Return the t-th weight (t from 1) of a sequence that decreases and sums to 1 over ``n_max``.

    Raises
    ------
    StreamExhausted
        If ``t`` is beyond ``n_max``.
    ValueError
        If ``t`` is below 1 or ``n_max`` is not between 1 and 10,000.
    """
    if not 1 <= n_max <= LARGEST_N_MAX:
        raise ValueError(f"n_max is {n_max!r}; a stream is declared for 1 to {LARGEST_N_MAX} tests")
    if t < 1:
        raise ValueError(f"t is {t!r}; tests of a stream are counted from 1")
    if t > n_max:
        raise StreamExhausted(f"test {t} of a stream of {n_max}: start a new error budget with a larger n_max")
    return _raw_gamma(t) / _partial_sum(n_max)


@lru_cache(maxsize=LARGEST_N_MAX)
def harmonic(t: int) -> float:
    """Return ``1 + 1/2 + ... + 1/t``."""
    return fsum(1.0 / index for index in range(1, t + 1))


def default_n_max(experiment_budget: int) -> int:
    """Return the length of a stream for a budget of experiments: ten times it, at most 10,000."""
    return min(LARGEST_N_MAX, 10 * experiment_budget)


def checked_q(q: float) -> float:
    """Return ``q`` if it is an error rate between 0 and 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not 0.0 < q < 1.0:
        raise ValueError(f"q is {q!r}; a false-discovery rate lies between 0 and 1")
    return q
