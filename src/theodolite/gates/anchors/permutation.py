"""Permutation tests of latent distances against a ruler: within blocks, within branches, and within levels of depth.

All are Mantel tests in which only rows that the nuisance treats alike change places. Each says what it conditions on:

* ``blocked_permutation`` moves stages within donor and tissue: do distances follow the ruler beyond donors?
* ``stage_shuffle`` moves stages within a branch, over pairs of one branch: do they follow progress beyond branches?
* ``branch_structure`` moves branches within a depth: do they follow the tree beyond depth?

A tree is shown by the last two together: a space that only tells branches apart passes the first and the last, one
that only knows depth the first two. Permuting unrestrictedly and correcting for a third matrix (partial Mantel) rejects
too often (Guillot and Rousset 2013); under a restricted permutation the third matrix stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.adjust import midranks
from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import Scheme, blocked_labels
from theodolite.manifolds.distances import checked_distances, same_label

__all__ = [
    "BranchStructure",
    "NothingMoves",
    "PermutationNull",
    "StageShuffle",
    "blocked_permutation",
    "branch_structure",
    "cells_within",
    "move_within",
    "null_branch",
    "refitted_permutation",
    "stage_shuffle",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CHUNK = 500


class NothingMoves(ValueError):
    """No permutation that is allowed changes a row's place on the ruler, or nothing is to be ranked."""


@dataclass(frozen=True)
class PermutationNull:
    """A statistic and its draws.

    Attributes
    ----------
    observed
        Spearman's correlation over the pairs that count.
    mean, spread
        Mean and standard deviation of the draws.
    p
        (1 + b) / (1 + m), b draws being at least as large.
    draws
        m.
    log10_arrangements
        Distinct arrangements of the rows that the permutation reaches, as a power of ten.
    moved
        Mean share of rows that a draw gives another place on the ruler.
    """

    observed: float
    mean: float
    spread: float
    p: float
    draws: int
    log10_arrangements: float
    moved: float

    @property
    def floor(self) -> float:
        """Smallest p that could have been found: by the number of draws, or of arrangements where these are fewer."""
        return float(max(1.0 / (1.0 + self.draws), 10.0**-self.log10_arrangements))


def _places(ruler: Floats) -> Ints:
    """Return a number for each row that rows at the same place of the ruler share."""
    return np.asarray(np.unique(ruler, axis=0, return_inverse=True)[1]).reshape(-1).astype(np.int64)


def _scheme(ruler: Floats, cells: Sequence[str], what: str) -> tuple[Scheme, Ints]:
    """Return the scheme that moves rows within cells, and rows' places on the ruler."""
    if len(cells) != len(ruler):
        raise ValueError(f"{len(cells)} {what} for {len(ruler)} rows; give one for each row")
    scheme, places = blocked_labels(cells), _places(ruler)
    if scheme.log10_arrangements(places) == 0.0:
        raise NothingMoves(
            f"within its {what} every row has one place on the ruler, so that no permutation changes anything; give "
            "coarser ones, or rows of several places in each"
        )
    return scheme, places


def _null(
    statistic: Callable[[Ints], float], observed: float, scheme: Scheme, places: Ints, draws: int, seed: int
) -> PermutationNull:
    found, moved = np.empty(draws), 0.0
    for start in range(0, draws, _CHUNK):
        images = permutations(scheme, min(_CHUNK, draws - start), seed, start)
        found[start : start + len(images)] = [statistic(image) for image in images]
        moved += float((places[images] != places).mean(axis=1).sum())
    return PermutationNull(
        observed=observed,
        mean=float(found.mean()),
        spread=float(found.std()),
        p=monte_carlo_p(exceedances(found, observed), draws),
        draws=draws,
        log10_arrangements=scheme.log10_arrangements(places),
        moved=moved / draws,
    )


