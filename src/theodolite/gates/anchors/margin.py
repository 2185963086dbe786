"""By how much a latent space follows a ruler better than its baselines, with donors as the units of the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.adjust import midranks
from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.dimension import LEAST_DONORS
from theodolite.manifolds.distances import checked_distances

__all__ = ["Margin", "donor_correlations", "margins"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Margin:
    """Spearman's correlation with the ruler, of a latent space and of a baseline.

    Attributes
    ----------
    baseline
        Its name.
    rho, baseline_rho
        The two correlations over the same pairs.
    margin
        Their difference.
    low, high
        95 % percentile interval over donors drawn with replacement. With a dozen donors it covers less than it says.
    donors, draws
        How many.
    """

    baseline: str
    rho: float
    baseline_rho: float
    margin: float
    low: float
    high: float
    donors: int
    draws: int


def donor_correlations(
    distances: Mapping[str, ArrayLike],
    ruler: ArrayLike,
    donors: Sequence[str],
    *,
    pairs: Bools | None = None,
    draws: int = 2_000,
    seed: int = 0,
    copies: bool = True,
) -> list[Floats]:
    """Return Spearman's correlations with the ruler, in the full sample and in bootstrap samples of donors.

    Samples of one seed are of the same donors, whatever the distances, so that differences are paired.

    Parameters
    ----------
    distances
        Matrices (n, n) by the name that an error calls them.
    ruler, donors, pairs, draws, seed
        See :func:`margins`.
    copies
        Whether a donor that is drawn m times counts m² in pairs of its own rows. Pairs within donors then weigh twice
        what they do in the full sample, which moves samples to one side of it; a difference of two correlations hardly
        notices, a bound on one does. Without copies it counts m.

    Returns
    -------
    list of numpy.ndarray
        One for each matrix, shape (1 + draws,), the full sample first. NaN where a sample has pairs of one length only.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer than :data:`LEAST_DONORS` donors, or a correlation is not defined.
    """
    known = checked_distances("the ruler's distances", ruler)
    n = len(known)
    names, donor = np.unique(np.asarray(donors, dtype=str), return_inverse=True)
    if len(donor) != n:
        raise ValueError(f"{len(donor)} donors for {n} rows; name the donor of each row")
    if len(names) < LEAST_DONORS:
        raise ValueError(
            f"{len(names)} donors are too few for an interval over donors; give {LEAST_DONORS} or more, or report the "
            "difference without one"
        )
    chosen = np.triu(np.ones((n, n), dtype=np.bool_) if pairs is None else np.asarray(pairs, dtype=np.bool_), 1)
    first, second = np.nonzero(chosen)
    cell = donor[first] * len(names) + donor[second]
    target = midranks(known[chosen])
    rng = np.random.default_rng(derive_seed(seed, "donors"))
    samples = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=draws)
    weights = np.concatenate([np.ones((1, len(names))), samples.astype(np.float64)])

    def correlations(what: str, matrix: ArrayLike) -> Floats:
        ranks = midranks(checked_distances(f"distances of {what}", matrix, n)[chosen])
        x, y = ranks - ranks.mean(), target - target.mean()

        def total(values: Floats) -> Floats:
            sums = np.bincount(cell, values, len(names) ** 2).reshape(len(names), len(names))
            whole = ((weights @ sums) * weights).sum(axis=1)
            return np.asarray(whole if copies else whole - (weights**2 - weights) @ np.diag(sums))

        mass = total(np.ones(len(x)))
        with np.errstate(divide="ignore", invalid="ignore"):
            mx, my = total(x) / mass, total(y) / mass
            both = total(x * y) / mass - mx * my
            found = both / np.sqrt((total(x * x) / mass - mx**2) * (total(y * y) / mass - my**2))
        if not np.isfinite(found[0]):
            raise ValueError(f"distances of {what}, or the ruler's, are all equal over the pairs that count")
        return np.asarray(found)

    return [correlations(name, matrix) for name, matrix in distances.items()]


def margins(
    distance: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    ruler: ArrayLike,
    donors: Sequence[str],
    *,
    pairs: Bools | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> tuple[Margin, ...]:
    """Compare distances with those of baselines, donors drawn anew in every bootstrap sample.

    A donor that is drawn m times counts m² in pairs of its own rows and m m' in pairs with another's. Ranks are those
    of the full sample throughout, so that a sample is a weighted correlation of ranks and costs a quadratic form of the
    donors.

    Parameters
    ----------
    distance
        Shape (n, n): latent distances of the candidate.
    baselines
        Distances of the same rows by name of the baseline.
    ruler
        Shape (n, n).
    donors
        Donor of each row.
    pairs
        Shape (n, n), symmetric: pairs that count, such as those with a held-out row; all where None.
    draws, seed
        Bootstrap samples and the seed of them.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer than :data:`LEAST_DONORS` donors, or a correlation is not defined.
    """
    own, *others = donor_correlations(
        {"the candidate": distance, **baselines}, ruler, donors, pairs=pairs, draws=draws, seed=seed
    )
    results = []
    for name, other in zip(baselines, others, strict=True):
        difference = own - other
        # A sample of one donor over and over may have pairs of one length only.
        low, high = np.nanquantile(difference[1:], [0.025, 0.975])
        whole = (float(own[0]), float(other[0]), float(difference[0]))
        results.append(Margin(name, *whole, float(low), float(high), len(set(donors)), draws))
    return tuple(results)
