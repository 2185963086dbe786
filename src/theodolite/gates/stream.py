"""The error stream: levels of r-LOND over a declared number of tests.

r-LOND (LOND, Javanmard and Montanari 2015, reshaped for arbitrary dependence by Zrnic, Ramdas and Jordan 2021) tests
the t-th hypothesis at ``q * gamma_t * (R + 1) / H_t`` with R the distinct claim keys supported before it and H_t the
t-th harmonic number. The gammas (Javanmard and Montanari 2018, eq. 31) are divided by their partial sum to ``n_max``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, fsum, log, sqrt

from theodolite.plans import LevelRule

__all__ = [
    "LEVEL_RULE_VERSION",
    "Level",
    "StreamExhausted",
    "default_n_max",
    "gamma",
    "harmonic",
    "level_rule",
    "settle_level",
]

LEVEL_RULE_VERSION = "1"
LARGEST_N_MAX = 10_000


class StreamExhausted(ValueError):
    """The stream has no level left: it was declared for fewer tests."""


@dataclass(frozen=True)
class Level:
    """The level of one test: ``alpha = q * gamma * (R + 1) / harmonic``."""

    gamma: float
    harmonic: float
    alpha: float


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


def settle_level(t: int, supports_before: int, q: float, n_max: int) -> Level:
    """Return the r-LOND level of test ``t``.

    Parameters
    ----------
    t
        Index in the stream, from 1.
    supports_before
        R: distinct claim keys supported before it, at most t - 1.
    q
        Target false-discovery rate, between 0 and 1.
    n_max
        Tests that the stream was declared for.

    Raises
    ------
    StreamExhausted
        If ``t`` is beyond ``n_max``.
    ValueError
        If a number is out of its range.
    """
    if not 0.0 < q < 1.0:
        raise ValueError(f"q is {q!r}; a false-discovery rate lies between 0 and 1")
    if not 0 <= supports_before < t:
        raise ValueError(f"{supports_before!r} supports before test {t!r}; there can be 0 to {t - 1}")
    weight, h = gamma(t, n_max), harmonic(t)
    return Level(weight, h, q * weight * (supports_before + 1) / h)


def level_rule(stream: str, *, q: float, n_max: int, provisional_t: int, supports_before: int) -> LevelRule:
    """Return the rule that a plan locks, with its provisional level.

    ``provisional_t`` counts every earlier claim of the round as spent and ``supports_before`` stops at the start of the
    round, so the level at record is never smaller: levels fall with t and rise with R.
    """
    alpha = settle_level(provisional_t, supports_before, q, n_max).alpha
    return LevelRule(
        stream=stream, rule="r-lond", q=q, n_max=n_max, provisional_t=provisional_t, provisional_alpha=alpha
    )


def default_n_max(experiment_budget: int) -> int:
    """Return the length of a stream for a budget of experiments: ten times it, at most 10,000."""
    return min(LARGEST_N_MAX, 10 * experiment_budget)
