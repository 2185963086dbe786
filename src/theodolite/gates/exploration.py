"""What discovery units show: what an executor may look at. Exploratory; no null, no p, no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate
from theodolite.gates.adjust import midranks
from theodolite.gates.catalogue2.views import adjusted_score
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, Measurement, PairScores

__all__ = ["Margin", "Shown", "exploratory_effects", "shown"]

LEAST_GENES = 3
"""A reference with fewer genes among the discovery genes shows nothing."""
LEAST_FAMILIES = 2
"""Spread over families needs as many."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Margin:
    """What an effect on discovery units adds to the best baseline, and how well either is known.

    Attributes
    ----------
    error
        Standard error of the effect.
    gain, gain_error
        Size of the effect minus that of the best baseline at its own best place, and the standard error of the
        difference, which is paired.
    """

    error: float
    gain: float
    gain_error: float


@dataclass(frozen=True)
class Shown:
    """A measurement of discovery genes, adjusted as the gates will adjust it, and ranked once for all references.

    Attributes
    ----------
    rank
        Shape (k,): midranks of the candidate items.
    ends
        Shape (1, k) or (2, k): the family of each item's gene, or of both its genes.
    apart
        Whether first and second genes are two populations, regulators and targets.
    candidates
        Shape of the labels: which of them are items.
    """

    rank: Floats
    ends: NDArray[np.intp]
    apart: bool
    candidates: Bools

    @property
    def nbytes(self) -> int:
        """Bytes that it takes up."""
        return self.rank.nbytes + self.ends.nbytes + self.candidates.nbytes

    def effect(self, labels: Bools) -> tuple[float, int] | None:
        """Return AUROC - 0.5 of a reference and its number of genes; None where they are too few, or all there are."""
        label = labels[self.candidates]
        if self.candidates.ndim == 1:
            genes = int(label.sum())
        else:
            genes = int(labels.any(axis=1).sum() + labels.any(axis=0).sum()) // (1 if self.apart else 2)
        if genes < LEAST_GENES or not label.any() or label.all():
            return None
        m, n = int(label.sum()), len(label)
        return float((self.rank[label].sum() - m * (m + 1) / 2) / (m * (n - m))) - 0.5, genes

    def margin(self, labels: Bools, baseline: Shown | None, *, either: bool) -> Margin | None:
        """Return what a reference adds to the best baseline; None where its families are too few for an error.

        Errors come from sums over the families of the reference's genes, enlarged as Student's t is wider than a normal
        law with as few; the other genes are many and count as given. The placements of an item of the reference among
        the others (DeLong, DeLong and Clarke-Pearson 1988) are compared between model and baseline item by item.

        Parameters
        ----------
        labels
            The reference.
        baseline
            What the best baseline shows of the same genes at its own best place; None where no baseline shows it.
        either
            Whether either end will do, as for an axis.
        """
        label = labels[self.candidates]
        placed = self._placed(label, either=either)
        beside = np.full(len(placed), 0.5) if baseline is None else baseline._placed(label, either=either)
        error, gain_error = self._error(placed, label), self._error(placed - beside, label)
        if error is None or gain_error is None:
            return None
        return Margin(error, float((placed - beside).mean()), gain_error)

    def _placed(self, label: Bools, *, either: bool) -> Floats:
        inside = self.rank[label]
        placed = np.asarray((inside - midranks(inside)) / (len(label) - len(inside)))
        return 1.0 - placed if either and placed.mean() < 0.5 else placed

    def _error(self, values: Floats, label: Bools) -> float | None:
        ends, apart = self.ends[:, label], values - values.mean()
        populations = list(ends) if self.apart else [ends.ravel()]
        variance = 0.0
        for families in populations:
            present, code = np.unique(families, return_inverse=True)
            if len(present) < LEAST_FAMILIES:
                return None
            sums = np.bincount(code, weights=np.tile(apart, len(families) // len(apart)))
            variance += float(np.square(sums).sum()) * len(present) / max(len(present) - 3, 1)
        return float(np.sqrt(variance)) / len(values)


def _codes(families: tuple[str, ...]) -> NDArray[np.intp]:
    return np.unique(np.array(families), return_inverse=True)[1]


def shown(measurement: Measurement, adjustment: tuple[Covariate, ...], coexpression: Coexpression | None) -> Shown:
    """Return a measurement as agents may look at it.

    Parameters
    ----------
    measurement
        Scores of discovery genes.
    adjustment, coexpression
        What claims on this shape hold fixed, and the co-expression of the discovery genes where they hold that fixed.
    """
    adjusted = adjusted_score(measurement, adjustment, coexpression)
    if isinstance(measurement, GeneScores):
        codes = _codes(measurement.families)
        return Shown(midranks(adjusted), codes[None, :], False, np.ones(len(codes), dtype=bool))
    assert isinstance(measurement, (PairScores, BipartiteScores))
    candidates = measurement.candidates()
    if isinstance(measurement, PairScores):
        candidates = np.triu(candidates)
        first = second = _codes(measurement.families)
    else:
        first, second = _codes(measurement.regulator_families), _codes(measurement.target_families)
    i, j = np.nonzero(candidates)
    ends = np.stack([first[i], second[j]])
    return Shown(midranks(adjusted[candidates]), ends, isinstance(measurement, BipartiteScores), candidates)


def exploratory_effects(
    measurement: Measurement,
    labels: Mapping[str, Bools],
    adjustment: tuple[Covariate, ...],
    coexpression: Coexpression | None,
) -> dict[str, tuple[float, int]]:
    """Return AUROC - 0.5 of each reference in a measurement, adjusted as the gates will adjust it.

    Parameters
    ----------
    measurement, adjustment, coexpression
        As for :func:`shown`.
    labels
        By reference: (n,) membership of genes, (n, n) symmetric pairs of two families, or (r, t) edges.

    Returns
    -------
    dict
        Effect and number of the reference's genes; references with fewer than 3 genes, or with all, are left out.
    """
    seen = shown(measurement, adjustment, coexpression)
    found = {name: seen.effect(label) for name, label in labels.items()}
    return {name: effect for name, effect in found.items() if effect is not None}
