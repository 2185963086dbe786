"""Merging the evidence of several tests of one claim into one p-value or one e-value.

Which merge is allowed depends on how the tests depend on each other, and must be locked before any is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from math import fsum, prod
from typing import Final

from theodolite.gates.stream.checks import checked_e_values, checked_p_values

__all__ = ["largest_p", "mean_of_e", "merged_p_mean", "merged_p_min", "product_of_e", "smallest_e"]

_LARGEST: Final = Fraction(sys.float_info.max)


def mean_of_e(e_values: Sequence[float]) -> float:
    """Return the arithmetic mean: an e-value under any dependence (Vovk and Wang 2021).

    Layers, metrics or tests on the same genes are merged so. Raises ValueError if there is none, or one is negative or
    not finite.
    """
    values = checked_e_values(e_values)
    # Exact: the sum may be beyond the range of floats though the mean is not.
    return float(sum(map(Fraction, values)) / len(values))


def product_of_e(e_values: Sequence[float]) -> float:
    """Return the product: an e-value only if the tests are independent.

    Independent are disjoint families and different donors, or separately trained models. A product beyond the range of
    floats is returned as the largest float, which is smaller and so still an e-value. Raises ValueError if there is no
    e-value, or one is negative or not finite.
    """
    # Exact: a product of floats may overflow on its way to a moderate number.
    return float(min(prod(map(Fraction, checked_e_values(e_values)), start=Fraction(1)), _LARGEST))


def smallest_e(e_values: Sequence[float]) -> float:
    """Return the e-value of the conjunction "in all of them" (intersection-union), under any dependence.

    Raises ValueError if there is no e-value, or one is negative or not finite.
    """
    return min(checked_e_values(e_values))


def merged_p_mean(p_values: Sequence[float]) -> float:
    """Return twice the mean, at most 1: a p-value under any dependence (Vovk and Wang 2020).

    Raises ValueError if there is none, or one is outside [0, 1].
    """
    values = checked_p_values(p_values)
    return min(1.0, 2.0 * fsum(values) / len(values))


def merged_p_min(p_values: Sequence[float]) -> float:
    """Return the number of tests times the smallest, at most 1: a p-value under any dependence (Bonferroni).

    Raises ValueError if there is none, or one is outside [0, 1].
    """
    values = checked_p_values(p_values)
    return min(1.0, len(values) * min(values))


def largest_p(p_values: Sequence[float]) -> float:
    """Return the p-value of the conjunction "in all of them" (intersection-union), under any dependence.

    Raises ValueError if there is none, or one is outside [0, 1].
    """
    return max(checked_p_values(p_values))
