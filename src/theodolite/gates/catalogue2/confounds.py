"""G4, confounds: what is left when co-expression and gene statistics are taken out, and whether that is robust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from theodolite.judgements import Effect, GateResult
from theodolite.plans import Plan

__all__ = ["ALPHA", "RETAINED", "Allowed", "confound_residual"]

RETAINED: Final = 0.5
"""Least share of the raw effect that must be left."""


ALPHA: Final = 0.05
"""Level at which the effect must still stand when the error in measured co-expression is allowed for."""


@dataclass(frozen=True)
class Allowed:
    """The residual effect when the error in measured co-expression is allowed for, and the panel's p of it."""

    effect: float
    p: float


def confound_residual(
    plan: Plan, raw: Effect, residual: Effect, retention: Effect, allowed: Allowed | None
) -> GateResult:
    """Return G4 for a claim that holds something fixed.

    Parameters
    ----------
    plan
        Holds the adjustment set and the smallest effect of interest.
    raw, residual
        The effect before and after the adjustment.
    retention
        Residual over raw effect, with its interval.
    allowed
        The residual effect when co-expression is taken as what its noisy measurement stands for; None where the claim
        does not hold co-expression fixed. If it no longer counts, or no longer stands out, measurement error could
        explain the rest.
    """
    defects = []
    if residual.estimate < plan.sesoi:
        defects.append(f"{100 * residual.estimate:.0f} points are left, {100 * plan.sesoi:.0f} would count")
    if retention.estimate < RETAINED:
        defects.append(
            f"only {100 * retention.estimate:.0f} % of the raw effect is left (95 % interval "
            f"{100 * retention.low:.0f} to {100 * retention.high:.0f} %)"
        )
    if allowed is not None and residual.estimate >= plan.sesoi and (allowed.effect < plan.sesoi or allowed.p > ALPHA):
        defects.append(
            f"with the error in measured co-expression allowed for, {100 * allowed.effect:.0f} points are left "
            f"(p = {allowed.p:.2g})"
        )
    held = ", ".join(item.value.replace("_", " ") for item in plan.hypothesis.claim.adjustment)
    return GateResult(
        gate="G4",
        title="confounds",
        number=retention.estimate,
        threshold=RETAINED,
        passed=not defects,
        sentence=f"Holding {held} fixed: {'; '.join(defects)}."
        if defects
        else f"Holding {held} fixed leaves {100 * residual.estimate:.0f} of {100 * raw.estimate:.0f} points "
        f"({100 * retention.estimate:.0f} %, 95 % interval {100 * retention.low:.0f} to {100 * retention.high:.0f} %)"
        + ("." if allowed is None else f", {100 * allowed.effect:.0f} with the error in co-expression allowed for."),
    )
