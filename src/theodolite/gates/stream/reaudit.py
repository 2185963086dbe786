"""The closing re-audit: online e-BH over the e-values of a finished stream.

It rejects all that e-LOND did and perhaps more, since later supports lower the bar of earlier tests. What it adds may
be promoted to a retrospective candidate, never silently to a support.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from theodolite.gates.stream.checks import checked_e
from theodolite.gates.stream.gammas import StreamExhausted, checked_q, gamma

__all__ = ["online_e_bh"]


def online_e_bh(e_values: Sequence[float], q: float, n_max: int) -> frozenset[int]:
    """Return the indices, from 1, that online e-BH rejects (Fischer, Xu and Ramdas 2024).

    With T tests, ``k`` is the largest number for which at least k tests have ``e_t >= 1 / (q * gamma_t * k)``; exactly
    those are rejected. The false-discovery rate is at most q under any dependence and at any stopping time.

    Parameters
    ----------
    e_values
        One e-value a test, in the order of the stream.
    q
        Target rate, between 0 and 1.
    n_max
        Tests that the stream was declared for.

    Raises
    ------
    StreamExhausted
        If there are more e-values than ``n_max``.
    ValueError
        If a number is out of its range.
    """
    checked_q(q)
    count = len(e_values)
    if count > n_max:
        raise StreamExhausted(f"{count} tests in a stream of {n_max}: start a new error budget")
    needed = {t: _rejections_needed(checked_e(e), q * gamma(t, n_max), count) for t, e in enumerate(e_values, start=1)}
    # The test with the k-th smallest need is rejected along with k - 1 others.
    k = max((rank for rank, need in enumerate(sorted(needed.values()), start=1) if need <= rank), default=0)
    return frozenset(t for t, need in needed.items() if need <= k)


def _rejections_needed(e: float, level: float, count: int) -> int:
    """Return the least k from 1 at which ``e >= 1 / (level * k)``, or ``count + 1`` if none is small enough."""
    return 1 + bisect_left(range(1, count + 1), True, key=lambda k: e >= 1.0 / (level * k))
