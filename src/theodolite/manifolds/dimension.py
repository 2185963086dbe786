"""Intrinsic dimension of anchors with an interval over donors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from theodolite.manifolds.two_nn import IntrinsicDimension, two_nn

__all__ = ["LEAST_DONORS", "DonorDimension", "donor_dimension"]

LEAST_DONORS: Final = 6
"""Of fewer donors nothing that is said holds of donors."""


@dataclass(frozen=True)
class DonorDimension:
    """Estimate of TwoNN, and what it owes to single donors.

    Attributes
    ----------
    whole
        Estimate from all rows, with the interval as if ratios of distances were independent.
    low, high
        95 % interval from estimates without one donor each. It is symmetric in the logarithm.
    donors
        How many.
    """

    whole: IntrinsicDimension
    low: float
    high: float
    donors: int


def donor_dimension(rows: ArrayLike, donors: Sequence[str], *, discard: float = 0.1) -> DonorDimension:
    """Estimate the intrinsic dimension, and its interval by the jackknife over donors.

    Drawing donors with replacement would repeat rows, whose nearest neighbour is then their copy; leaving donors out
    repeats none. The variance of the jackknife is too large rather than too small on average (Efron and Stein 1981).

    Parameters
    ----------
    rows
        Shape (n, width).
    donors
        Donor of each row.
    discard
        Share of the largest ratios of distances that is censored, as in
        :func:`theodolite.manifolds.two_nn.two_nn`.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer donors than an interval over donors needs, or too few rows.
    """
    from scipy.stats import t

    array = np.asarray(rows, dtype=np.float64)
    names = np.asarray(donors, dtype=str)
    if names.shape != array.shape[:1]:
        raise ValueError(f"{len(names)} donors for rows of shape {array.shape}; name the donor of each row")
    known = np.unique(names)
    count = len(known)
    if count < LEAST_DONORS:
        raise ValueError(f"{count} donors are too few for an interval over donors; give {LEAST_DONORS} or more")
    whole = two_nn(array, discard=discard)
    without = np.log([two_nn(array[names != name], discard=discard).dimension for name in known])
    error = float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    reach = float(t.ppf(0.975, count - 1)) * error
    return DonorDimension(
        whole=whole,
        low=whole.dimension * float(np.exp(-reach)),
        high=whole.dimension * float(np.exp(reach)),
        donors=count,
    )
