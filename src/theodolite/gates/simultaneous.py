"""Intervals for the best of several places that are honest about the choice: one bootstrap, all places at once.

The largest of several estimates is too large on average, and the interval that it would have had alone misses too
often. Here every place gets bounds that hold for all places together (single-step max-T over the family bootstrap;
Hothorn, Bretz and Westfall 2008), so that they hold for whichever place was chosen, by whatever rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.confounds import retention
from theodolite.gates.effects import RESAMPLES, UNIT, Items, auroc, resampled
from theodolite.judgements import Effect

__all__ = ["Bounds", "Gained", "effect_somewhere", "gain_somewhere", "retention_somewhere", "simultaneous_bounds"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Bounds of k estimates that hold together, shape (k,) each.

    Attributes
    ----------
    estimate
        The estimates.
    low, high
        95 % two-sided, never narrower than the interval of a place alone.
    upper
        One-sided 95 %.
    median
        What each estimate exceeds with probability one half or more if it is the most fortunate of them: the estimate
        less its median excess. Never above the estimate.
    tail
        Share of a normal law beyond the standardised lower bound: 0.025 for one place, less for more.
    """

    estimate: Floats
    low: Floats
    high: Floats
    upper: Floats
    median: Floats
    tail: float


def simultaneous_bounds(estimate: Floats, draws: Floats, units: int) -> Bounds:
    """Return bounds from bootstrap draws that share their resamples.

    With c the quantile, over resamples, of the largest standardised deviation of any place, the lower bound is
    ``estimate - c * se`` and the upper bounds are made likewise from the largest deviation downwards. For few units c
    is moved out to where Student's t has the tail that a normal law has beyond c, and se grows by the root of
    n / (n - 1): a bootstrap leaves both out.

    Parameters
    ----------
    estimate
        Shape (k,).
    draws
        Shape (k, resamples); resamples with a NaN are left out.
    units
        Families that the reference spans, 2 or more.
    """
    from scipy.stats import norm
    from scipy.stats import t as student

    draws = draws[:, ~np.isnan(draws).any(axis=0)]
    spread = draws.std(axis=1)
    still = spread == 0.0
    deviation = np.where(still[:, None], 0.0, (draws - estimate[:, None]) / np.where(still, 1.0, spread)[:, None])
    above, below = deviation.max(axis=0), (-deviation).max(axis=0)

    def quantile(values: Floats, level: float) -> float:
        normal = max(0.0, float(np.quantile(values, level, method="higher")))
        return float(student.isf(norm.sf(normal), units - 1) * np.sqrt(units / (units - 1)))

    alone = np.percentile(draws, [2.5, 95.0, 97.5], axis=1)
    reach = quantile(above, 0.975)
    return Bounds(
        estimate=estimate,
        low=np.minimum(estimate - reach * spread, alone[0]),
        high=np.maximum(estimate + quantile(below, 0.975) * spread, alone[2]),
        upper=np.maximum(estimate + quantile(below, 0.95) * spread, alone[1]),
        median=estimate - quantile(above, 0.5) * spread,
        tail=min(0.025, float(norm.sf(reach))),
    )


def _scaled(effect: Floats) -> Floats:
    """Return AUROC - 0.5 on the scale of arc sines."""
    return np.arcsin(np.clip(2.0 * effect, -1.0, 1.0))


def _back(scaled: Floats) -> Floats:
    return np.sin(np.clip(scaled, -np.pi / 2.0, np.pi / 2.0)) / 2.0


def _units(items: Items) -> int:
    """Return how many families the reference spans: of regulators or of targets, whichever are fewer."""
    ends = np.unique(items.reference)
    found = [int((ends < items.families).sum())]
    if items.target_families:
        found.append(int(((ends >= items.families) & (ends < items.families + items.target_families)).sum()))
    return max(2, min(found))


def _estimates(items: Sequence[Items], seed: int, resamples: int) -> tuple[Floats, Floats]:
    shared = {(item.families, item.target_families) for item in items}
    if len(shared) != 1:
        raise ValueError(f"the places have {sorted(shared)!r} families; they must be of the same items")
    return np.array([auroc(item) - 0.5 for item in items]), np.stack(
        [resampled(item, seed, resamples) for item in items]
    )


