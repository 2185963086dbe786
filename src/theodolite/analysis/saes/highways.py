"""Information highways: features of one layer that go with a feature of a later layer at the same positions.

A feature was called part of a highway if its largest pointwise mutual information (PMI) with any feature of another
layer exceeded 3 bits, and 97 to 99.8 % of the features were (arXiv 2603.02952, cross-layer dependencies). There was no
least count and no null. A feature that fires at ten positions meets one of thousands of others there once by chance,
and if that one is rare too, a single meeting is a PMI of many bits. Here a pair needs a hundred meetings, and the share
of features with a partner is taken again after the later layer's positions were shuffled.

Positions of two layers hold the same token of the same cell, so much is shared that no layer passes on. One null keeps
what a cell shares, another what a gene shares, and the last keeps neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from theodolite.compiling import compiled
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

__all__ = ["HighwayNull", "Highways", "highways"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class HighwayNull:
    """Share of features with a partner after the later layer's positions were shuffled.

    Attributes
    ----------
    null
        ``within_cells``, ``within_genes`` or ``positions``.
    shares
        Shape (draws,): share of the eligible features in each draw, chosen and counted in the same way.
    p
        (1 + draws with a share at least as large) / (1 + draws).
    moved
        Mean share of positions that a draw gives the activity of another; a null that moves nothing shows nothing.
    """

    null: str
    shares: Floats
    p: float
    moved: float


@dataclass(frozen=True, eq=False)
class Highways:
    """Features of an earlier layer beside those of a later one; F features in the earlier.

    Attributes
    ----------
    partner
        Shape (F,): the later layer's feature with the largest PMI among those met often enough; -1 without one.
    pmi
        Shape (F,): their PMI in bits, log2 of the share of positions where both are active over the product of the
        shares of each; minus infinity without a partner.
    together
        Shape (F,): positions where both are active; 0 without a partner.
    eligible
        Shape (F,): features active at enough positions to meet any other often enough. The others can show nothing
        and are in no share.
    share
        Share of the eligible features whose PMI is at least ``least_pmi``.
    nulls
        ``within_cells`` shuffles positions of a cell: what is left is what the two have by firing in the same cells.
        ``within_genes``, where genes are given, shuffles positions of a gene over cells: what is left is what they
        have by firing on the same genes, which two dictionaries of tokens do with no layer between them.
        ``positions`` shuffles all.
    least_pmi, least_together
        As given.
    positions
        How many there are.
    """

    partner: Ints
    pmi: Floats
    together: Ints
    eligible: Bools
    share: float
    nulls: tuple[HighwayNull, ...]
    least_pmi: float
    least_together: int
    positions: int


def highways(
    earlier: csr_array,
    later: csr_array,
    cell: ArrayLike,
    *,
    gene: ArrayLike | None = None,
    least_pmi: float = 3.0,
    least_together: int = 100,
    draws: int = 19,
    seed: int = 0,
) -> Highways:
    """Find for each feature the later feature that it goes with most, and how many would have one by chance.

    Parameters
    ----------
    earlier, later
        Shapes (positions, F) and (positions, G), sparse: activity of two layers at the same positions. A feature is
        active where its value is not 0.
    cell
        Shape (positions,): number of the cell of each position, from 0.
    gene
        Shape (positions,): number of the gene of each position, from 0; adds the null within genes.
    least_pmi
        In bits; 3 as published.
    least_together
        Positions where both are active; 1 as published.
    draws, seed
        Shuffles of each null, and their seed. Each takes as long as the observed count, which needs 4 F G bytes.

    Raises
    ------
    ValueError
        If shapes do not fit, no feature is active often enough, or a parameter is out of range.
    """
    first, second = (csr_array(csr_array(each) != 0) for each in (earlier, later))
    blocks = {"within_cells": np.asarray(cell, dtype=np.int64)}
    if gene is not None:
        blocks["within_genes"] = np.asarray(gene, dtype=np.int64)
    positions = first.shape[0]
    if second.shape[0] != positions or any(each.shape != (positions,) for each in blocks.values()):
        raise ValueError(
            f"activity of shapes {first.shape} and {second.shape}, "
            + ", ".join(f"{name.removeprefix('within_')} of {each.shape}" for name, each in blocks.items())
            + "; give both layers, a cell and a gene for the same positions"
        )
    if draws < 1 or least_together < 1 or not least_pmi > 0.0:
        raise ValueError(
            f"{draws} draws, {least_together} positions together, PMI of {least_pmi:g}; need a draw, a position, and a "
            "PMI above 0"
        )
    blocks["positions"] = np.zeros(positions, dtype=np.int64)
    counting = _Counting(first, second, least_together)
    if not counting.eligible.any():
        raise ValueError(
            f"none of {first.shape[1]} features is active at {least_together} of {positions} positions; read more "
            "positions"
        )
    partner, pmi, together = counting.best(np.arange(positions))
    share = counting.share(pmi, least_pmi)
    nulls = []
    for name, of in blocks.items():
        scheme, root = blocked_labels([str(each) for each in of.tolist()]), derive_seed(seed, name)
        shares, moved = np.empty(draws), 0.0
        # One at a time: images of all draws would be larger than the activity.
        for draw in range(draws):
            image = permutations(scheme, 1, root, draw)[0]
            moved += float((image != np.arange(positions)).mean()) / draws
            shares[draw] = counting.share(counting.best(image)[1], least_pmi)
        nulls.append(HighwayNull(name, shares, monte_carlo_p(exceedances(shares, share), draws), moved))
    return Highways(
        partner, pmi, together, counting.eligible, share, tuple(nulls), least_pmi, least_together, positions
    )


class _Counting:
    """Positions that features of two layers share; a shuffle leaves the number of each feature's positions as it is."""

    def __init__(self, first: csr_array, second: csr_array, least_together: int) -> None:
        self._layers = tuple((each.indptr.astype(np.int64), each.indices.astype(np.int64)) for each in (first, second))
        active, later = (np.bincount(each.indices, minlength=each.shape[1]) for each in (first, second))
        self._active, self._active_later = active.astype(np.float64), later.astype(np.float64)
        self._positions, self._least = float(first.shape[0]), least_together
        self.eligible: Bools = active >= least_together

    def best(self, image: Ints) -> tuple[Ints, Floats, Ints]:
        """Return partner, PMI and common positions of each feature, shape (F,), if positions get their image's."""
        (start, feature_of), (start_later, later_of) = self._layers
        common = np.zeros((len(self._active), len(self._active_later)), dtype=np.int32)
        _count_meetings(start, feature_of, start_later, later_of, image, common)
        feature, other = np.nonzero(common >= self._least)
        both = common[feature, other].astype(np.int64)
        value = np.log2(both * self._positions / (self._active[feature] * self._active_later[other]))
        partner, together = np.full(len(self.eligible), -1), np.zeros(len(self.eligible), dtype=np.int64)
        pmi = np.full(len(self.eligible), -np.inf)
        # In rising order, so that the largest PMI, and of equal ones the smallest number, is written last.
        order = np.lexsort((-other, value))
        partner[feature[order]], pmi[feature[order]] = other[order], value[order]
        together[feature[order]] = both[order]
        return partner, pmi, together

    def share(self, pmi: Floats, least_pmi: float) -> float:
        return float((pmi[self.eligible] >= least_pmi).mean())


@compiled
def _count_meetings(
    start: Ints, feature: Ints, start_later: Ints, later: Ints, image: Ints, common: NDArray[np.int32]
) -> None:
    """Add to ``common`` (F, G) the positions where each two features are active, the later at the image's."""
    for position in range(len(start) - 1):
        other = image[position]
        for one in range(start[position], start[position + 1]):
            row = common[feature[one]]
            for two in range(start_later[other], start_later[other + 1]):
                row[later[two]] += 1
