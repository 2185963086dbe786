"""Raised scores: what a test needs that shows an effect not to be below a bound.

That an effect is above -s is shown by a test of the hypothesis that it is just -s. Under this hypothesis the scores of
the reference were drawn like all others, and then lowered by some c. Raise them by c, and the nulls of the panel
describe how labels fell onto scores: whatever p or e they give is one of the hypothesis (test inversion; Lehmann and
Romano 2005, section 3.5). One such test for either bound makes a test of equivalence, both at the full level
(Schuirmann 1987; Berger 1982).

*Which c.* In a pool of scores that knows of no labels, c wins ``0.5 + s`` of all comparisons: it is the (0.5 + s)
quantile q of the differences of two scores. The pool is not at hand, but under the hypothesis it is what the scores
become once the reference is raised by c: c is a fixed point, and the least one is taken.

*It is never too large.* (1) Let z be a pool, and the scores of the reference lowered by q(z) + d, d >= 0. (2) The share
of differences up to c in the scores raised by c grows with c, for no difference grows faster than c itself; at
``c = q(z) + d`` the raised scores are z, where it is 0.5 + s or more. (3) So the least c with that share is at most
q(z) + d, and the reference is raised to z or to less. (4) The lower the reference, the more draws of a null stand above
it, draw by draw: p is at least, and a bettor's wealth up to the threshold at most, what the labels have in z, where
both are valid. QED.

*Unequal spreads.* Where the reference varies less than the rest, a shift moves its AUROC further, and this c
overshoots. So the shift that lifts the AUROC of this very reference from 0.5 - s to 0.5 is reckoned too, and the
smaller of both is taken. By line 4 that costs power only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.kernels import differences_within

__all__ = ["both_raised", "raised", "shift", "turned"]

Floats = NDArray[np.float64]
OneContrast = TypeVar("OneContrast", bound=AnyContrast)

_PRECISION: Final = 1e-9
"""Of a shift, as a share of the range of the scores."""
_ROUNDING: Final = 1e-12
"""Of a difference of two scores, likewise. In a small pool a shift is one of the differences, and lowered scores give
it with an error in the last digits: lost to that, it would not be counted, and the next one taken, which is larger."""


def shift(others: Floats, reference: Floats, effect: float) -> float:
    """Return by how much to raise a reference whose AUROC, by hypothesis, is 0.5 less an effect.

    Parameters
    ----------
    others, reference
        Shapes (n,) and (m,): scores, in any order.
    effect
        AUROC - 0.5, between 0 and 0.5.

    Returns
    -------
    float
        0 or more, in the unit of the scores; 0 where ties leave no difference to go by.

    Raises
    ------
    ValueError
        If the effect is no distance between an AUROC and 0.5, or either has no scores.
    """
    if not 0.0 < effect < 0.5:
        raise ValueError(f"effect is {effect!r}; it must lie between 0 and 0.5, the range of AUROC - 0.5")
    if not len(others) or not len(reference):
        raise ValueError(f"{len(reference)} scores in the reference and {len(others)} beside it; need both")
    others, reference = np.sort(others), np.sort(reference)
    width = max(others[-1], reference[-1]) - min(others[0], reference[0])
    everyone = (len(others) + len(reference)) ** 2
    rounding = _ROUNDING * width
    beaten = differences_within(reference, others, rounding)

    def in_pool(by: float) -> int:
        by += rounding
        alike = differences_within(others, others, by) + differences_within(reference, reference, by)
        return alike + beaten + differences_within(others, reference, 2.0 * by)

    def own(by: float) -> int:
        return differences_within(others, reference, by)

    pairs = len(others) * len(reference)
    pool = _least(in_pool, (0.5 + effect) * everyone, 0.0, width)
    level, low = (_least(own, share * pairs, -width, width) for share in (0.5, 0.5 - effect))
    return max(0.0, min(pool, level - low))


def _least(count: Callable[[float], int], wanted: float, low: float, high: float) -> float:
    """Return the least argument at which a growing count reaches a number, or a little less; else the largest."""
    from scipy.optimize import brentq

    below = wanted - 0.25
    if count(low) >= below or count(high) < below:
        return low if count(low) >= below else high
    # A count below the number is taken for half a step less, so that there is no root on a step.
    precision = _PRECISION * (high - low)
    return float(brentq(lambda by: count(by) - below, low, high, xtol=precision)) - 2.0 * precision


def turned(contrast: OneContrast) -> OneContrast:
    """Return the contrast with its scores turned round: what stood low stands high."""
    return contrast.replaced(-contrast.score)


def raised(contrast: OneContrast, effect: float) -> OneContrast:
    """Return the contrast as it is if its effect is -``effect``, and the scores of its reference are raised by that.

    Parameters
    ----------
    contrast
        Of adjusted scores.
    effect
        AUROC - 0.5, between 0 and 0.5.

    Raises
    ------
    ValueError
        If the effect is no distance between an AUROC and 0.5.
    """
    once = contrast.once
    by = shift(contrast.score[once & ~contrast.labels], contrast.score[once & contrast.labels], effect)
    return contrast.replaced(contrast.score + by * contrast.labels)


def both_raised(contrast: OneContrast, effect: float) -> tuple[OneContrast, OneContrast]:
    """Return what a test against an effect of -``effect`` is made on, and one against ``effect``; both are upwards.

    An effect lies between the two if the reference stands out in both. Parameters as for :func:`raised`.
    """
    return raised(contrast, effect), raised(turned(contrast), effect)
