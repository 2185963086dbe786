"""The latent-embedding adaptor (LET): a linear map to a sphere on which angles follow a ruler (arXiv 2603.10261).

z = W (x - b); the distance of two rows is beta arccos(cos(z_i, z_j)); the loss is the squared error of distances plus
alpha times that of the reconstruction W' z + b. The paper gives neither alpha, nor beta, nor the scale of either term.
Here both terms are relative, to the mean square of the ruler and to the variance of the rows, so that alpha has no
unit; beta is learned, and begins where the longest distance is that of the ruler.

It reads the ruler, so that agreement on rows that were fitted says nothing, and a permutation test must fit it anew in
every draw (:func:`theodolite.analysis.manifold.refitted_permutation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.manifolds.baselines import principal_components
from theodolite.manifolds.distances import checked_distances
from theodolite.manifolds.embedding import checked_rows, rows_to_place

__all__ = ["ALPHA", "LET", "let"]

Floats = NDArray[np.float64]

ALPHA: Final = 0.1
"""Weight of the reconstruction."""
_ROUNDS = 500
_FLAT = 1e-9
"""Sines below this are of pairs in one direction, or in opposite ones, where the angle has no gradient."""


@dataclass(frozen=True, eq=False)
class LET:
    """A fitted adaptor.

    Attributes
    ----------
    weights
        Shape (dimension, width): W.
    bias
        Shape (width,): b.
    beta
        Length of an angle of one radian on the ruler.
    stress
        Mean squared error of distances, relative to the mean square of the ruler.
    reconstruction
        Squared error of the reconstruction, relative to the variance of the rows, in the components that were used.
    converged
        Whether the minimiser stopped because the loss no longer fell, and not at its limit of rounds.
    latent
        Shape (n, dimension): z scaled to length 1. Euclidean distances of these rank pairs as their angles do.
    """

    weights: Floats
    bias: Floats
    beta: float
    stress: float
    reconstruction: float
    converged: bool
    latent: Floats

    def place(self, rows: ArrayLike) -> Floats:
        """Return unit vectors (m, dimension) of other rows (m, width).

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        return _directions((rows_to_place(rows, len(self.bias)) - self.bias) @ self.weights.T)[0]


def let(
    rows: ArrayLike, ruler: ArrayLike, *, dimension: int, alpha: float = ALPHA, components: int | None = None
) -> LET:
    """Fit the adaptor by L-BFGS, from the principal axes of the rows.

    Parameters
    ----------
    rows
        Shape (n, width).
    ruler
        Shape (n, n), symmetric: distances that angles shall follow.
    dimension
        Of z; its directions fill a sphere of one dimension less.
    alpha
        Weight of the reconstruction, positive: without it nothing sets the length of W.
    components
        Leading principal components of the rows that W may use; all where None, as in the paper. With as many columns
        as rows it then follows any ruler, that of noise too; a few components keep it from that.

    Raises
    ------
    ValueError
        If shapes do not fit, the ruler is 0 throughout or negative, the dimension is below 2 or more than the rows
        span, or alpha is not positive.
    """
    from scipy.optimize import minimize

    array = checked_rows(rows, dimension=dimension)
    known = checked_distances("the ruler's distances", ruler, len(array))
    if dimension < 2:
        raise ValueError(f"{dimension!r} dimension has two directions only; give 2 or more")
    if (known < 0.0).any() or not known.any():
        raise ValueError("the ruler's distances must not be negative, and not 0 throughout")
    if components is not None and components < dimension:
        raise ValueError(f"{components!r} components span no {dimension} dimensions; give {dimension} or more")
    if not alpha > 0.0:
        raise ValueError(f"alpha is {alpha!r}; give a positive weight of the reconstruction, such as {ALPHA}")
    start = principal_components(array, dimension=dimension)
    # Weights outside the span of the centred rows do nothing, and its coordinates are often far fewer than columns.
    _, size, axes = np.linalg.svd(array - start.centre, full_matrices=False)
    axes = axes[size > 1e-10 * size[0]][:components]
    points = (array - start.centre) @ axes.T
    loss = Loss(points, known, dimension, alpha)
    begin = (axes @ start.axes).T
    widest = float(_angles(_directions(points @ begin.T)[0]).max())
    first = loss.packed(begin, np.zeros(len(axes)), np.log(known.max() / widest))
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS, "maxfun": 2 * _ROUNDS})
    weights, bias, log_beta = loss.unpacked(found.x)
    stress, reconstruction = loss.terms(found.x)
    turned, centre = weights @ axes, start.centre + bias @ axes
    return LET(
        weights=turned,
        bias=centre,
        beta=float(np.exp(log_beta)),
        stress=stress,
        reconstruction=reconstruction,
        converged=bool(found.success),
        latent=_directions((array - centre) @ turned.T)[0],
    )


