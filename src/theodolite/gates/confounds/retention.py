"""How much of an effect is left when confounds are taken out."""

from __future__ import annotations

import numpy as np

from theodolite.gates.effects import RESAMPLES, Items, auroc, resampled
from theodolite.judgements import Effect

__all__ = ["RETENTION_LIMIT", "RETENTION_UNIT", "retention"]

RETENTION_LIMIT = 10.0
"""Shares are reported between -10 and 10: beyond, all that is known is that the raw effect may be nil."""
RETENTION_UNIT = "share of the raw effect"


def retention(raw: Items, residual: Items, seed: int, resamples: int = RESAMPLES, *, tail: float = 0.025) -> Effect:
    """Return the residual effect as a share of the raw one, with a 95 % percentile interval over the same resamples.

    Where the raw effect is not in the claimed direction there is nothing to retain: the estimate is 0. A resample in
    which it is not counts as the lowest share for the lower bound and as the highest for the upper one, so an interval
    that does not exclude a raw effect of nil is as wide as it has to be (as Fieller's is).

    Parameters
    ----------
    raw, residual
        The same items before and after the adjustment, both oriented so that the claimed direction is positive.
    seed, resamples
        As for the effects themselves: families are drawn with replacement, regulators' and targets' apart.
    tail
        Share of the resamples that the interval leaves out on either side; smaller for one of several places.

    Raises
    ------
    ValueError
        If the two have different numbers of families.
    """
    if (raw.families, raw.target_families) != (residual.families, residual.target_families):
        raise ValueError(
            f"raw has {raw.families} families and residual {residual.families}; they must be the same items"
        )
    before, after = resampled(raw, seed, resamples), resampled(residual, seed, resamples)
    drawn = ~np.isnan(before)
    before, after = before[drawn], after[drawn]
    there = before > 0.0
    share = np.divide(after, before, out=np.zeros_like(after), where=there)
    low = np.percentile(np.where(there, share, -RETENTION_LIMIT), 100 * tail, method="lower")
    high = np.percentile(np.where(there, share, RETENTION_LIMIT), 100 * (1 - tail), method="higher")
    effect = auroc(raw) - 0.5
    estimate = (auroc(residual) - 0.5) / effect if effect > 0.0 else 0.0
    low, estimate, high = np.clip([low, estimate, high], -RETENTION_LIMIT, RETENTION_LIMIT).tolist()
    return Effect(estimate=estimate, low=low, high=high, unit=RETENTION_UNIT)
