"""Hold-outs: whether rows that a fit never saw land where a ruler says.

Trustworthiness or a correlation on the rows that were fitted is met by any smooth map. Of three ways to hold rows out,
random ones leave a neighbour of the same donor and stage in the fit, donors leave the stage, and only branches leave
nothing near.

A correlation over pairs of a held-out row and a fitted one is not 0 by chance. A fitter that reads the ruler puts nodes
from which all paths are short in the middle of its fitted rows, and rows that it knows nothing of there too; they are
then near what is near everything. So each hold-out has a null of its own, in which held-out rows swap places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.anchors.permutation import NothingMoves, PermutationNull, move_within
from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.distances import checked_distances, latent_distances, same_label
from theodolite.manifolds.embedding import Fitter
from theodolite.manifolds.holdouts import Holdout, HoldoutKind

__all__ = [
    "HeldOut",
    "held_out",
    "kind_means",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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
    nulls
        Of ``both``, held-out rows swapping places with one another, by the name of what they swap within. Its ``mean``
        is what the place of all of them together gives, whichever is which. None where no swap changes anything.
    """

    kind: HoldoutKind
    name: str
    rows: int
    among: float | None
    across: float | None
    both: float | None
    within: float | None
    nulls: Mapping[str, PermutationNull | None]


def held_out(
    rows: ArrayLike,
    ruler: ArrayLike,
    fitter: Fitter,
    holdouts: Iterable[Holdout],
    *,
    branches: Sequence[str] | None = None,
    swaps: Mapping[str, Sequence[str]] | None = None,
    draws: int = 200,
    seed: int = 0,
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
    swaps
        What held-out rows swap places within: by name, a label for each row. Donor and tissue hold what donors differ
        in; donor and branch ask for progress within branches, donor and depth for branches beyond depth. Since no fit
        saw the rows, these hold for a fitter that reads the ruler too. One null, ``any``, of all swaps where None.
    draws, seed
        Draws of each null, and the seed of them.

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
                nulls={
                    name: _swapped(distance, known, held, cells, draws, derive_seed(seed, *holdout.key, name))
                    for name, cells in (swaps or {"any": [""] * len(array)}).items()
                },
            )
        )
    return tuple(found)


def kind_means(
    scores: Sequence[HeldOut], pairs: Literal["among", "across", "both", "within"]
) -> dict[str, float | None]:
    """Return the mean of one correlation over the hold-outs of each kind; None where it is defined in none of them."""
    means: dict[str, float | None] = {}
    for kind in get_args(HoldoutKind):
        found = [getattr(score, pairs) for score in scores if score.kind == kind]
        known = [value for value in found if value is not None]
        means[kind] = float(np.mean(known)) if known else None
    return means


def _swapped(
    distance: Floats, ruler: Floats, held: Bools, labels: Sequence[str], draws: int, seed: int
) -> PermutationNull | None:
    """Return the null of all pairs with a held-out row, or None where swapping these changes nothing."""
    if len(labels) != len(held):
        raise ValueError(f"{len(labels)} labels to swap within for {len(held)} rows; give one for each row")
    # A fitted row is alone in its cell, and stays.
    cells = [f"held {name}" if out else f"row {row}" for row, (name, out) in enumerate(zip(labels, held, strict=True))]
    try:
        return move_within(distance, ruler, cells, "blocks", draws, seed, held[:, None] | held)
    except NothingMoves:
        return None
