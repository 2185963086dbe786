"""The candidate tier: LORD++, more powerful and less protected than the verdict gate. It never makes a verdict.

LORD++ (Ramdas, Yang, Wainwright and Jordan 2017) controls the false-discovery rate of independent p-values only, so
what it rejects is displayed as a candidate beside the verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theodolite.gates.stream.checks import checked_e, checked_p
from theodolite.gates.stream.gammas import StreamExhausted, checked_q, gamma

__all__ = ["Candidate", "lord_plus_plus", "p_from_e"]


@dataclass(frozen=True)
class Candidate:
    """What LORD++ says of one test: its level, and whether p was at most that."""

    alpha: float
    rejected: bool


def p_from_e(e: float) -> float:
    """Return the p-value ``min(1, 1 / e)`` of an e-value (Markov's inequality).

    Raises
    ------
    ValueError
        If ``e`` is negative or not finite.
    """
    return 1.0 / max(1.0, checked_e(e))


def lord_plus_plus(p_values: Sequence[float], q: float, n_max: int) -> tuple[Candidate, ...]:
    """Return the LORD++ levels and decisions of a stream from its whole history of p-values.

    The level of test t is ``w0 * gamma_t``, plus ``(q - w0) * gamma_{t - tau}`` for the first rejection tau before it
    and ``q * gamma_{t - tau}`` for each further one, with ``w0 = q / 2``.

    Parameters
    ----------
    p_values
        One p-value a test, in the order of the stream; :func:`p_from_e` for a test that has an e-value only.
    q
        Target rate, between 0 and 1.
    n_max
        Tests that the stream was declared for.

    Raises
    ------
    StreamExhausted
        If there are more p-values than ``n_max``.
    ValueError
        If a number is out of its range.
    """
    checked_q(q)
    if len(p_values) > n_max:
        raise StreamExhausted(f"{len(p_values)} tests in a stream of {n_max}: start a new error budget")
    weights = np.array([gamma(t, n_max) for t in range(1, len(p_values) + 1)])
    initial = q / 2
    levels = initial * weights
    candidates: list[Candidate] = []
    reward = q - initial
    for t, p in enumerate(p_values, start=1):
        alpha = float(levels[t - 1])
        rejected = checked_p(p) <= alpha
        if rejected:
            levels[t:] += reward * weights[: len(weights) - t]
            reward = q
        candidates.append(Candidate(alpha, rejected))
    return tuple(candidates)
