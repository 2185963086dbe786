"""Two numbers of each feature, correlated with the firing rate held.

Whatever is counted per feature tends to follow how often it fires: the number of a feature's edges had a rank
correlation of 0.84 with its firing rate, and so would be correlated with anything else that follows it. A feature that
fires often has been seen often, so it lasts longer and has more annotations. Here the correlation that is left once
the firing rate is taken out of both stands beside the raw one, and its p is from features of like firing rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.nulls import quantile_strata
from theodolite.gates.adjust import midranks
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import Scheme, stratified_labels

__all__ = ["FiringControlled", "firing_controlled", "like_firing"]

Floats = NDArray[np.float64]

_FEATURES_A_CLASS = 20
"""Features in a class of firing rate: few, for what firing rates differ by within a class is not controlled."""
_LEAST = 10
"""Fewest features."""
_ROUNDING = 1e-18
"""Share of a sum of squares below which it is rounding."""
_CHUNK = 256
"""Draws that are held at a time."""


@dataclass(frozen=True)
class FiringControlled:
    """Rank correlation of two numbers of each feature.

    Attributes
    ----------
    raw
        Spearman correlation of the two.
    partial
        Spearman's partial correlation given the firing rate: that of the residuals of ranks after a straight line on
        the ranks of the rate; 0 where the rate leaves nothing of one of them. Ranks of the rate and of its logarithm
        are the same.
    with_rate
        Spearman correlation of the first and of the second with the firing rate.
    p
        Two-sided, (b + 1) / (B + 1): draws permute the first number among features of like firing rate, and take the
        rate out again.
    features, classes, draws
        Features, classes of firing rate among which they were permuted, and B.
    """

    raw: float
    partial: float
    with_rate: tuple[float, float]
    p: float
    features: int
    classes: int
    draws: int


def firing_controlled(
    first: ArrayLike, second: ArrayLike, firing_rate: ArrayLike, *, draws: int = 999, seed: int = 0
) -> FiringControlled:
    """Correlate two numbers of each feature, such as how long it persists and how many gene sets it has.

    Features of one dictionary share tokens and genes, and near copies of one feature are counted as several, so a
    small p says that the two numbers go together in this dictionary and says nothing of others.

    Parameters
    ----------
    first, second
        Shape (F,): the numbers. Of persistence, give one layer's, since no chain goes past the last layer.
    firing_rate
        Shape (F,): share of tokens in which each feature is active, above 0. Dead features have neither number.
    draws, seed
        Permutations, and their seed.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than ten features, a value is not finite, a rate is not between 0 and 1, a
        number is the same for all features, or there is no draw.
    """
    one, other, rate = (np.asarray(each, dtype=np.float64) for each in (first, second, firing_rate))
    if one.ndim != 1 or one.shape != other.shape or one.shape != rate.shape or len(one) < _LEAST or draws < 1:
        raise ValueError(
            f"numbers of shapes {one.shape} and {other.shape}, firing rates of {rate.shape}, {draws} draws; give one "
            f"of each for {_LEAST} features or more, and a draw"
        )
    if not (np.isfinite(one).all() and np.isfinite(other).all() and ((rate > 0.0) & (rate <= 1.0)).all()):
        raise ValueError(
            f"firing rates from {rate.min():g} to {rate.max():g}, and numbers that may not be finite; leave dead "
            "features and features without a number out of all three"
        )
    if np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        raise ValueError("a number is the same for all features, so it goes with nothing; choose another")
    a, b, of_rate = (_centred_ranks(each) for each in (one, other, rate))
    rest = _residuals(b[None], of_rate)
    partial = float(_correlations(_residuals(a[None], of_rate), rest)[0])
    scheme, root = like_firing(rate), derive_seed(seed, "firing")
    reached = 0
    for start in range(0, draws, _CHUNK):
        images = permutations(scheme, min(_CHUNK, draws - start), root, start)
        drawn = _correlations(_residuals(a[images], of_rate), rest)
        reached += exceedances(np.abs(drawn), abs(partial))
    return FiringControlled(
        raw=float(_correlations(a[None], b[None])[0]),
        partial=partial,
        with_rate=(float(_correlations(a[None], of_rate[None])[0]), float(_correlations(b[None], of_rate[None])[0])),
        p=monte_carlo_p(reached, draws),
        features=len(one),
        classes=len(scheme.count),
        draws=draws,
    )


def like_firing(rate: Floats) -> Scheme:
    """Return the scheme that permutes features of like firing rate, in quantile classes of some twenty.

    Parameters
    ----------
    rate
        Shape (F,): share of tokens in which each feature is active.
    """
    return stratified_labels(quantile_strata(rate, max(len(rate) // _FEATURES_A_CLASS, 1)))


def _centred_ranks(values: Floats) -> Floats:
    return midranks(values) - (len(values) + 1) / 2.0


def _residuals(rows: Floats, of: Floats) -> Floats:
    """Return centred rows (n, F) minus their fit by a straight line on centred ranks (F,)."""
    size = float(of @ of)
    rest = rows - np.outer(rows @ of / size, of) if size else np.array(rows)
    # What a perfect fit leaves is rounding, whose correlation would be anything.
    rest[np.square(rest).sum(axis=1) <= _ROUNDING * np.square(rows).sum(axis=1)] = 0.0
    return rest


def _correlations(rows: Floats, with_rows: Floats) -> Floats:
    """Return the correlation of each centred row (n, F) with the one row (1, F); 0 where either is 0 throughout."""
    square = np.square(rows).sum(axis=1) * float(np.square(with_rows).sum())
    return np.where(square == 0.0, 0.0, (rows @ with_rows[0]) / np.sqrt(np.where(square == 0.0, 1.0, square)))