def effect_somewhere(
    items: Sequence[Items], place: int, seed: int, resamples: int = RESAMPLES
) -> tuple[Effect, Bounds]:
    """Return AUROC - 0.5 at the place that was chosen, with an interval that allows for the choice, and all bounds.

    The effect's one-sided upper bound is the largest over all places: below it lies the effect of every place, so that
    an equivalence test by it says "nowhere". (For that alone each place's own bound would do, by intersection-union;
    the simultaneous one is larger.) The estimate itself is that of the best place, and so too large on average.

    Parameters
    ----------
    items
        The contrast at each place.
    place
        Index of the one that was chosen.
    seed, resamples
        As for one effect.

    Raises
    ------
    ValueError
        If the places differ in their number of families.
    """
    estimate, draws = _estimates(items, seed, resamples)
    scaled = simultaneous_bounds(_scaled(estimate), _scaled(draws), _units(items[0]))
    bounds = Bounds(
        estimate=estimate,
        low=_back(scaled.low),
        high=_back(scaled.high),
        upper=_back(scaled.upper),
        median=_back(scaled.median),
        tail=scaled.tail,
    )
    effect = Effect(
        estimate=float(estimate[place]),
        low=float(bounds.low[place]),
        high=float(bounds.high[place]),
        unit=UNIT,
        upper=float(bounds.upper.max()),
    )
    return effect, bounds


@dataclass(frozen=True)
class Gained:
    """The hardest of several baselines: its index, its effect, and the gain over all of them."""

    hardest: int
    baseline: Effect
    gain: Effect


def gain_somewhere(
    items: Sequence[Items], place: int, baselines: Sequence[Items], seed: int, resamples: int = RESAMPLES
) -> Gained:
    """Return the gain of the place that was chosen over the best of the baselines, both chosen on these data.

    The estimate is the difference to the baseline with the largest effect: each baseline is given its maximum over
    the same places, as the model is. A gain must hold against every one of them, so its lower bound is the least of
    the lower bounds against each (intersection-union, which needs no correction for their number); each of those
    allows for the choice among the model's places as :func:`simultaneous_bounds` does, for the difference of arc sines,
    which is positive where that of the effects is. As for one place, baselines
    count by their magnitude, with the sign fixed at the point estimate.

    Parameters
    ----------
    items, place
        As for :func:`effect_somewhere`.
    baselines
        Every baseline at every place, in any order.
    seed, resamples
        As for one effect; resamples are paired.

    Raises
    ------
    ValueError
        If there is no baseline, or the number of families differs.
    """
    if not baselines:
        raise ValueError("a gain needs a baseline or more")
    estimates, draws = _estimates([*items, *baselines], seed, resamples)
    own, own_draws = _scaled(estimates[: len(items)]), _scaled(draws[: len(items)])
    raw, raw_draws = estimates[len(items) :], draws[len(items) :]
    sign = np.where(raw >= 0.0, 1.0, -1.0)
    others, other_draws = sign * raw, sign[:, None] * raw_draws
    against = [
        simultaneous_bounds(own - _scaled(other), own_draws - _scaled(drawn)[None, :], _units(items[0]))
        for other, drawn in zip(others, other_draws, strict=True)
    ]
    hardest = int(others.argmax())
    low, high = np.nanpercentile(other_draws[hardest], [2.5, 97.5])
    return Gained(
        hardest,
        Effect(estimate=float(others[hardest]), low=float(low), high=float(high), unit=UNIT),
        Effect(
            estimate=float(estimates[place] - others[hardest]),
            low=min(_gain(bounds.low[place], other) for bounds, other in zip(against, others, strict=True)),
            high=_gain(against[hardest].high[place], others[hardest]),
            unit=UNIT,
        ),
    )


def _gain(scaled: float, baseline: float) -> float:
    """Return what a difference on the scale of arc sines adds to a baseline; its sign stays."""
    return float(_back(_scaled(np.array(baseline)) + scaled) - baseline)


def retention_somewhere(
    raw: Items, residual: Items, bounds: Bounds, place: int, seed: int, resamples: int = RESAMPLES
) -> Effect:
    """Return how much of the raw effect is left at the place that was chosen for what is left.

    The place was chosen for its residual effect, which chance has therefore favoured, and chance has not favoured the
    raw effect as much. The share is reckoned with the residual effect less its median excess, and its interval goes out
    to the tails at which the bounds of all places hold together, and down to the lower one of this place.

    Parameters
    ----------
    raw, residual
        The contrast at the place before and after the adjustment.
    bounds, place
        Of the residual effects at all places, and the index of this one.
    seed, resamples
        As for one effect.
    """
    alone = retention(raw, residual, seed, resamples, tail=bounds.tail)
    before = auroc(raw) - 0.5
    if before <= 0.0:
        return alone
    estimate, low = float(bounds.median[place]) / before, float(bounds.low[place]) / before
    return alone.model_copy(update={"estimate": min(alone.estimate, estimate), "low": min(alone.low, low)})
