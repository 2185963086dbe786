"""Profiles across depth: where a number is largest, how it changes from first to last layer, and its trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.exact import ExactSpearman, spearman_exact

__all__ = ["DepthTrend", "Direction", "depth_trend", "directions"]

Floats = NDArray[np.float64]

Direction = Literal["above", "none", "below"]


@dataclass(frozen=True, eq=False)
class DepthTrend:
    """A number by layer.

    Attributes
    ----------
    values
        Shape (layers,).
    mean
        Mean over layers.
    first, last, fold
        First and last value, and first / last; NaN where the last is 0.
    peak, lowest
        Layers (from 0) of the largest and the smallest value, the earliest of equal ones. Chosen on these very values:
        a description, no estimate of where another sample would peak.
    slope
        Least-squares change a layer.
    spearman
        Correlation with depth and its exact permutation p; None below three layers.
    """

    values: Floats
    mean: float
    first: float
    last: float
    fold: float
    peak: int
    lowest: int
    slope: float
    spearman: ExactSpearman | None


def depth_trend(values: ArrayLike) -> DepthTrend:
    """Describe a number by layer, in the order of the layers.

    Layers of one residual stream carry most of each other on, so a permutation over layers is generous: its p says how
    orderly the series is, not that another model would show it.

    Raises
    ------
    ValueError
        If there is no layer or a value is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not len(series):
        raise ValueError(f"values of shape {series.shape} are no profile over depth; give one number a layer")
    if not np.isfinite(series).all():
        raise ValueError(f"layer {int(np.flatnonzero(~np.isfinite(series))[0])} has no finite value; leave it out")
    depth = np.arange(len(series), dtype=np.float64)
    return DepthTrend(
        values=series,
        mean=float(series.mean()),
        first=float(series[0]),
        last=float(series[-1]),
        fold=float(series[0] / series[-1]) if series[-1] != 0.0 else float("nan"),
        peak=int(series.argmax()),
        lowest=int(series.argmin()),
        slope=float(np.polyfit(depth, series, 1)[0]) if len(series) > 1 else 0.0,
        spearman=spearman_exact(depth, series) if len(series) > 2 else None,
    )


def directions(effects: Sequence[float], p_greater: Sequence[float], *, alpha: float = 0.05) -> tuple[Direction, ...]:
    """Say of each layer whether an effect is above zero, below, or neither, from its one-sided p.

    A one-sided test for "greater" that ends near p = 1 is a finding in the other direction, which a count of small p
    hides.

    Parameters
    ----------
    effects
        Signed effect of each layer, 0 under no effect.
    p_greater
        One-sided p of each layer for an effect above zero.
    alpha
        Level of either side.

    Raises
    ------
    ValueError
        If the two differ in length.
    """
    found: list[Direction] = []
    for effect, p in zip(effects, p_greater, strict=True):
        if effect > 0.0 and p <= alpha:
            found.append("above")
        elif effect < 0.0 and p >= 1.0 - alpha:
            found.append("below")
        else:
            found.append("none")
    return tuple(found)