def _directions(z: Floats) -> tuple[Floats, Floats]:
    """Return z at length 1, and its lengths (n, 1); a row of zeros has no direction and stays 0."""
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return np.divide(z, length, out=np.zeros_like(z), where=length > 0.0), length


def _angles(unit: Floats) -> Floats:
    """Return angles (n, n) between unit vectors."""
    found = np.arccos(np.clip(unit @ unit.T, -1.0, 1.0))
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss and its gradient, as a function of all parameters in one vector.

    Attributes
    ----------
    points
        Shape (n, r): rows.
    ruler
        Shape (n, n).
    dimension
        Of z.
    alpha
        Weight of the reconstruction.
    """

    points: Floats
    ruler: Floats
    dimension: int
    alpha: float

    def packed(self, weights: Floats, bias: Floats, log_beta: float) -> Floats:
        """Return weights (dimension, r), bias (r,) and the logarithm of beta as one vector."""
        return np.concatenate([weights.ravel(), bias, [log_beta]])

    def unpacked(self, parameters: Floats) -> tuple[Floats, Floats, float]:
        """Return weights, bias and the logarithm of beta from one vector."""
        split = self.dimension * self.points.shape[1]
        return parameters[:split].reshape(self.dimension, -1), parameters[split:-1], float(parameters[-1])

    @property
    def _scales(self) -> tuple[float, float]:
        """Return what the two sums of squares, the first over ordered pairs, are divided by."""
        return float(np.square(self.ruler).sum()), float(np.square(self.points - self.points.mean(axis=0)).sum())

    def terms(self, parameters: Floats) -> tuple[float, float]:
        """Return the relative errors of distances and of the reconstruction."""
        weights, bias, log_beta = self.unpacked(parameters)
        z = (self.points - bias) @ weights.T
        off = np.exp(log_beta) * _angles(_directions(z)[0]) - self.ruler
        left = z @ weights + bias - self.points
        far, wide = self._scales
        return float(np.square(off).sum()) / far, float(np.square(left).sum()) / wide

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """Return the loss and its gradient."""
        weights, bias, log_beta = self.unpacked(parameters)
        beta = float(np.exp(log_beta))
        far, wide = self._scales
        centred = self.points - bias
        z = centred @ weights.T
        unit, length = _directions(z)
        angle = _angles(unit)
        off = beta * angle - self.ruler
        left = z @ weights + bias - self.points
        value = float(np.square(off).sum()) / far + self.alpha * float(np.square(left).sum()) / wide

        # Each unordered pair is in the sum twice, and moves with either of its ends.
        cosine, sine = np.cos(angle), np.sin(angle)
        pull = np.divide(-4.0 * beta / far * off, sine, out=np.zeros_like(off), where=sine > _FLAT)
        toward = pull @ unit - (pull * cosine).sum(axis=1, keepdims=True) * unit
        by_z = np.divide(toward, length, out=np.zeros_like(z), where=length > 0.0)
        by_left = 2.0 * self.alpha / wide * left
        by_z += by_left @ weights.T
        by_weights = by_z.T @ centred + z.T @ by_left
        by_bias = by_left.sum(axis=0) - by_z.sum(axis=0) @ weights
        by_beta = 2.0 * beta / far * float((off * angle).sum())
        return value, self.packed(by_weights, by_bias, by_beta)
