"""The headline tier: alpha-spending, which bounds the chance of any false discovery in the whole stream."""

from __future__ import annotations

from theodolite.gates.stream.gammas import checked_q, gamma

__all__ = ["spending_level"]


def spending_level(t: int, q: float, n_max: int) -> float:
    """Return the level ``q * gamma_t`` of test ``t`` (online Bonferroni), whatever was supported before it.

    The levels of a stream sum to q, so the family-wise error rate is at most q under any dependence. A p-value must be
    at most the level, an e-value at least its reciprocal.

    Raises
    ------
    StreamExhausted
        If ``t`` is beyond ``n_max``.
    ValueError
        If a number is out of its range.
    """
    return checked_q(q) * gamma(t, n_max)
