"""Random directions in activation space: what an intervention along a chosen direction is held against.

A steering or ablation effect counts when it exceeds that of directions that differ from the chosen one in nothing but
where they point: of the same norm, and, given the covariance of the activations, as likely to point along their large
axes. Draw ``k`` is a function of (seed, k) alone, from the one stream that no later numpy changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from theodolite.data.seeded import seeded_bits

__all__ = ["matched_directions", "random_directions"]

Floats = NDArray[np.float64]


def _gaussian(dimension: int, draws: int, seed: int, start: int) -> Floats:
    """Return standard normal rows from the raw bits of one generator a draw, by the inverse distribution function."""
    raw = np.stack([seeded_bits(seed, draw).random_raw(dimension) for draw in range(start, start + draws)])
    return np.asarray(ndtri(((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53))


def _scaled(rows: Floats, norm: float) -> Floats:
    return np.asarray(rows * (norm / np.linalg.norm(rows, axis=1, keepdims=True)))


def random_directions(dimension: int, draws: int, seed: int, start: int = 0) -> Floats:
    """Return directions uniform on the unit sphere, shape (draws, dimension).

    Raises
    ------
    ValueError
        If ``dimension`` or ``draws`` is not positive.
    """
    if dimension < 1 or draws < 1:
        raise ValueError(f"{draws!r} directions in {dimension!r} dimensions; need at least one of each")
    return _scaled(_gaussian(dimension, draws, seed, start), 1.0)


def matched_directions(
    direction: Floats, draws: int, seed: int, start: int = 0, *, covariance: Floats | None = None
) -> Floats:
    """Return directions of the norm of a given one, shape (draws, d).

    Parameters
    ----------
    direction
        Shape (d,): the direction that is tested.
    draws, seed, start
        How many draws, of which seed, and the first of them.
    covariance
        Shape (d, d), of the activations: directions are then those of draws from a normal distribution with this
        covariance, as directions that the model uses are. Without it they are uniform.

    Raises
    ------
    ValueError
        If the direction has no length, or the covariance is not a symmetric, positive semi-definite (d, d) matrix
        other than 0.
    """
    norm = float(np.linalg.norm(direction))
    if not norm > 0.0:
        raise ValueError(f"the direction has norm {norm!r}; only a direction with a length can be matched")
    d = len(direction)
    if covariance is None:
        return norm * random_directions(d, draws, seed, start)
    if covariance.shape != (d, d) or not np.allclose(covariance, covariance.T):
        raise ValueError(f"the covariance has shape {covariance.shape}; need a symmetric {d} x {d} matrix")
    variance, axes = np.linalg.eigh(covariance)
    if variance[-1] <= 0.0 or variance[0] < -1e-8 * variance[-1]:
        raise ValueError(
            f"the covariance has eigenvalues from {variance[0]:.3g} to {variance[-1]:.3g}; those of activations are "
            "not negative and not all 0"
        )
    # the symmetric root does not depend on the signs of the axes, which are the linear algebra library's choice
    root = (axes * np.sqrt(np.maximum(variance, 0.0))) @ axes.T
    return _scaled(_gaussian(d, draws, seed, start) @ root, norm)
