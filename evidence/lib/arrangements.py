"""Whether a few types lie as a tree has them, or as well as in any other arrangement: exact, with types as units.

Replicates of a type are alike, so that gates over rows are met by types that hang together, wherever each of them lies.
What tells is whether the distances between types follow this tree better than the trees in which types have swapped
places; there are as many as the tree has different arrangements, and no replicate adds one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import midranks

__all__ = ["Arrangement", "arrangement", "between_types"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Arrangement:
    """How well distances between types follow a ruler, beside every other arrangement.

    Attributes
    ----------
    rho
        Spearman's correlation over pairs of different types, the best over latents where several are given.
    best
        Name of the latent that has it.
    p
        Share of arrangements in which the best latent does at least as well; the own one is among them.
    arrangements
        How many differ.
    """

    rho: float
    best: str
    p: float
    arrangements: int


def between_types(distance: Floats, types: Sequence[str]) -> Floats:
    """Return mean distances (k, k) of rows of two types, types in alphabetical order; 0 of a type with itself."""
    known, code = np.unique(np.asarray(types, dtype=str), return_inverse=True)
    member = (code[:, None] == np.arange(len(known))).astype(np.float64)
    means = member.T @ distance @ member / np.outer(member.sum(axis=0), member.sum(axis=0))
    np.fill_diagonal(means, 0.0)
    return np.asarray(0.5 * (means + means.T))


def arrangement(distances: Mapping[str, Floats], ruler: Floats) -> Arrangement:
    """Compare distances between types with a ruler in every arrangement of the types.

    The p-value of the best of several latents counts that it is the best: each arrangement has its own best. It holds
    for latents that no ruler was read for; one of LET has the arrangement from the fit.

    Parameters
    ----------
    distances
        Shape (k, k) by name of the latent.
    ruler
        Shape (k, k).

    Raises
    ------
    ValueError
        If there is no latent, or distances or ruler are all equal.
    """
    if not distances:
        raise ValueError("no latent to compare; give one or more")
    upper = np.triu_indices(len(ruler), 1)
    first = np.stack([_standard(matrix[upper]) for matrix in distances.values()])
    # Equal lengths make arrangements that are the same ruler; each counts once.
    other = {
        ruler[np.ix_(order, order)][upper].tobytes(): order for order in map(list, permutations(range(len(ruler))))
    }
    rulers = np.stack([_standard(ruler[np.ix_(order, order)][upper]) for order in other.values()])
    found = first @ rulers.T
    own = first @ _standard(ruler[upper])
    place = int(np.argmax(own))
    reached = found.max(axis=0) >= own[place] - 1e-9
    return Arrangement(float(own[place]), list(distances)[place], float(reached.mean()), len(rulers))


def _standard(values: Floats) -> Floats:
    ranks = midranks(values)
    ranks = ranks - ranks.mean()
    size = float(np.linalg.norm(ranks))
    if not size > 0.0:
        raise ValueError("distances between types are all equal; there is nothing to compare")
    return np.asarray(ranks / size)
