"""Effect sizes: AUROC - 0.5 with a family bootstrap interval, and the gain over a baseline with the same resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.kernels import derive_seed, family_weights, weighted_aurocs
from theodolite.gates.memo import Memo, array_key
from theodolite.judgements import Effect

__all__ = [
    "RESAMPLES",
    "UNIT",
    "Items",
    "auroc",
    "bipartite_items",
    "effect_with_gains",
    "effect_with_interval",
    "gene_items",
    "pair_items",
    "paired_gain",
    "resample_weights",
    "resampled",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RESAMPLES = 2_000
UNIT = "AUROC - 0.5"

_resampled: Memo[Floats] = Memo(512)


@dataclass(frozen=True)
class Items:
    """Scored items, single genes or gene pairs, by the families that their bootstrap weight comes from.

    Attributes
    ----------
    rest
        Shape (2, m): families of both genes of each item outside the reference, by rising score. The second is
        ``families`` (a family of weight 1) for single genes. 16 bits, so that a resample stays in the cache.
    reference
        Shape (2, k): the same of the items of the reference.
    below, through
        Shape (k,): items of ``rest`` that score lower than each item of the reference, and not higher.
    families
        Number of families, or of those of the regulators.
    target_families
        Number of families of the targets, a population of its own; 0 where both genes of an item are of one population.
    """

    rest: NDArray[np.uint16]
    reference: NDArray[np.uint16]
    below: Ints
    through: Ints
    families: int
    target_families: int = 0


def _items(score: Floats, label: Bools, first: Ints, second: Ints, families: int, target_families: int = 0) -> Items:
    if families + target_families >= np.iinfo(np.uint16).max:
        raise ValueError(
            f"{families + target_families} families are more than the {np.iinfo(np.uint16).max - 1} that a bootstrap "
            "holds"
        )
    ends = np.stack([first, second]).astype(np.uint16)
    outside = np.nonzero(~label)[0]
    outside = outside[np.argsort(score[outside], kind="stable")]
    ordered = score[outside]
    return Items(
        np.ascontiguousarray(ends[:, outside]),
        np.ascontiguousarray(ends[:, label]),
        np.searchsorted(ordered, score[label], side="left").astype(np.int64),
        np.searchsorted(ordered, score[label], side="right").astype(np.int64),
        families,
        target_families,
    )


def gene_items(score: Floats, members: Bools, family: Ints) -> Items:
    """Return genes as items: ``score``, ``members`` and ``family`` (index of each gene's family) have shape (n,)."""
    families = int(family.max()) + 1
    return _items(score, members, family, np.full(len(score), families, dtype=np.int64), families)


def pair_items(score: Floats, edges: Bools, family: Ints) -> Items:
    """Return pairs of genes of two families as items: ``score`` and ``edges`` (n, n) symmetric, ``family`` (n,)."""
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    return _items(score[i, j], edges[i, j], family[i], family[j], int(family.max()) + 1)


def bipartite_items(
    score: Floats, edges: Bools, candidates: Bools, regulator_family: Ints, target_family: Ints
) -> Items:
    """Return the candidate pairs of regulators and targets as items.

    Families of regulators and of targets are two populations, resampled apart, also where a family is in both.

    Parameters
    ----------
    score, edges, candidates
        Shape (r, t).
    regulator_family, target_family
        Shapes (r,) and (t,): family indices, each from 0.
    """
    i, j = np.nonzero(candidates)
    families, target_families = int(regulator_family.max()) + 1, int(target_family.max()) + 1
    return _items(score[i, j], edges[i, j], regulator_family[i], families + target_family[j], families, target_families)


def resample_weights(items: Items, resamples: int, seed: int) -> Ints:
    """Return how often each family is drawn in each bootstrap resample, shape (resamples, families + 1).

    Two populations are drawn apart and stand side by side. The last column is 1, for the absent second gene of an item.
    """
    weights = family_weights(items.families, resamples, seed)
    if not items.target_families:
        return weights
    targets = family_weights(items.target_families, resamples, derive_seed(seed, "targets"))
    return np.concatenate([weights[:, :-1], targets], axis=1)


def auroc(items: Items) -> float:
    """Return the share of (reference, other) comparisons that the reference item wins, ties counting one half.

    Raises
    ------
    ValueError
        If all items or none are of the reference.
    """
    value = float(_draws(items, np.ones((1, items.families + items.target_families + 1), dtype=np.int64))[0])
    if np.isnan(value):
        inside, outside = items.reference.shape[1], items.rest.shape[1]
        raise ValueError(f"{inside} of {inside + outside} items are of the reference; need both classes")
    return value


def _draws(items: Items, weights: Ints) -> Floats:
    return weighted_aurocs(items.rest, items.reference, items.below, items.through, weights)


def _effect(estimate: float, draws: Floats, *, bounded: bool = False) -> Effect:
    low, upper, high = np.nanpercentile(draws, [2.5, 95.0, 97.5])
    return Effect(
        estimate=estimate, low=float(low), high=float(high), unit=UNIT, upper=float(upper) if bounded else None
    )


def resampled(items: Items, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Return AUROC - 0.5 of each bootstrap resample of families, shape (resamples,); remembered by content.

    The same seed draws the same families for all items of as many families, so that resamples can be paired. NaN where
    a resample has no item of one class.
    """
    key = (array_key(items.rest, items.reference, items.below, items.through), items.families, items.target_families)

    def draw() -> Floats:
        found = _draws(items, resample_weights(items, resamples, seed)) - 0.5
        found.setflags(write=False)
        return found

    return _resampled.get((*key, seed, resamples), draw)


def effect_with_gains(
    main: Items, baselines: Sequence[Items], seed: int, resamples: int = RESAMPLES, *, bounded: bool = False
) -> tuple[Effect, list[tuple[Effect, Effect]]]:
    """Return AUROC - 0.5 with its 95 % percentile interval, and each baseline's effect with the gain over it.

    Families are drawn with replacement, the same for all; a pair weighs the product of its families' weights, which is
    the pigeonhole bootstrap (Owen 2007): it overstates the variance of pure pair noise and never understates that of
    hubs. A baseline counts by its magnitude, |AUROC - 0.5|, with the sign fixed at the point estimate: the direction of
    an axis is arbitrary, so a baseline that separates the wrong way round separates. This can only shrink the gain.
    ``bounded`` adds the one-sided 95 % upper bound to the main effect.

    Raises
    ------
    ValueError
        If a baseline has another number of families.
    """
    estimate, draws = auroc(main) - 0.5, resampled(main, seed, resamples)
    gains = []
    for baseline in baselines:
        if (main.families, main.target_families) != (baseline.families, baseline.target_families):
            raise ValueError(
                f"main has {main.families} families and its baseline {baseline.families}; they must be the same"
            )
        raw = auroc(baseline) - 0.5
        base = (1.0 if raw >= 0 else -1.0) * resampled(baseline, seed, resamples)
        gains.append((_effect(abs(raw), base), _effect(estimate - abs(raw), draws - base)))
    return _effect(estimate, draws, bounded=bounded), gains


def effect_with_interval(items: Items, seed: int, resamples: int = RESAMPLES) -> Effect:
    """Return AUROC - 0.5 with its interval; see :func:`effect_with_gains`."""
    return effect_with_gains(items, (), seed, resamples)[0]


def paired_gain(main: Items, baseline: Items, seed: int, resamples: int = RESAMPLES) -> tuple[Effect, Effect]:
    """Return a baseline's effect and the gain of ``main`` over it; see :func:`effect_with_gains`."""
    return effect_with_gains(main, (baseline,), seed, resamples)[1][0]