def move_within(
    distance: Floats,
    ruler: Floats,
    cells: Sequence[str],
    what: str,
    draws: int,
    seed: int,
    pairs: Bools | None = None,
) -> PermutationNull:
    """Correlate a ruler with distances while rows change places within cells.

    Parameters
    ----------
    distance, ruler
        Shape (n, n), symmetric.
    cells, what
        Cell of each row, and what an error calls cells.
    draws, seed
        Permutations and the seed of them.
    pairs
        Shape (n, n), symmetric: the pairs that count, which changes of place must map onto one another, so that both
        matrices are ranked once; all where None.

    Raises
    ------
    NothingMoves
        If rows of a cell all have one place on the ruler, or nothing can be ranked.
    """
    scheme, places = _scheme(ruler, cells, what)
    observed = pair_spearman(distance, ruler, pairs)
    if observed is None:
        raise NothingMoves("all pairs that count have one distance, or one length on the ruler; nothing can be ranked")
    chosen = np.triu(np.ones(ruler.shape, dtype=np.bool_) if pairs is None else pairs, 1)
    ranked = []
    for matrix in (distance, ruler):
        ranks = midranks(matrix[chosen])
        ranks -= ranks.mean()
        whole = np.zeros(matrix.shape)
        whole[chosen] = ranks / np.linalg.norm(ranks)
        ranked.append(whole)
    latent, known = ranked[0][chosen], ranked[1] + ranked[1].T
    first, second = np.nonzero(chosen)

    def statistic(image: Ints) -> float:
        return float(latent @ known[image[first], image[second]])

    return _null(statistic, observed, scheme, places, draws, seed)


def blocked_permutation(
    distance: ArrayLike, ruler: ArrayLike, blocks: Sequence[str], *, draws: int = 2_000, seed: int = 0
) -> PermutationNull:
    """Ask whether distances follow the ruler, moving places on the ruler within blocks.

    The distances must owe nothing to the ruler: of a fitter that reads it, take :func:`refitted_permutation`.

    Parameters
    ----------
    distance, ruler
        Shape (n, n), symmetric.
    blocks
        Block of each row, such as its donor and tissue.
    draws, seed
        Permutations and the seed of them; no p is below 1 / (1 + draws).

    Raises
    ------
    ValueError
        If shapes do not fit, or no block has rows of two places.
    """
    known = checked_distances("the ruler's distances", ruler)
    latent = checked_distances("latent distances", distance, len(known))
    return move_within(latent, known, blocks, "blocks", draws, derive_seed(seed, "blocks"))


def refitted_permutation(
    statistic: Callable[[Floats], float],
    ruler: ArrayLike,
    blocks: Sequence[str],
    *,
    draws: int = 200,
    seed: int = 0,
) -> PermutationNull:
    """Ask the same of whatever is computed from a ruler, everything anew in each draw.

    Parameters
    ----------
    statistic
        Fits and scores, given a ruler (n, n).
    ruler
        Shape (n, n), symmetric.
    blocks
        Block of each row.
    draws, seed
        Permutations and the seed of them.

    Raises
    ------
    ValueError
        If shapes do not fit, or no block has rows of two places.
    """
    known = checked_distances("the ruler's distances", ruler)
    scheme, places = _scheme(known, blocks, "blocks")
    return _null(
        lambda image: statistic(known[np.ix_(image, image)]), statistic(known), scheme, places, draws,
        derive_seed(seed, "blocks"),
    )  # fmt: skip


def cells_within(*labels: Sequence[str] | None) -> list[str]:
    """Return the labels of each row as one, within which it changes places; those that are None do not count."""
    given = [list(values) for values in labels if values is not None]
    if len({len(values) for values in given}) > 1:
        raise ValueError(f"labels of {[len(values) for values in given]} rows; give one of each for every row")
    return ["\x1f".join(values) for values in zip(*given, strict=True)]


