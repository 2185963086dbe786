"""The grid calibrator: a p-value as the e-value that e-LOND judges exactly as r-LOND judges the p-value.

It is the online analogue of the link between the procedures of Benjamini-Yekutieli and e-BH, and lets tools that give p
and tools that give e share one stream with one guarantee.
"""

from __future__ import annotations

from bisect import bisect_left

from theodolite.gates.stream.checks import checked_p
from theodolite.gates.stream.levels import e_lond_level, settle_level

__all__ = ["grid_calibrated_e"]


def grid_calibrated_e(p: float, t: int, q: float, n_max: int) -> float:
    """Return the e-value of a super-uniform p-value at index ``t`` of a stream.

    It is ``1 / (q * gamma_t * k)`` with k the least whole number at which ``p <= q * gamma_t * k / H_t``, and 0 if k
    exceeds t. Its mean under a true null is at most ``sum over k <= t of (q * gamma_t / H_t) / (q * gamma_t * k) = 1``.
    For every count R below t, ``e >= 1 / alpha`` of :func:`e_lond_level` exactly if ``p <= alpha`` of
    :func:`settle_level`.

    Parameters
    ----------
    p
        P-value in [0, 1].
    t, q, n_max
        Index in the stream, target rate and declared length, as in :func:`settle_level`; fixed before the test.

    Raises
    ------
    StreamExhausted
        If ``t`` is beyond ``n_max``.
    ValueError
        If a number is out of its range.
    """
    if checked_p(p) > settle_level(t, t - 1, q, n_max).alpha:
        return 0.0
    # k is found by comparing with the very levels that r-LOND uses: a quotient rounded up would miss p-values that lie
    # on a level, and those are common among Monte-Carlo p-values.
    supports = bisect_left(range(t), True, key=lambda r: p <= settle_level(t, r, q, n_max).alpha)
    return 1.0 / e_lond_level(t, supports, q, n_max).alpha
