"""Statistics with a choice in them: the largest over places of one claim, chosen again inside every draw.

A claim about "any" layer, head or window has one reference and several scores. The best place is part of the statistic,
so each draw of the labels, which is the same in every place, chooses its own best. Ranks at different places have
different spreads under a null; each place is standardised by its own first-stage moments, which come from draws of
the same null beyond the last one that a test makes. Those are independent of the observed labels given what the draws
share (the group, or the hub of a star of chains), as the draws themselves are: observed and drawn are treated alike and
p keeps its law (max-T, Westfall and Young 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.contrasts import AnyContrast
from theodolite.plans import NullName

__all__ = ["Moments", "maximum_draws", "null_moments", "observed_places"]

Floats = NDArray[np.float64]

_FIRST_STAGE: Final = 1_000
_BEYOND: Final = 2**20
"""Number of the first draw of the first stage; no plan draws so far."""


@dataclass(frozen=True)
class Moments:
    """First-stage mean and standard deviation of the statistic at each place, shape (k,) each."""

    mean: Floats
    spread: Floats

    def standardise(self, statistics: Floats) -> Floats:
        """Return statistics (k, ...) in standard deviations; 0 at a place whose statistic no draw changes."""
        shape = (-1,) + (1,) * (statistics.ndim - 1)
        spread = self.spread.reshape(shape)
        still = spread == 0.0
        return np.asarray(np.where(still, 0.0, (statistics - self.mean.reshape(shape)) / np.where(still, 1.0, spread)))


def _require_one_design(contrasts: Sequence[AnyContrast]) -> None:
    if not contrasts:
        raise ValueError("a maximum needs a contrast or more")
    first = contrasts[0]
    for other in contrasts[1:]:
        if other.names != first.names or not np.array_equal(other.labels, first.labels):
            raise ValueError("the contrasts of a maximum must share reference and nulls; only scores may differ")


def null_moments(contrasts: Sequence[AnyContrast], null: NullName, seed: int) -> Moments:
    """Return the first-stage moments of each contrast under a null, from draws that no test with this seed makes.

    Raises
    ------
    ValueError
        If the contrasts differ in reference or nulls.
    """
    _require_one_design(contrasts)
    sums = np.stack([contrast.draw(null, _FIRST_STAGE, seed, _BEYOND) for contrast in contrasts])
    return Moments(sums.mean(axis=1), sums.std(axis=1))


def observed_places(contrasts: Sequence[AnyContrast], moments: Moments) -> Floats:
    """Return the standardised statistic of each contrast, labels as they are, shape (k,)."""
    return moments.standardise(np.array([contrast.observed() for contrast in contrasts]))


def maximum_draws(
    contrasts: Sequence[AnyContrast], null: NullName, draws: int, seed: int, moments: Moments, start: int = 0
) -> Floats:
    """Return the maximum of draws ``start`` to ``start + draws - 1`` of a null, shape (draws,).

    Parameters
    ----------
    contrasts
        One a place; they share reference and nulls, so draw k moves the labels alike in all of them.
    null, draws, seed, start
        As for one contrast.
    moments
        From :func:`null_moments` with the same null and seed.

    Raises
    ------
    ValueError
        If the contrasts differ in reference or nulls.
    """
    _require_one_design(contrasts)
    sums = np.stack([contrast.draw(null, draws, seed, start) for contrast in contrasts])
    return np.asarray(moments.standardise(sums).max(axis=0))