def null_branch(branches: Sequence[str], *, donors: Sequence[str] | None = None, seed: int = 0) -> Ints:
    """Return a permutation (n,) of rows within their branch, and their donor where given: one paired null branch.

    ``ruler[image][:, image]`` is the ruler of the null, on which a whole search is run again. It leaves branches apart
    from one another, so that a score over pairs of different branches stays high; those within a branch must fall.
    """
    image = permutations(blocked_labels(cells_within(branches, donors)), 1, derive_seed(seed, "null branch"))[0]
    return np.asarray(image)


@dataclass(frozen=True)
class StageShuffle:
    """Stages shuffled within their branch.

    Attributes
    ----------
    within
        Over pairs of one branch: progress beyond telling branches apart.
    all_pairs
        Over all pairs. Its ``mean`` is what a space scores that tells branches apart and knows no stage.
    """

    within: PermutationNull
    all_pairs: PermutationNull


def stage_shuffle(
    distance: ArrayLike,
    ruler: ArrayLike,
    branches: Sequence[str],
    *,
    donors: Sequence[str] | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> StageShuffle:
    """Ask whether distances follow progress within branches.

    Parameters
    ----------
    distance, ruler
        Shape (n, n), symmetric; the distances must owe nothing to the ruler.
    branches
        Branch of each row.
    donors
        Donor of each row; stages then move within branch and donor, which holds whatever donors differ in.
    draws, seed
        Permutations and the seed of them.

    Raises
    ------
    ValueError
        If shapes do not fit, or no branch has rows of two places.
    """
    known = checked_distances("the ruler's distances", ruler)
    latent = checked_distances("latent distances", distance, len(known))
    cells, stream = cells_within(branches, donors), derive_seed(seed, "stages")
    inside = move_within(latent, known, cells, "branches", draws, stream, same_label(branches))
    return StageShuffle(inside, move_within(latent, known, cells, "branches", draws, stream))


@dataclass(frozen=True)
class BranchStructure:
    """What the tree says of distances beyond depth.

    Attributes
    ----------
    tree, line
        Spearman's correlation of distances with the tree's, and with differences of depth.
    excess
        ``tree`` minus the mean of its null, which has what depth alone gives: 0 where branches are not told apart. A
        partial correlation given depth has no such zero, for ranks of a tree are not linear in ranks of its depths.
    null
        Of ``tree``: branches moved within depth, which stays as it is.
    """

    tree: float
    line: float
    excess: float
    null: PermutationNull


def branch_structure(
    distance: ArrayLike,
    tree: ArrayLike,
    depth: ArrayLike,
    *,
    blocks: Sequence[str] | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> BranchStructure:
    """Ask whether a tree explains distances better than the line of its depths.

    Parameters
    ----------
    distance
        Shape (n, n), symmetric; must owe nothing to the tree.
    tree
        Shape (n, n): distances along the tree.
    depth
        Shape (n,): distance of each row's node from the root.
    blocks
        Block of each row, such as its donor and tissue; branches then move within depth and block.
    draws, seed
        Permutations and the seed of them.

    Raises
    ------
    ValueError
        If shapes do not fit, or no depth has rows of two branches.
    """
    known = checked_distances("the tree's distances", tree)
    latent = checked_distances("latent distances", distance, len(known))
    steps = np.asarray(depth, dtype=np.float64)
    if steps.shape != (len(known),) or not np.isfinite(steps).all():
        raise ValueError(f"depths of shape {steps.shape} for {len(known)} rows; give one finite number for each row")
    cells = cells_within([repr(float(step)) for step in steps], blocks)
    null = move_within(latent, known, cells, "depths", draws, derive_seed(seed, "branches"))
    line = pair_spearman(latent, np.abs(steps[:, None] - steps))
    if line is None:
        raise ValueError("all rows have one depth; a tree and a line cannot be told apart, give rows of several depths")
    return BranchStructure(null.observed, line, null.observed - null.mean, null)
