"""Whether two dictionaries hold the same features: vectors are matched one to one by their cosine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MATCHED", "Matching", "match_features"]

MATCHED = 0.7
"""Cosine from which on a feature of another dictionary is called the same (arXiv 2603.02952, cross-layer)."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Features of one dictionary beside those of another.

    Attributes
    ----------
    partner
        Shape (F,): for each feature of the first its partner in the second, -1 where that has fewer.
    cosine
        Shape (F,): of their decoder vectors; 0 without a partner.
    """

    partner: NDArray[np.int64]
    cosine: NDArray[np.float64]

    def share(self, least: float) -> float:
        """Return the share of the first dictionary's features whose partner has a cosine of at least ``least``."""
        return float((self.cosine >= least).mean())


def match_features(first: NDArray[np.float32], second: NDArray[np.float32]) -> Matching:
    """Match features of two dictionaries so that the sum of cosines is largest (Hungarian method).

    One to one: two features that share their best partner do not both have it, as they would by the largest cosine
    of each, which counts one feature of the other dictionary any number of times.

    Parameters
    ----------
    first, second
        Shapes (F, d) and (G, d): decoder vectors of unit norm.

    Raises
    ------
    ValueError
        If their widths differ.
    """
    from scipy.optimize import linear_sum_assignment

    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"dictionaries of shapes {first.shape} and {second.shape}; both need (features, width)")
    cosines = np.asarray(first @ second.T, dtype=np.float64)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    partner = np.full(len(first), -1, dtype=np.int64)
    cosine = np.zeros(len(first))
    partner[rows], cosine[rows] = columns, cosines[rows, columns]
    return Matching(partner, cosine)
