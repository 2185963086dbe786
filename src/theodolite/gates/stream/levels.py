"""The levels of the verdict gate: r-LOND for p-values, e-LOND for e-values.

LOND (Javanmard and Montanari 2015) tests the t-th hypothesis at ``q * gamma_t * (R + 1)`` with R the distinct claim
keys supported before it. With e-values this level needs no assumption on dependence (e-LOND: Xu and Ramdas 2024); with
p-values it needs to be divided by the t-th harmonic number (r-LOND: the reshaping of Zrnic, Ramdas and Jordan 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theodolite.gates.stream.gammas import checked_q, gamma, harmonic
from theodolite.plans import LevelRule

__all__ = ["LEVEL_RULE_VERSION", "Level", "RuleName", "e_lond_level", "level_at", "level_rule", "settle_level"]

LEVEL_RULE_VERSION = "1"

RuleName = Literal["r-lond", "e-lond"]
"""The rules that a plan may lock."""


@dataclass(frozen=True)
class Level:
    """The level of one test.

    ``alpha`` is ``q * gamma * (R + 1) / harmonic`` under r-LOND, where p must be at most alpha, and
    ``q * gamma * (R + 1)`` under e-LOND, where e must be at least ``1 / alpha``.
    """

    gamma: float
    harmonic: float
    alpha: float


def _lond(t: int, supports_before: int, q: float, n_max: int) -> Level:
    checked_q(q)
    if not 0 <= supports_before < t:
        raise ValueError(f"{supports_before!r} supports before test {t!r}; there can be 0 to {t - 1}")
    weight = gamma(t, n_max)
    return Level(weight, harmonic(t), q * weight * (supports_before + 1))


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
    level = _lond(t, supports_before, q, n_max)
    return Level(level.gamma, level.harmonic, level.alpha / level.harmonic)


def e_lond_level(t: int, supports_before: int, q: float, n_max: int) -> Level:
    """Return the e-LOND level of test ``t`` (Xu and Ramdas 2024): a claim is supported if ``e >= 1 / alpha``.

    Parameters, errors and the index are those of :func:`settle_level`. The harmonic number does not enter alpha; it is
    the one with which :func:`grid_calibrated_e` puts a p-value into the same stream.

    Notes
    -----
    A support at t forces the final count R to be at least ``R_before + 1``, so the false-discovery rate is at most
    ``sum E[e_t * alpha_t / R] <= q * sum gamma_t * E[e_t] <= q`` over true nulls, whatever the dependence.
    """
    return _lond(t, supports_before, q, n_max)


def level_at(rule: RuleName, t: int, supports_before: int, q: float, n_max: int) -> Level:
    """Return the level of test ``t`` under the rule that its plan locked; errors as in :func:`settle_level`."""
    match rule:
        case "r-lond":
            return settle_level(t, supports_before, q, n_max)
        case "e-lond":
            return e_lond_level(t, supports_before, q, n_max)
        case _:
            raise ValueError(f"the level rule is {rule!r}; plans lock 'r-lond' or 'e-lond'")


def level_rule(
    stream: str, *, q: float, n_max: int, provisional_t: int, supports_before: int, rule: RuleName = "r-lond"
) -> LevelRule:
    """Return the rule that a plan locks, with its provisional level.

    ``provisional_t`` counts every earlier claim of the round as spent and ``supports_before`` stops at the start of the
    round, so the level at record is never smaller: levels fall with t and rise with R.
    """
    return LevelRule(
        stream=stream,
        rule=rule,
        q=q,
        n_max=n_max,
        provisional_t=provisional_t,
        provisional_alpha=level_at(rule, provisional_t, supports_before, q, n_max).alpha,
    )
