"""Economy mode: several supports from one hold-out block, paid for by the number of histories of its bits.

The claims of a block may depend on the bits (supported or not) that earlier tests on it returned. For every history
that could have led to a test there is one fixed claim with a valid e-value; dividing the e-value by a multiplier whose
reciprocals sum to at most 1 over all histories keeps the mean at most 1, whichever history comes about (a union bound
over description lengths, as in Dwork et al. 2015).
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

from theodolite.gates.stream.checks import checked_e

__all__ = ["economy_e", "history_multiplier"]


def history_multiplier(tests_on_block: int, supports_returned: int, cap: int | None = None) -> int:
    """Return by how much the e-value that a test needs grows with the history of its block.

    It is ``(cap + 1) * C(n - 1, r)`` with a cap and ``2 ** (r + 1) * C(n - 1, r)`` without, so that the first support
    is not free either. The binomial coefficient alone would let the mean of e reach ``cap + 1``.

    Parameters
    ----------
    tests_on_block
        n: tests on the block so far, this one included.
    supports_returned
        r: supports that the n - 1 earlier ones returned.
    cap
        Supports after which the block is retired, locked beforehand; None if there is no limit.

    Raises
    ------
    ValueError
        If n is below 1, r is not between 0 and n - 1, or r exceeds the cap.
    """
    if tests_on_block < 1:
        raise ValueError(f"tests_on_block is {tests_on_block!r}; it counts this test, so it is at least 1")
    if not 0 <= supports_returned < tests_on_block:
        raise ValueError(
            f"supports_returned is {supports_returned!r}; the {tests_on_block - 1} earlier tests return 0 to "
            f"{tests_on_block - 1}"
        )
    if cap is not None and not supports_returned <= cap:
        raise ValueError(f"{supports_returned!r} supports on a block capped at {cap!r}: it is retired, use another")
    histories = comb(tests_on_block - 1, supports_returned)
    return histories * (2 ** (supports_returned + 1) if cap is None else cap + 1)


def economy_e(e: float, multiplier: int) -> float:
    """Return the e-value that counts in the stream, ``e / multiplier``, 0 where that is below the least float.

    Raises
    ------
    ValueError
        If ``e`` is negative or not finite, or the multiplier is below 1.
    """
    if multiplier < 1:
        raise ValueError(f"the multiplier is {multiplier!r}; take it from history_multiplier, it is at least 1")
    # A multiplier may be beyond the range of floats.
    return float(Fraction(checked_e(e)) / multiplier)
