"""Features beside singular axes: whether they lie along an axis, in the axes' span, and which of the two explains more.

It was reported that 99.8 % of features are invisible to a singular value decomposition, for none of the first 50 axes
has a cosine above 0.7 with them (arXiv 2603.02952, comparison with SVD). So has a random direction: in a space of
hundreds of dimensions hardly any lies that near to one of 50 others, and a vector inside their span does not either,
once it takes part in three of them. What tells is the share of a direction inside the span, whose law for a random
direction is known. The explained variances were compared at 50 axes and other numbers of active features; here both
have the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.kernels import derive_seed
from theodolite.saes import Codes, SparseAutoencoder
from theodolite.tools.workbench import fit_axes

__all__ = ["AxisAlignment", "ExplainedVariance", "axis_alignment", "explained_variance", "subspace_share"]

Floats = NDArray[np.float64]

_ORTHONORMAL = 1e-3
"""How far products of axes may be off; axes in single precision are off by less."""


@dataclass(frozen=True, eq=False)
class AxisAlignment:
    """Features beside k orthonormal axes of a space of d dimensions.

    Attributes
    ----------
    cosine
        Shape (F,): largest absolute cosine with one of the axes.
    threshold
        Above it a feature was called aligned.
    aligned, aligned_random
        Share of the features above the threshold, and of random directions. Where the second is near 0, not to be
        aligned says nothing.
    cosine_random
        The 50 %, 95 % and 99 % quantiles of the largest absolute cosine of random directions.
    share
        Shape (F,): squared length of the unit vector's projection on the span, between 0 and 1.
    expected
        Mean share of a random direction, k / d.
    p_inside, p_outside
        Shape (F,): chance of a random direction to have a share at least as large, and at least as small:
        Beta(k / 2, (d - k) / 2), exact.
    q_inside, q_outside
        Shape (F,): their Benjamini-Hochberg values over the features.
    k, d
        Axes, and width of the space.
    """

    cosine: Floats
    threshold: float
    aligned: float
    aligned_random: float
    cosine_random: tuple[float, float, float]
    share: Floats
    expected: float
    p_inside: Floats
    p_outside: Floats
    q_inside: Floats
    q_outside: Floats
    k: int
    d: int


def subspace_share(vectors: ArrayLike, axes: ArrayLike) -> Floats:
    """Return the share of each vector's squared length that lies in the span of orthonormal axes, shape (n,).

    Of decoder vectors it is the statistic of :func:`axis_alignment`. Of centred activations it is the share that
    activations themselves have there. That is the yardstick for "more than the data": axes are where the data vary, so
    what is learnt from the data lies in their span more than a random direction does.

    Parameters
    ----------
    vectors
        Shape (n, d), none of them zero.
    axes
        Shape (k, d), orthonormal, such as the first right singular vectors of centred activations.

    Raises
    ------
    ValueError
        If widths differ, axes are not orthonormal, or a vector is zero or not finite.
    """
    unit, span = _checked(vectors, axes)
    return np.asarray(np.clip(np.square(unit @ span.T).sum(axis=1), 0.0, 1.0))


def axis_alignment(
    decoder: ArrayLike, axes: ArrayLike, *, threshold: float = 0.7, draws: int = 10_000, seed: int = 0
) -> AxisAlignment:
    """Compare decoder vectors with singular axes, beside random directions of the same space.

    Parameters
    ----------
    decoder
        Shape (F, d): a vector for each feature, of any length above 0.
    axes
        Shape (k, d): the first right singular vectors of centred activations, orthonormal, k below d.
    threshold
        Of the absolute cosine, between 0 and 1; 0.7 as published.
    draws, seed
        Random directions, and their seed.

    Raises
    ------
    ValueError
        If widths differ, axes are not orthonormal or as many as the width, a vector is zero, or a parameter is out of
        range.
    """
    from scipy.stats import beta, false_discovery_control

    unit, span = _checked(decoder, axes)
    k, d = span.shape
    if k >= d:
        raise ValueError(f"{k} axes span all {d} dimensions, where every vector lies; give fewer axes")
    if draws < 1 or not 0.0 < threshold < 1.0:
        raise ValueError(f"{draws} draws, threshold {threshold:g}; need a draw and a threshold between 0 and 1")
    cosines = unit @ span.T
    cosine, share = np.abs(cosines).max(axis=1), np.clip(np.square(cosines).sum(axis=1), 0.0, 1.0)
    random = _largest_cosines(k, d, draws, seed)
    law = beta(k / 2.0, (d - k) / 2.0)
    p_inside, p_outside = law.sf(share), law.cdf(share)
    middle, high, highest = np.quantile(random, [0.5, 0.95, 0.99]).tolist()
    return AxisAlignment(
        cosine=cosine,
        threshold=threshold,
        aligned=float((cosine > threshold).mean()),
        aligned_random=float((random > threshold).mean()),
        cosine_random=(middle, high, highest),
        share=share,
        expected=k / d,
        p_inside=p_inside,
        p_outside=p_outside,
        q_inside=false_discovery_control(p_inside),
        q_outside=false_discovery_control(p_outside),
        k=k,
        d=d,
    )


def _largest_cosines(k: int, d: int, draws: int, seed: int) -> Floats:
    """Return the largest absolute cosine of random unit directions with k orthonormal axes, shape (draws,)."""
    rng = np.random.default_rng(derive_seed(seed, "directions"))
    inside = rng.standard_normal((draws, k))
    # A direction is a normal vector over its length; of what is off the axes only the length counts.
    length = np.sqrt(np.square(inside).sum(axis=1) + rng.chisquare(d - k, draws))
    return np.asarray(np.abs(inside).max(axis=1) / length)


def _checked(vectors: ArrayLike, axes: ArrayLike) -> tuple[Floats, Floats]:
    """Return vectors at unit length, and axes."""
    rows, span = np.asarray(vectors, dtype=np.float64), np.asarray(axes, dtype=np.float64)
    if rows.ndim != 2 or span.ndim != 2 or rows.shape[1] != span.shape[1] or not rows.size or not span.size:
        raise ValueError(f"vectors of shape {rows.shape} and axes of {span.shape}; give (n, width) and (k, width)")
    length = np.linalg.norm(rows, axis=1)
    if not np.isfinite(length).all() or (length == 0.0).any():
        bad = int(np.flatnonzero(~np.isfinite(length) | (length == 0.0))[0])
        raise ValueError(f"vector {bad} has the length {length[bad]:g} and no direction; leave it out")
    off = float(np.abs(span @ span.T - np.eye(len(span))).max())
    if not off <= _ORTHONORMAL:
        raise ValueError(f"axes are not orthonormal: a product is off by {off:.3g}; give right singular vectors")
    return rows / length[:, None], span


@dataclass(frozen=True)
class ExplainedVariance:
    """Share of the variance of held-out rows that k active dimensions a row explain.

    Attributes
    ----------
    k
        Active dimensions of a row at the most.
    sae
        Of the autoencoder, with the k largest of a row's features.
    active
        Features of a row that were used, on average: at most k.
    svd
        Of the first k singular axes, the same for every row: the best k dimensions that all rows can share.
    svd_chosen
        Of those k of all singular axes that are best for each row. The autoencoder, too, chooses for each row, so
        this, not ``svd``, differs from it in the dictionary alone.
    features, axes
        How many the autoencoder and ``svd_chosen`` choose from.
    rows
        Rows that were explained.
    """

    k: int
    sae: float
    active: float
    svd: float
    svd_chosen: float
    features: int
    axes: int
    rows: int


def explained_variance(
    autoencoder: SparseAutoencoder,
    rows: NDArray[np.floating[Any]],
    *,
    fitted_on: NDArray[np.floating[Any]],
    k: int | None = None,
) -> ExplainedVariance:
    """Compare what an autoencoder and singular axes explain of the same rows with equally many active dimensions.

    Parameters
    ----------
    autoencoder
        Trained on rows like ``fitted_on``.
    rows
        Shape (n, d): activations of cells that neither the autoencoder nor the axes have seen.
    fitted_on
        Shape (m, d): activations that the axes are fitted to, with m above d.
    k
        Active dimensions of a row. Where not given, those that the autoencoder has on average, rounded. A feature's
        value is not fitted again when others are left out, so below its own number an autoencoder looks a little
        worse than one that was trained for it.

    Raises
    ------
    ValueError
        If widths differ, k is out of range, ``rows`` do not vary, or ``fitted_on`` are too few to fix d axes.
    """
    codes = autoencoder.encode(rows)
    fitted = np.asarray(fitted_on, dtype=np.float64)
    if fitted.ndim != 2 or fitted.shape[1] != autoencoder.width:
        raise ValueError(f"axes are fitted on rows of shape {fitted.shape}; give (rows, {autoencoder.width})")
    if k is None:
        k = max(round(len(codes.value) / max(len(codes), 1)), 1)
    if not 1 <= k <= autoencoder.width:
        raise ValueError(f"k is {k}; a space of {autoencoder.width} dimensions has 1 to {autoencoder.width} axes")
    values = np.asarray(rows, dtype=np.float64)
    total = float(np.square(values - values.mean(axis=0)).sum()) if len(values) else 0.0
    if not total > 0.0:
        raise ValueError(f"{len(values)} rows without variance; give several that differ")
    used = _largest(codes, k)
    missed = float(np.square(values - autoencoder.decode(used)).sum())
    axes = fit_axes(fitted, autoencoder.width)
    squares = np.square(axes.coordinates(values))
    chosen = np.partition(squares, -k, axis=1)[:, -k:]
    whole = float(squares.sum())
    return ExplainedVariance(
        k=k,
        sae=1.0 - missed / total,
        active=len(used.value) / len(used),
        svd=1.0 - (whole - float(squares[:, :k].sum())) / total,
        svd_chosen=1.0 - (whole - float(chosen.sum())) / total,
        features=autoencoder.features,
        axes=autoencoder.width,
        rows=len(values),
    )


def _largest(codes: Codes, k: int) -> Codes:
    """Return the k largest values of each row."""
    row = np.repeat(np.arange(len(codes)), np.diff(codes.start))
    order = np.lexsort((-codes.value, row))
    kept = np.zeros(len(row), dtype=np.bool_)
    kept[order] = np.arange(len(row)) - codes.start[row] < k
    start = np.concatenate([[0], np.cumsum(np.bincount(row[kept], minlength=len(codes)))])
    return replace(codes, start=start, feature=codes.feature[kept], value=codes.value[kept])
