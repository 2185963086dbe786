"""Agreement of latent distances with a ruler: Spearman's correlation over pairs, and hold-outs that judge it.

Trustworthiness or a correlation on the rows that were fitted is met by any smooth map. What counts is where rows land
that the fit never saw; and of three ways to hold rows out, random ones leave a neighbour of the same donor and stage in
the fit, donors leave the stage, and only branches leave nothing near.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.manifold.embedding import Fitter
from theodolite.gates.adjust import midranks
from theodolite.gates.kernels import derive_seed

__all__ = [
    "HeldOut",
    "Holdout",
    "HoldoutKind",
    "checked_distances",
    "held_out",
    "label_holdouts",
    "latent_distances",
    "pair_spearman",
    "random_holdouts",
    "same_label",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HoldoutKind = Literal["random", "donor", "branch"]


def latent_distances(latent: ArrayLike) -> Floats:
    """Return Euclidean distances (n, n) between coordinates (n, dimension)."""
    from scipy.spatial.distance import pdist, squareform

    return np.asarray(squareform(pdist(np.asarray(latent, dtype=np.float64))))


def checked_distances(what: str, distances: ArrayLike, n: int | None = None) -> Floats:
    """Return distances as float64.

    Raises
    ------
    ValueError
        If they are no finite symmetric matrix, or not one of ``n`` rows.
    """
    array = np.asarray(distances, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or n is not None and len(array) != n:
        wanted = "n" if n is None else str(n)
        raise ValueError(f"{what} of shape {array.shape} must be a matrix ({wanted}, {wanted})")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold NaN or infinity; leave out rows without a distance")
    if not np.allclose(array, array.T):
        raise ValueError(f"{what} are not symmetric; a distance is the same both ways")
    return array


def same_label(labels: Sequence[str]) -> Bools:
    """Return which pairs (n, n) share a label."""
    codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    return np.asarray(codes[:, None] == codes)


def pair_spearman(distance: Floats, ruler: Floats, pairs: Bools | None = None) -> float | None:
    """Return Spearman's correlation of two symmetric matrices (n, n) over pairs of different rows.

    Parameters
    ----------
    distance, ruler
        Shape (n, n).
    pairs
        Shape (n, n), symmetric: the pairs that count; all where None.

    Returns
    -------
    float or None
        None where there are fewer than 3 pairs, or all have one distance or one length.
    """
    chosen = np.triu(np.ones(ruler.shape, dtype=np.bool_) if pairs is None else pairs, 1)
    first, second = distance[chosen], ruler[chosen]
    if len(first) < 3:
        return None
    first, second = midranks(first), midranks(second)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0.0 else None


@dataclass(frozen=True, eq=False)
class Holdout:
    """Rows that a fit does not see.

    Attributes
    ----------
    kind, name
        How they were chosen, and which ones: the donor, the branch, or the number of the draw.
    held
        Shape (n,).
    """

    kind: HoldoutKind
    name: str
    held: Bools


def random_holdouts(n: int, *, share: float = 0.2, repeats: int = 5, seed: int = 0) -> tuple[Holdout, ...]:
    """Hold out a share of the rows at random, several times over.

    Raises
    ------
    ValueError
        If the share leaves fewer than 3 rows on either side.
    """
    count = round(share * n)
    if not 3 <= count <= n - 3:
        raise ValueError(f"a share of {share!r} of {n} rows is {count}; leave 3 rows or more on both sides")
    found = []
    for number in range(repeats):
        held = np.zeros(n, dtype=np.bool_)
        draw = np.random.default_rng(derive_seed(seed, "random hold-out", str(number)))
        held[draw.permutation(n)[:count]] = True
        found.append(Holdout("random", str(number + 1), held))
    return tuple(found)


def label_holdouts(
    labels: Sequence[str], kind: HoldoutKind, *, names: Iterable[str] | None = None
) -> tuple[Holdout, ...]:
    """Hold out all rows of one label, each label in turn.

    Parameters
    ----------
    labels
        Donor or branch of each row.
    kind
        What they are.
    names
        The labels to hold out; all where None. A trunk is no branch whose place could be told from the others.

    Raises
    ------
    ValueError
        If a name is no label, or all rows have one label, and nothing would be left to fit.
    """
    values = np.asarray(labels, dtype=str)
    known = sorted(set(values.tolist()))
    chosen = known if names is None else list(names)
    if missing := [name for name in chosen if name not in known]:
        raise ValueError(f"no row has the {kind} {', '.join(map(repr, missing))}; there are {', '.join(known)}")
    if len(known) < 2:
        raise ValueError(f"all rows have the {kind} {known[0]!r}; holding it out leaves nothing to fit")
    return tuple(Holdout(kind, name, np.asarray(values == name)) for name in chosen)


@dataclass(frozen=True)
class HeldOut:
    """How rows that were held out agree with the ruler. A value is None where its pairs have no correlation.

    Attributes
    ----------
    kind, name
        Of the hold-out.
    rows
        Rows held out.
    among
        Spearman's correlation over pairs of held-out rows.
    across
        Over pairs of a held-out row and one that was fitted.
    both
        Over all of these pairs.
    within
        Over those of these pairs that share a branch: it owes nothing to telling branches apart. None without branches.
    """

    kind: HoldoutKind
    name: str
    rows: int
    among: float | None
    across: float | None
    both: float | None
    within: float | None


def held_out(
    rows: ArrayLike,
    ruler: ArrayLike,
    fitter: Fitter,
    holdouts: Iterable[Holdout],
    *,
    branches: Sequence[str] | None = None,
) -> tuple[HeldOut, ...]:
    """Fit the rows that are kept, place the others, and correlate distances with the ruler where they are involved.

    Parameters
    ----------
    rows
        Shape (n, width).
    ruler
        Shape (n, n); the fitter sees the part between rows that are kept.
    fitter
        Fits rows to a ruler.
    holdouts
        What to hold out, one after the other.
    branches
        Branch of each row, for ``within``.

    Raises
    ------
    ValueError
        If shapes do not fit, or a fit fails; its own message follows the name of the hold-out.
    """
    array = np.asarray(rows, dtype=np.float64)
    known = checked_distances("the ruler's distances", ruler, len(array))
    found = []
    for holdout in holdouts:
        held = holdout.held
        if held.shape != (len(array),) or not held.any() or held.all():
            raise ValueError(f"the {holdout.kind} hold-out {holdout.name!r} must hold some of {len(array)} rows out")
        try:
            fitted = fitter(array[~held], known[np.ix_(~held, ~held)])
        except ValueError as error:
            raise ValueError(f"without the {holdout.kind} {holdout.name!r}: {error}") from error
        latent = np.empty((len(array), fitted.latent.shape[1]))
        latent[~held], latent[held] = fitted.latent, fitted.place(array[held])
        distance = latent_distances(latent)
        involved = held[:, None] | held
        inside = None if branches is None else involved & same_label(branches)
        found.append(
            HeldOut(
                kind=holdout.kind,
                name=holdout.name,
                rows=int(held.sum()),
                among=pair_spearman(distance, known, held[:, None] & held),
                across=pair_spearman(distance, known, held[:, None] ^ held),
                both=pair_spearman(distance, known, involved),
                within=None if inside is None else pair_spearman(distance, known, inside),
            )
        )
    return tuple(found)
