"""The null panel of a claim about anchors, by the names that a plan gives to its nulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import midranks
from theodolite.gates.anchors.permutation import PermutationNull, cells_within, move_within
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels
from theodolite.manifolds.distances import same_label
from theodolite.plans import NullName

__all__ = ["ANCHOR_NULLS", "JudgedRows", "anchor_null", "blinded_anchor_spread", "drawable", "null_draws", "reach"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ANCHOR_NULLS: Final[tuple[NullName, ...]] = ("swap_in_donor", "swap_in_branch", "swap_in_depth")
"""Nulls that a claim about anchors must beat, all of them."""

_STREAMS: Final[Mapping[NullName, str]] = {
    "swap_in_donor": "blocks",
    "swap_in_branch": "stages",
    "swap_in_depth": "branches",
}
"""What seeds are derived by: those of :mod:`theodolite.gates.anchors.permutation`, so that both draw the same."""
_CHUNK = 200
_WORLDS = 8
_DRAWS = 500


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Rows that count: n labels of each kind, and distances (n, n) between them on the ruler.

    ``depth`` is text; where one is empty the ruler knows no depth.
    """

    donor: Sequence[str]
    block: Sequence[str]
    branch: Sequence[str]
    depth: Sequence[str]
    ruler: Floats


def _cells(rows: JudgedRows, null: NullName) -> list[str]:
    """Return the labels within which rows change places under a null."""
    if null == "swap_in_donor":
        return list(rows.block)
    return cells_within(rows.branch if null == "swap_in_branch" else rows.depth, rows.donor)


def _counted(rows: JudgedRows, null: NullName) -> Bools:
    """Return the pairs (n, n) that a null is about: those of one branch, or all."""
    return same_label(rows.branch) if null == "swap_in_branch" else np.ones(rows.ruler.shape, dtype=np.bool_)


def _places(ruler: Floats) -> Ints:
    return np.asarray(np.unique(ruler, axis=0, return_inverse=True)[1]).reshape(-1).astype(np.int64)


def reach(rows: JudgedRows, null: NullName) -> float | None:
    """Return log10 of the arrangements that a null reaches; None where it cannot be drawn.

    It cannot where no row may change its place on the ruler, or depth is not known; neither looks at a latent space.
    """
    if null == "swap_in_depth" and not all(rows.depth):
        return None
    chosen = rows.ruler[np.triu(_counted(rows, null), 1)]
    if len(chosen) < 3 or np.ptp(chosen) == 0.0:
        return None
    found = blocked_labels(_cells(rows, null)).log10_arrangements(_places(rows.ruler))
    return found if found > 0.0 else None


def drawable(rows: JudgedRows) -> dict[NullName, float]:
    """Return log10 of the arrangements of every null of the panel that can be drawn."""
    return {null: far for null in ANCHOR_NULLS if (far := reach(rows, null)) is not None}


def anchor_null(rows: JudgedRows, null: NullName, distance: Floats, draws: int, seed: int) -> PermutationNull:
    """Draw one null of latent distances (n, n).

    Raises
    ------
    NothingMoves
        If the null cannot be drawn, or nothing can be ranked.
    """
    what = {"swap_in_donor": "blocks", "swap_in_branch": "branches", "swap_in_depth": "depths"}[null]
    return move_within(
        distance,
        rows.ruler,
        _cells(rows, null),
        what,
        draws,
        derive_seed(seed, _STREAMS[null]),
        _counted(rows, null),
    )


def _unit_ranks(values: Floats) -> Floats:
    ranks = midranks(values)
    ranks -= ranks.mean()
    size = np.linalg.norm(ranks)
    return np.asarray(ranks / size if size > 0.0 else ranks)


def null_draws(
    rows: JudgedRows, null: NullName, distances: Sequence[Floats], draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the statistic of several latent spaces (k,), and its draws (k, draws), which they share.

    The ruler's rows are gathered once for all spaces, so that many cost little more than one.
    """
    chosen = np.triu(_counted(rows, null), 1)
    first, second = np.nonzero(chosen)
    latent = np.stack([_unit_ranks(distance[chosen]) for distance in distances])
    known = np.zeros(rows.ruler.shape)
    known[chosen] = _unit_ranks(rows.ruler[chosen])
    known = known + known.T
    drawn = [latent @ part.T for part in _gathered(known, rows, null, first, second, draws, seed)]
    return latent @ known[chosen], np.concatenate(drawn, axis=1)


def _gathered(
    known: Floats, rows: JudgedRows, null: NullName, first: Ints, second: Ints, draws: int, seed: int
) -> Iterator[Floats]:
    """Yield the ruler's ranks of all pairs, shape (some draws, pairs), in every draw of a null."""
    scheme, stream = blocked_labels(_cells(rows, null)), derive_seed(seed, _STREAMS[null])
    flat, n = known.ravel(), len(known)
    for start in range(0, draws, _CHUNK):
        images = permutations(scheme, min(_CHUNK, draws - start), stream, start)
        yield np.take(flat, images[:, first] * n + images[:, second])


def blinded_anchor_spread(rows: JudgedRows, dimension: int, seed: int) -> float:
    """Return the standard deviation of Spearman's rho under the widest of the nulls, without any latent space.

    Gaussian coordinates stand in for it; a null that cannot be drawn does not count.

    Parameters
    ----------
    rows
        Those that will count.
    dimension
        Latent dimensions.
    seed
        Of the coordinates and of the draws.

    Raises
    ------
    ValueError
        If no null of the panel can be drawn.
    """
    from theodolite.manifolds.distances import latent_distances

    nulls = drawable(rows)
    if not nulls:
        raise ValueError("no row can change its place on the ruler under any null; give anchors of several stages")
    rng = np.random.default_rng(derive_seed(seed, "blinded"))
    worlds = [latent_distances(rng.standard_normal((len(rows.ruler), dimension))) for _ in range(_WORLDS)]
    variances = [null_draws(rows, null, worlds, _DRAWS, seed)[1].var(axis=1).mean() for null in nulls]
    return float(max(variances) ** 0.5)
