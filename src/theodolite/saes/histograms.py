"""Histograms of features' values: fixed bins, so that those of any two features or layers can be laid over each other.

Values spread over orders of magnitude, and how far depends on the model's stream, so bins are of the logarithm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.saes.autoencoder import Codes

__all__ = ["VALUE_EDGES", "count_values"]

_OCTAVES, _BINS_AN_OCTAVE = 12, 4
VALUE_EDGES = 2.0 ** (np.arange(-_OCTAVES * _BINS_AN_OCTAVE, _OCTAVES * _BINS_AN_OCTAVE + 1) / _BINS_AN_OCTAVE)
"""Edges of the bins of values, four an octave from 2^-12 to 2^12; what lies beyond is in the first and last bin."""


def count_values(codes: Codes) -> NDArray[np.int64]:
    """Return in how many rows each feature has a value in each bin of :data:`VALUE_EDGES`, shape (features, bins).

    A bin holds its lower edge and not its upper one; a row in which a feature is not active is in none.
    """
    bins = len(VALUE_EDGES) - 1
    of = np.clip(np.searchsorted(VALUE_EDGES, codes.value, side="right") - 1, 0, bins - 1)
    counts = np.bincount(codes.feature * bins + of, minlength=codes.features * bins)
    return counts.reshape(codes.features, bins)
