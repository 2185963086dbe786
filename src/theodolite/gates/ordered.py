"""Controls that a reviewer orders: the claim's measurement on one more variant, which it must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.catalogue2.baselines import GAIN
from theodolite.gates.catalogue2.case import RESAMPLES
from theodolite.gates.catalogue2.views import beside, view
from theodolite.gates.effects import effect_with_gains
from theodolite.gates.kernels import derive_seed
from theodolite.measurements import Coexpression, Measurement
from theodolite.plans import Plan

__all__ = ["GAIN", "OrderedControl", "ordered_control"]

Floats = NDArray[np.float64]

_SAME: Final = 1e-4
"""Largest difference of scores, in standard deviations, that summing in another order makes in single precision."""

_DIGITS: Final = 9
"""Sums of floats differ in their last digits between processors; a hashed row must not."""


@dataclass(frozen=True)
class OrderedControl:
    """What a control shows beside the claim, in AUROC - 0.5.

    Attributes
    ----------
    effect, baseline
        Of the model and of the control.
    gain, low
        What the model adds, and the lower end of its 95 % interval (paired family bootstrap).
    passed
        Whether the gain is at least :data:`GAIN` and its interval above zero, as for every other baseline. None where
        the control left the scores as they were: what changes nothing is no control.
    """

    effect: float
    baseline: float
    gain: float
    low: float
    passed: bool | None

    @property
    def sentence(self) -> str:
        """What it means."""
        if self.passed is None:
            return "The control leaves what is read at this place as it was, and so says nothing about the claim."
        return (
            f"The control gives {100 * (self.baseline + 0.5):.0f} % at the same place where the model gives "
            f"{100 * (self.effect + 0.5):.0f} %: a gain of {100 * self.gain:.0f} points (95 % interval from "
            f"{100 * self.low:.0f})."
        )


def ordered_control(
    plan: Plan, main: Measurement, control: Measurement, coexpression: Coexpression | None
) -> OrderedControl:
    """Hold a control against the claim; a pure function of the plan and both measurements.

    Parameters
    ----------
    plan
        The locked plan, of a claim about one place.
    main
        The model's measurement, with the reference attached.
    control
        The same tool at the same place on the variant that was ordered.
    coexpression
        Of the same genes, where the claim holds it fixed.
    """
    seen = view(plan, main, coexpression).main
    other = beside(plan, seen, control, coexpression)
    seed = derive_seed(plan.seed, "bootstrap")
    effect, gains = effect_with_gains(seen.items, [other.items], seed, RESAMPLES)
    baseline, gain = gains[0]
    return OrderedControl(
        effect=_rounded(effect.estimate),
        baseline=_rounded(baseline.estimate),
        gain=_rounded(gain.estimate),
        low=_rounded(gain.low),
        passed=None if _same(seen.score, other.score) else gain.low > 0 and gain.estimate >= GAIN,
    )


def _same(score: Floats, other: Floats) -> bool:
    """Return whether two sets of scores are one but for rounding, as at a place that the control does not reach."""
    spread = float(np.std(score))
    return bool(np.max(np.abs(score - other)) <= _SAME * spread)


def _rounded(value: float) -> float:
    return float(np.round(value, _DIGITS))
