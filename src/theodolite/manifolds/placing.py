"""Placements: where a fitter puts rows that it did not read, for every way of holding rows out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.manifolds.embedding import Fitter
from theodolite.manifolds.holdouts import label_holdouts, random_holdouts

__all__ = ["Placed", "Placement", "place_all", "placements_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Placement:
    """Rows that a fit reads, and rows that it places.

    Attributes
    ----------
    name
        ``fit``, or the kind of what is left out and its name, such as ``donor d_07``.
    read, held
        Shape (n,); no row is in both.
    """

    name: str
    read: Bools
    held: Bools


def placements_of(
    donors: Sequence[str], branches: Sequence[str], tips: Sequence[str], readable: Bools, judged: Bools, seed: int
) -> tuple[Placement, ...]:
    """Return every placement of rows: by all that may be read, and without each part of it.

    Where the rows that are judged may be read too, as in a search, a fifth of them at random (five times) and each
    donor are left out in turn. Where none may, the first fit places them all. Branches are always left out one by one.

    Parameters
    ----------
    donors, branches
        Of each row.
    tips
        Branches that are left out.
    readable, judged
        Shape (n,): rows that fits may read, and rows that count.
    seed
        Of random hold-outs.

    Raises
    ------
    ValueError
        If there is no such branch, or too few rows to leave any out.
    """
    found = [Placement("fit", readable, judged & ~readable)]
    parts = label_holdouts(branches, "branch", names=tips)
    if (judged & readable).any():
        parts = (*random_holdouts(len(donors), seed=seed), *label_holdouts(donors, "donor"), *parts)
    for part in parts:
        found.append(Placement(" ".join(part.key), readable & ~part.held, judged & part.held))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Placed:
    """Coordinates of every placement, (placements * n, dimension); 0 in rows that it neither read nor held."""

    latent: Floats


def place_all(rows: Floats, fitter: Fitter, ruler: Floats | None, placements: Sequence[Placement]) -> Placed:
    """Fit and place.

    Parameters
    ----------
    rows
        Shape (n, width).
    fitter
        The fitter; one that does not read the ruler needs none.
    ruler
        Shape (n, n), of which a fit is given its own rows; None where nobody reads it.
    placements
        What is read and held.

    Raises
    ------
    ValueError
        If a fitter cannot fit.
    """
    parts = []
    for each in placements:
        known = np.zeros((0, 0)) if ruler is None else ruler[np.ix_(each.read, each.read)]
        fitted = fitter(rows[each.read], known)
        where = np.zeros((len(rows), fitted.latent.shape[1]))
        where[each.read] = fitted.latent
        if each.held.any():
            where[each.held] = fitted.place(rows[each.held])
        parts.append(where)
    return Placed(np.vstack(parts))
