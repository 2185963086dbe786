"""The planted null (G7-): on references that mean nothing a test must reject as seldom as it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.bipartite import BipartiteContrast
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.controls.replicas import Known, known, row_indicator
from theodolite.gates.evidence import exceeding, wealth
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.nulls import Contrast
from theodolite.gates.schemes import Scheme
from theodolite.plans import NullName

__all__ = ["DRAWS", "MOST", "REFERENCES", "Calibration", "Mover", "calibrated", "planted_null"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REFERENCES: Final = 200
DRAWS: Final = 199
MOST: Final = 18
"""Rejections at 0.05 among 200 true nulls that a calibrated test exceeds about once in two hundred times."""
_ALPHA: Final = 0.05
_LARGEST_TABLE: Final = 2**21
"""Costs held at once."""

Mover = Literal["family_block_swap", "stratified_labels"]
"""Nulls that can move a reference to where it means nothing: those that permute genes."""


@dataclass(frozen=True)
class Calibration:
    """How references behaved that are null by construction.

    Attributes
    ----------
    small
        References with p at most 0.05 under each of ``nulls``.
    references
        References tried.
    mean_e, se
        Mean over the references of the smallest wealth under ``nulls`` after the fixed draws, and its standard error.
    most
        Small p-values allowed.
    nulls
        Nulls drawn. A further null can only take small p-values and wealth away, so the panel is drawn no further than
        it takes to pass.
    """

    small: int
    references: int
    mean_e: float
    se: float
    most: int
    nulls: tuple[NullName, ...]

    @property
    def passed(self) -> bool:
        """Whether there are no more small p-values, and no more wealth, than chance explains."""
        return self.small <= self.most and self.mean_e <= 1.0 + 3.0 * self.se


def planted_null(
    contrast: AnyContrast,
    *,
    panel: Sequence[NullName],
    seed: int,
    references: int = REFERENCES,
    draws: int = DRAWS,
    most: int = MOST,
    moved_by: Mover | None = None,
) -> Calibration:
    """Test references that are null by construction, on the claim's own adjusted scores, as the claim is tested.

    Parameters
    ----------
    contrast
        The claim's.
    panel
        Nulls to beat, all of them.
    seed
        Of the moved references and of their draws.
    references, draws, most
        References, draws of each null for each of them, and small p-values allowed.
    moved_by
        The null that moves the references; where None, family blocks if they are in the panel, else single genes.

    Raises
    ------
    ValueError
        If no null of the panel permutes genes and none is named, or a number is below 2.
    TypeError
        If the contrast is neither of genes, pairs nor regulators.
    """
    contrast = known(contrast)
    if min(references, draws) < 2:
        raise ValueError(f"{references!r} references with {draws!r} draws each; need 2 of both, or more")
    movers: tuple[Mover, ...] = ("family_block_swap", "stratified_labels")
    mover = moved_by or next((null for null in movers if null in panel), None)
    if mover is None:
        raise ValueError(
            f"no null of the panel {', '.join(panel)!r} permutes genes; name the one that moves references"
        )
    label_seed = contrast.seed(mover, derive_seed(seed, "moved references"))

    def lost(null: NullName, rows: Ints) -> Ints:
        draw_seed = contrast.seed(null, derive_seed(seed, "draws of moved references"))
        return _exceedances(contrast, mover, label_seed, rows, null, draws, draw_seed)

    return calibrated(panel, mover, references, draws, most, lost)


def calibrated(
    panel: Sequence[NullName],
    mover: Mover,
    references: int,
    draws: int,
    most: int,
    lost: Callable[[NullName, Ints], Ints],
) -> Calibration:
    """Test moved references against one null after another, the mover's first, until their p and e are small enough.

    Parameters
    ----------
    panel, mover
        Nulls to beat, and the one that moved the references.
    references, draws, most
        As for :func:`planted_null`.
    lost
        ``lost(null, rows)`` returns how many draws of a null reach the statistic of each of these references.
    """
    worst_p, least_e = np.zeros(references), np.full(references, np.inf)
    drawn: list[NullName] = []
    for null in sorted(panel, key=lambda null: null != mover):
        rows = np.flatnonzero((worst_p <= _ALPHA) | (least_e >= 1.0))
        reached = lost(null, rows)
        worst_p[rows] = np.maximum(worst_p[rows], (reached + 1) / (draws + 1))
        least_e[rows] = np.minimum(least_e[rows], wealth(reached, draws))
        drawn.append(null)
        found = Calibration(
            small=int((worst_p <= _ALPHA).sum()),
            references=references,
            mean_e=float(least_e.mean()),
            se=float(least_e.std(ddof=1) / references**0.5),
            most=most,
            nulls=tuple(drawn),
        )
        if found.passed:
            break
    return found


def _exceedances(
    contrast: Known, mover: Mover, label_seed: int, rows: Ints, null: NullName, draws: int, seed: int
) -> Ints:
    """Return how many draws of a null reach the statistic of each moved reference, for the references ``rows``."""
    if isinstance(contrast, BipartiteContrast):
        if null == mover:
            observed, sums = _moved_sides(contrast, mover, label_seed, rows, draws, seed)
            return _count(sums, observed)
        return _one_by_one(contrast, _moved_edges(contrast, mover, label_seed, rows), null, draws, seed)
    images = permutations(contrast.schemes[mover], int(rows.max()) + 1, label_seed)[rows]
    if null not in contrast.schemes:
        return _one_by_one(contrast, _moved_labels(contrast, images), null, draws, seed)
    observed, sums = _moved_genes(contrast, images, permutations(contrast.schemes[null], draws, seed))
    return _count(sums, observed)


def _count(sums: Floats, observed: Floats) -> Ints:
    return np.asarray(exceeding(sums, observed[:, None]).sum(axis=1), dtype=np.int64)


def _moved_genes(contrast: Contrast, moved: Ints, images: Ints) -> tuple[Floats, Floats]:
    """Return the statistics of moved references, (k,), and their draws, (k, draws); all share the permutations."""
    first = moved[:, contrast.first]
    if contrast.second is None:
        places = row_indicator(first, len(contrast.rank))
        return contrast.rank[first].sum(axis=1), np.asarray(places @ contrast.rank[images].T)
    second = moved[:, contrast.second]
    sums = [contrast.rank[image[first], image[second]].sum(axis=1) for image in images]
    return contrast.rank[first, second].sum(axis=1), np.stack(sums, axis=1)


def _moved_sides(
    contrast: BipartiteContrast, mover: Mover, label_seed: int, rows: Ints, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the same for regulators, or targets, that change places.

    Entry (i, j) of the costs is what row i of the reference adds with the scores of row j. The rank sum of a
    permutation adds up one cost a row, and a draw of a moved reference is a composition of two permutations.
    """
    scheme, labels, rank = _side(contrast, mover)
    held = np.flatnonzero(labels.any(axis=1))
    cost = labels[held].astype(np.float64) @ rank.T
    moved = permutations(scheme, int(rows.max()) + 1, label_seed)[rows][:, held]
    places = row_indicator(np.arange(len(held)) * scheme.n + moved, len(held) * scheme.n)
    at_once = max(1, _LARGEST_TABLE // cost.size)
    sums = [
        places @ cost[:, permutations(scheme, min(at_once, draws - start), seed, start).T].reshape(cost.size, -1)
        for start in range(0, draws, at_once)
    ]
    return np.asarray(places @ cost.ravel()), np.concatenate(sums, axis=1)


def _side(contrast: BipartiteContrast, mover: Mover) -> tuple[Scheme, Bools, Floats]:
    if mover == "family_block_swap":
        return contrast.rows, contrast.labels, contrast.rank
    return contrast.columns, contrast.labels.T, contrast.rank.T


def _moved_labels(contrast: Contrast, images: Ints) -> list[Bools]:
    found = []
    for image in images:
        labels = np.zeros_like(contrast.labels)
        if contrast.second is None:
            labels[image[contrast.first]] = True
        else:
            first, second = image[contrast.first], image[contrast.second]
            labels[first, second] = labels[second, first] = contrast.family[first] != contrast.family[second]
        found.append(labels)
    return found


def _moved_edges(contrast: BipartiteContrast, mover: Mover, label_seed: int, rows: Ints) -> list[Bools]:
    """Return moved references without the pairs that landed inside a family, as a reference is attached."""
    scheme, labels, _ = _side(contrast, mover)
    found = []
    for image in permutations(scheme, int(rows.max()) + 1, label_seed)[rows]:
        moved = np.zeros_like(labels)
        moved[image] = labels
        found.append((moved if mover == "family_block_swap" else moved.T) & contrast.pairs)
    return found


def _one_by_one(contrast: Known, references: list[Bools], null: NullName, draws: int, seed: int) -> Ints:
    lost = []
    for labels in references:
        moved = contrast.relabelled(labels)
        lost.append(int(exceeding(moved.draw(null, draws, seed), moved.observed()).sum()))
    return np.array(lost, dtype=np.int64)
