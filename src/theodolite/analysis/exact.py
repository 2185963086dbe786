"""Rank correlation with the permutation p-value that its few points allow.

A trend over five bins or twelve layers has few arrangements, and the usual t-approximation invents p-values far below
one in all of them. Up to :data:`EXACT_LIMIT` points the distribution over all n! orders is counted exactly, ties
included; beyond, orders are sampled and the smallest p that sampling could have given is reported beside p.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, gcd
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["EXACT_LIMIT", "SAMPLES", "ExactSpearman", "spearman_exact"]

Ints = NDArray[np.int64]

EXACT_LIMIT: Final = 13
"""Points up to which every order is counted: twelve blocks and the embedding."""
SAMPLES: Final = 1_000_000
"""Orders that are sampled beyond :data:`EXACT_LIMIT`."""
_CHUNK: Final = 50_000


@dataclass(frozen=True)
class ExactSpearman:
    """Spearman correlation of n points and its permutation p-values.

    Attributes
    ----------
    rho
        Correlation of midranks; 0 where one of the series is constant.
    p
        Two-sided: share of orders whose rho is at least as far from 0.
    p_greater, p_less
        One-sided: share of orders whose rho is at least, or at most, the observed one.
    n
        Points.
    method
        ``exact`` if all orders were counted, else ``sampled``, with p = (1 + b) / (1 + B).
    floor
        Smallest two-sided p that any order of these values can have.
    orders
        Orders counted (n!) or sampled (B).
    """

    rho: float
    p: float
    p_greater: float
    p_less: float
    n: int
    method: Literal["exact", "sampled"]
    floor: float
    orders: int


def spearman_exact(x: ArrayLike, y: ArrayLike, *, samples: int = SAMPLES, seed: int = 0) -> ExactSpearman:
    """Return the Spearman correlation of two series with its permutation p-value.

    The p-value asks how often a random order of one series would do as well. Layers of one model are no independent
    draws of anything, so over layers it describes a series and is no evidence about models.

    Parameters
    ----------
    x, y
        Shape (n,), n at least 3.
    samples, seed
        Orders that are drawn where n exceeds :data:`EXACT_LIMIT`, and the seed of the draws.

    Raises
    ------
    ValueError
        If the series differ in length, are shorter than 3, or hold a value that is not finite.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"series of shapes {first.shape} and {second.shape} cannot be correlated; give equal lengths")
    n = len(first)
    if n < 3:
        raise ValueError(f"{n} points have no rank correlation that could tell anything; give 3 or more")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a series holds NaN or infinity; leave such points out of both series")
    a, b = _whole_ranks(first), _whole_ranks(second)
    if not a.any() or not b.any():
        return ExactSpearman(0.0, 1.0, 1.0, 1.0, n, "exact", 1.0, factorial(n))
    shift = int(a.sum() * b.sum())
    observed = n * int(a @ b) - shift
    scale = float(np.sqrt(float(n * (a @ a) - a.sum() ** 2)) * np.sqrt(float(n * (b @ b) - b.sum() ** 2)))
    rho = float(np.clip(observed / scale, -1.0, 1.0))
    if n <= EXACT_LIMIT:
        counts = _order_counts(a, b)
        values = n * np.flatnonzero(counts) - shift
        weights = counts[counts > 0]
        return _summary(rho, observed, values, weights, n, "exact")
    if samples < 1:
        raise ValueError(f"{samples} sampled orders tell nothing; give at least 1, and 1,000,000 for a floor of 1e-6")
    values = n * _sampled(a, b, samples, seed) - shift
    return _summary(rho, observed, values, np.ones(samples, dtype=np.int64), n, "sampled")


def _whole_ranks(values: NDArray[np.float64]) -> Ints:
    """Return midranks as the smallest whole numbers from 0 with the same distances; all 0 for a constant series."""
    from scipy.stats import rankdata

    doubled = np.rint(2.0 * rankdata(values)).astype(np.int64)
    lowered = doubled - doubled.min()
    return np.asarray(lowered // max(gcd(*lowered.tolist()), 1))


def _order_counts(a: Ints, b: Ints) -> Ints:
    """Return how many of the n! orders of ``b`` give each value of ``a @ b``; a sum over subsets, level by level.

    After i values of ``a`` were given partners, what matters is which partners are taken: a row of the table for each
    of the C(n, i) subsets, a column for each sum so far. The counts are the coefficients of the permanent of the
    matrix with entries x ** (a_i b_j).
    """
    n = len(a)
    width = int(np.sort(a) @ np.sort(b)) + 1
    subsets = np.arange(1 << n)
    taken = np.array([subset.bit_count() for subset in range(1 << n)])
    place = np.empty(1 << n, dtype=np.int64)
    for level in range(n + 1):
        place[taken == level] = np.arange(np.count_nonzero(taken == level))
    table = np.zeros((1, width), dtype=np.int64)
    table[0, 0] = 1
    for level in range(n):
        inside = subsets[taken == level]
        grown = np.zeros((np.count_nonzero(taken == level + 1), width), dtype=np.int64)
        for partner in range(n):
            free = (inside >> partner) & 1 == 0
            step = int(a[level] * b[partner])
            if step < width:
                grown[place[inside[free] | (1 << partner)], step:] += table[free, : width - step]
        table = grown
    return np.asarray(table[0])


def _sampled(a: Ints, b: Ints, samples: int, seed: int) -> Ints:
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, samples, _CHUNK):
        rows = min(_CHUNK, samples - start)
        parts.append(rng.permuted(np.tile(b, (rows, 1)), axis=1) @ a)
    return np.concatenate(parts)


def _summary(
    rho: float, observed: int, values: Ints, weights: Ints, n: int, method: Literal["exact", "sampled"]
) -> ExactSpearman:
    size = np.abs(values)
    orders = int(weights.sum())
    own = 0 if method == "exact" else 1

    def share(chosen: NDArray[np.bool_]) -> float:
        return (own + int(weights[chosen].sum())) / (own + orders)

    floor = int(weights[size == size.max()].sum()) / orders if method == "exact" else 1.0 / (1.0 + orders)
    return ExactSpearman(
        rho=rho,
        p=share(size >= abs(observed)),
        p_greater=share(values >= observed),
        p_less=share(values <= observed),
        n=n,
        method=method,
        floor=floor,
        orders=orders,
    )
