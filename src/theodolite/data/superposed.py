"""A world of superposed features: rows are sums of a few unit vectors out of more than there are dimensions.

What a sparse autoencoder should find is known, so that its dictionary can be compared with the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SuperposedWorld", "superposed_world"]

_CHUNK = 20_000
_SPREAD = 0.7
"""Standard deviation of the log of a rate, beyond the least."""
_LEAST_VALUE, _FURTHER = 0.5, 0.5
"""An active feature has at least the first, and exponentially distributed with the second as mean beyond it."""


@dataclass(frozen=True, eq=False)
class SuperposedWorld:
    """Rows, and the features that they are sums of.

    Attributes
    ----------
    dictionary
        Shape (features, width), float32: unit vectors, drawn evenly over all directions.
    rate
        Shape (features,): share of the rows in which a feature is active, each whatever the others are.
    values
        Shape (rows, width), float32: sums of active features, each times its value; nothing else.
    together
        Shape (features, features): rows in which two features are both active; the diagonal counts one alone.
    """

    dictionary: NDArray[np.float32]
    rate: NDArray[np.float64]
    values: NDArray[np.float32]
    together: NDArray[np.int64]

    def coactivation(self) -> float:
        """Return the largest P(i and j) / min(P(i), P(j)) of two features, as counted."""
        alone = np.diag(self.together)
        share = self.together / np.maximum(np.minimum.outer(alone, alone), 1)
        return float(share[~np.eye(len(alone), dtype=np.bool_)].max())


def superposed_world(
    seed: int, *, rows: int, width: int, features: int, active: float, least_rate: float = 0.01
) -> SuperposedWorld:
    """Draw a world.

    Parameters
    ----------
    seed
        Of everything.
    rows, width, features
        Sizes.
    active
        Active features of a row, on average.
    least_rate
        Of every feature; what is left of ``active`` is divided log-normally, so that some are frequent.

    Raises
    ------
    ValueError
        If features of the least rate alone are more active than that, or one would have to be active everywhere.
    """
    if features * least_rate > active:
        raise ValueError(
            f"{features} features of a rate of at least {least_rate} are more than {active} active ones a row; give "
            "fewer or rarer ones"
        )
    draw = np.random.default_rng(seed)
    dictionary = draw.standard_normal((features, width))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    share = draw.lognormal(0.0, _SPREAD, features)
    rate = least_rate + (active - features * least_rate) * share / share.sum()
    if rate.max() > 1:
        raise ValueError(f"a feature would be active at a rate of {rate.max():.3g}; give more features or fewer active")
    vectors = dictionary.astype(np.float32)
    values = np.empty((rows, width), dtype=np.float32)
    together = np.zeros((features, features))
    for low in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - low)
        on = (draw.random((count, features)) < rate).astype(np.float32)
        much = _LEAST_VALUE + draw.exponential(_FURTHER, (count, features)).astype(np.float32)
        values[low : low + count] = (on * much) @ vectors
        together += on.T @ on
    return SuperposedWorld(vectors, rate, values, together.astype(np.int64))
