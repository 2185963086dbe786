"""Independent halves (G10): a block's families divided in two, and the claim tested in each (statistics, rule 11).

Families are divided, so that the halves share no gene and no paralogues: a pair belongs to a half if both of its ends
do, and pairs between the halves are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.lint import minimum_counts
from theodolite.measurements import BipartiteScores, GeneScores, PairScores

__all__ = ["ALPHA", "Halves", "HalfTest", "family_halves", "independent_halves", "restricted"]

Bools = NDArray[np.bool_]
Scored = GeneScores | PairScores | BipartiteScores

ALPHA: Final = 0.05
"""Level in each half."""

HalfTest = Callable[[Scored, int], tuple[float, float] | None]
"""Tests one half (its measurement, its number): effect and the panel's p; None where the half cannot be tested."""


@dataclass(frozen=True)
class Halves:
    """What the two halves of a block show.

    Attributes
    ----------
    possible
        Whether both halves could be tested.
    reference, families
        Member genes or reference pairs in each half, and the families that they span.
    effects, p_values
        Of each half; None where ``possible`` is False.
    """

    possible: bool
    reference: tuple[int, int]
    families: tuple[int, int]
    effects: tuple[float, float] | None
    p_values: tuple[float, float] | None

    @property
    def agree(self) -> bool:
        """Whether both effects have the same sign and both p are at most :data:`ALPHA`."""
        if self.effects is None or self.p_values is None:
            return False
        return self.effects[0] * self.effects[1] > 0.0 and max(self.p_values) <= ALPHA


def _touched(measurement: Scored) -> tuple[Bools, Bools]:
    """Return which rows and which columns of the scores the reference touches."""
    if isinstance(measurement, GeneScores):
        labels = measurement.members
    else:
        labels = measurement.edges
    if labels is None:
        raise ValueError(f"this {measurement.shape} carries no reference; attach one before dividing its families")
    if labels.ndim == 1:
        return labels, labels
    return np.asarray(labels.any(axis=1)), np.asarray(labels.any(axis=0))


def _row_families(measurement: Scored) -> tuple[str, ...]:
    return measurement.regulator_families if isinstance(measurement, BipartiteScores) else measurement.families


def _counts(measurement: Scored) -> tuple[int, int]:
    rows, _ = _touched(measurement)
    if isinstance(measurement, GeneScores):
        reference = int(rows.sum())
    else:
        assert measurement.edges is not None
        reference = int(measurement.edges.sum())
        reference //= 2 if isinstance(measurement, PairScores) else 1
    return reference, len({family for family, touched in zip(_row_families(measurement), rows, strict=True) if touched})


def family_halves(measurement: Scored, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Divide the families of a measurement in two at random, those that the reference touches evenly.

    Families that hold members (regulators of the reference, then its targets) are dealt out first, one to each half in
    turn, in random order; scores play no part.

    Raises
    ------
    ValueError
        If the measurement carries no reference.
    """
    rows, columns = _touched(measurement)
    row_families = _row_families(measurement)
    column_families = measurement.target_families if isinstance(measurement, BipartiteScores) else row_families
    ranks = dict.fromkeys(sorted({*row_families, *column_families}), 2)
    for families, touched, rank in ((column_families, columns, 1), (row_families, rows, 0)):
        ranks |= {family: rank for family, hit in zip(families, touched, strict=True) if hit}
    names = list(ranks)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    dealt = sorted((names[index] for index in shuffled), key=ranks.__getitem__)
    return frozenset(dealt[::2]), frozenset(dealt[1::2])


def _where(families: Iterable[str], kept: frozenset[str]) -> NDArray[np.intp]:
    return np.flatnonzero([family in kept for family in families])


def _named(names: tuple[str, ...], kept: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(names[index] for index in kept)


def restricted(measurement: Scored, families: frozenset[str]) -> Scored:
    """Return the part of a measurement whose genes (regulators and targets) are of these families."""
    if isinstance(measurement, BipartiteScores):
        rows = _where(measurement.regulator_families, families)
        columns = _where(measurement.target_families, families)
        return replace(
            measurement,
            regulators=_named(measurement.regulators, rows),
            targets=_named(measurement.targets, columns),
            score=measurement.score[np.ix_(rows, columns)],
            regulator_families=_named(measurement.regulator_families, rows),
            target_families=_named(measurement.target_families, columns),
            regulator_covariates=measurement.regulator_covariates[rows],
            target_covariates=measurement.target_covariates[columns],
            edges=None if measurement.edges is None else measurement.edges[np.ix_(rows, columns)],
        )
    kept = _where(measurement.families, families)
    genes, own = _named(measurement.genes, kept), _named(measurement.families, kept)
    covariates = measurement.covariates[kept]
    if isinstance(measurement, PairScores):
        score = measurement.score[np.ix_(kept, kept)]
        edges = None if measurement.edges is None else measurement.edges[np.ix_(kept, kept)]
        return replace(measurement, genes=genes, families=own, covariates=covariates, score=score, edges=edges)
    members = None if measurement.members is None else measurement.members[kept]
    return replace(
        measurement, genes=genes, families=own, covariates=covariates, score=measurement.score[kept], members=members
    )


def independent_halves(measurement: Scored, seed: int, test: HalfTest) -> Halves:
    """Test a claim in two family-disjoint halves of its block.

    Parameters
    ----------
    measurement
        Main, with the reference attached.
    seed
        Of the division.
    test
        Builds the contrast of a half, adjusts it and draws the panel. Called only if both halves hold enough
        (:func:`~theodolite.gates.lint.minimum_counts`).

    Raises
    ------
    ValueError
        If the measurement carries no reference.
    """
    parts = [restricted(measurement, families) for families in family_halves(measurement, seed)]
    counts = [_counts(part) for part in parts]
    reference, families = (counts[0][0], counts[1][0]), (counts[0][1], counts[1][1])
    if all(minimum_counts(measurement.shape, *count).passed for count in counts):
        first = test(parts[0], 0)
        second = None if first is None else test(parts[1], 1)
        if first is not None and second is not None:
            return Halves(True, reference, families, (first[0], second[0]), (first[1], second[1]))
    return Halves(False, reference, families, None, None)
