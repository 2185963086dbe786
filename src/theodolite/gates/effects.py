"""Effect sizes: AUROC - 0.5 with a family bootstrap interval, and the gain over a baseline with the same resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.kernels import family_weights, weighted_aurocs
from theodolite.judgements import Effect

__all__ = ["RESAMPLES", "UNIT", "Items", "auroc", "effect_with_interval", "gene_items", "paired_gain", "pair_items"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RESAMPLES = 2_000
UNIT = "AUROC - 0.5"


@dataclass(frozen=True)
class Items:
    """Labelled items sorted by score: single genes or gene pairs.

    Attributes
    ----------
    first, second
        Family of either gene, 0 to families - 1; ``second`` is ``families`` (a family of weight 1) for single genes.
    label
        Whether the item is of the reference.
    opens
        True where an item scores higher than the one before it.
    families
        Number of families.
    """

    first: Ints
    second: Ints
    label: Bools
    opens: Bools
    families: int


def _sorted_items(score: Floats, label: Bools, first: Ints, second: Ints, families: int) -> Items:
    order = np.argsort(score, kind="stable")
    opens = np.diff(score[order], prepend=-np.inf) > 0
    return Items(first[order], second[order], label[order], opens, families)


def gene_items(score: Floats, members: Bools, family: Ints) -> Items:
    """Return genes as items: ``score``, ``members`` and ``family`` (index of each gene's family) have shape (n,)."""
    families = int(family.max()) + 1
    return _sorted_items(score, members, family, np.full(len(score), families, dtype=np.int64), families)


def pair_items(score: Floats, edges: Bools, family: Ints) -> Items:
    """Return pairs of genes of two families as items: ``score`` and ``edges`` (n, n) symmetric, ``family`` (n,)."""
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    return _sorted_items(score[i, j], edges[i, j], family[i], family[j], int(family.max()) + 1)


def auroc(items: Items) -> float:
    """Return the share of (reference, other) comparisons that the reference item wins, ties counting one half.

    Raises
    ------
    ValueError
        If all items or none are of the reference.
    """
    value = float(_draws(items, np.ones((1, items.families + 1), dtype=np.int64))[0])
    if np.isnan(value):
        raise ValueError(
            f"{int(items.label.sum())} of {len(items.label)} items are of the reference; need both classes"
        )
    return value


def _draws(items: Items, weights: Ints) -> Floats:
    return weighted_aurocs(items.first, items.second, items.label, items.opens, weights)


def _effect(estimate: float, draws: Floats) -> Effect:
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Effect(estimate=estimate, low=float(low), high=float(high), unit=UNIT)


def effect_with_interval(items: Items, seed: int, resamples: int = RESAMPLES) -> Effect:
    """Return AUROC - 0.5 with its 95 % percentile interval over resampled families.

    Families are drawn with replacement; a pair weighs the product of its families' weights, which is the pigeonhole
    bootstrap (Owen 2007): it overstates the variance of pure pair noise and never understates that of hubs.
    """
    weights = family_weights(items.families, resamples, seed)
    return _effect(auroc(items) - 0.5, _draws(items, weights) - 0.5)


def paired_gain(main: Items, baseline: Items, seed: int, resamples: int = RESAMPLES) -> tuple[Effect, Effect]:
    """Return the baseline's effect and the gain of ``main`` over it, resample by resample on the same families.

    The baseline counts by its magnitude, |AUROC - 0.5|, with the sign fixed at the point estimate: the direction of an
    axis is arbitrary, so a baseline that separates the wrong way round separates. This can only shrink the gain.

    Raises
    ------
    ValueError
        If the two have different numbers of families.
    """
    if main.families != baseline.families:
        raise ValueError(
            f"main has {main.families} families and its baseline {baseline.families}; they must be the same"
        )
    weights = family_weights(main.families, resamples, seed)
    raw = auroc(baseline) - 0.5
    sign = 1.0 if raw >= 0 else -1.0
    base = sign * (_draws(baseline, weights) - 0.5)
    gain = _draws(main, weights) - 0.5 - base
    return _effect(abs(raw), base), _effect(auroc(main) - 0.5 - abs(raw), gain)
