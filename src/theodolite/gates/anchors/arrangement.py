"""Whether a ruler's arrangement of stages is followed better than other arrangements of the same stages.

Exchanges within donors ask whether anchors can be told apart: where every donor's stages lie alike, in whatever order,
any arrangement that happens to agree a little beats them all. What a claim about an order generalises over is stages,
so that here whole stages change places, in all donors at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations as arrangements
from math import factorial, log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.data.seeded import derive_seed
from theodolite.gates.adjust import midranks

__all__ = ["Arrangement", "arrangement_test"]

Floats = NDArray[np.float64]

_EXACT: Final = 7
"""Places up to which every arrangement is tried."""
_DRAWS: Final = 9_999


@dataclass(frozen=True)
class Arrangement:
    """A ruler's arrangement among others.

    Attributes
    ----------
    rho
        Spearman's correlation of mean latent distances between places with the ruler's, over pairs of places; None
        where it is not defined.
    p
        Share of arrangements that do as well, the ruler's own among them.
    places, log10_arrangements
        How many places the judged anchors have, and arrangements of these.
    """

    rho: float | None
    p: float
    places: int
    log10_arrangements: float


def arrangement_test(distance: Floats, ruler: Floats, seed: int) -> Arrangement:
    """Hold mean distances between places against every arrangement of the places, or 9,999 random ones.

    Parameters
    ----------
    distance
        Shape (n, n): latent distances of judged rows; must owe nothing to the ruler.
    ruler
        Shape (n, n): rows with equal distances to all others share a place.
    seed
        Of random arrangements, where there are more than 7 places.
    """
    at = np.asarray(np.unique(ruler, axis=0, return_inverse=True)[1]).reshape(-1)
    m = int(at.max()) + 1
    count = log10(factorial(m))
    member = (at[:, None] == np.arange(m)).astype(np.float64)
    size = member.sum(axis=0)
    latent = (member.T @ distance @ member) / np.outer(size, size)
    first_row = np.array([int(np.flatnonzero(at == place)[0]) for place in range(m)])
    known = ruler[np.ix_(first_row, first_row)]
    upper = np.triu_indices(m, 1)
    ranks = [midranks(matrix[upper]) for matrix in (latent, known)]
    ranks = [values - values.mean() for values in ranks]
    norms = [float(np.sqrt(values @ values)) for values in ranks]
    if m < 3 or min(norms) == 0.0:
        return Arrangement(None, 1.0, m, count)
    own, placed = np.zeros((m, m)), np.zeros((m, m))
    own[upper], placed[upper] = ranks[0] / norms[0], ranks[1] / norms[1]
    placed += placed.T
    observed = float((own * placed).sum())
    if m <= _EXACT:
        draws = np.array(list(arrangements(range(m))), dtype=np.int64)
    else:
        draw = np.random.default_rng(derive_seed(seed, "arrangements of stages"))
        draws = np.argsort(draw.random((_DRAWS, m)), axis=1)
    found = np.array([float((own * placed[np.ix_(image, image)]).sum()) for image in draws])
    # Rounding must not tell an arrangement from its mirror image.
    as_well = int((found >= observed - 1e-12).sum())
    p = as_well / len(draws) if m <= _EXACT else (1 + as_well) / (1 + len(draws))
    return Arrangement(observed, p, m, count)
