"""A helper in a file of its own: the hash under which Theodolite knows the instrument covers it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_probability"]


def log_probability(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm; a probability below the smallest in single precision counts as that one."""
    return np.asarray(np.log(np.maximum(probability, np.finfo(np.float32).tiny)))
