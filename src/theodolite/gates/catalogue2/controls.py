"""G7+ and G7-, assay sensitivity: what this test finds where there is something, and where there is nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from theodolite.gates.catalogue2.panel import stopping
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.controls import (
    MOST,
    NEEDED,
    REPLICATES,
    SIGNAL,
    planted_null,
    planted_null_anywhere,
    planted_positive,
    planted_positive_anywhere,
    rounded_level,
)
from theodolite.gates.evidence import Stopping
from theodolite.gates.kernels import derive_seed
from theodolite.gates.shifts import turned
from theodolite.gates.stream import harmonic
from theodolite.judgements import GateResult
from theodolite.plans import NullName, Plan

__all__ = ["level_key", "planted_absence", "planted_bounds", "planted_effect", "planted_nothing"]


class _Terms(TypedDict):
    sesoi: float
    alpha: float
    stopping_for: Callable[[float], Stopping]
    panel: Sequence[NullName]
    seed: int


def _level(plan: Plan) -> float:
    """Return what every null must reach at the provisional level, as a p or as one over an e."""
    alpha = plan.null_alpha
    return alpha if plan.evidence == "e" else alpha / harmonic(plan.level.provisional_t)


def _stopping_for(plan: Plan, level: float) -> Stopping:
    rule = stopping(plan)
    if rule.kind == "betting":
        return Stopping(kind="betting", b_max=rule.b_max, threshold=1.0 / level)
    return rule


def level_key(plan: Plan) -> tuple[float, Stopping]:
    """Return what a planted effect depends on of a plan's level and draws: plans with equal keys share it."""
    level = rounded_level(_level(plan), lambda level: _stopping_for(plan, level))
    return level, _stopping_for(plan, level)


def _terms(plan: Plan) -> _Terms:
    return {
        "sesoi": plan.sesoi,
        "alpha": _level(plan),
        "stopping_for": lambda level: _stopping_for(plan, level),
        "panel": plan.null_panel,
        "seed": derive_seed(0, plan.reference_sha256, plan.block.id),
    }


def planted_effect(plan: Plan, contrast: AnyContrast, *others: AnyContrast) -> GateResult:
    """Return G7+: an effect of 1.5 times the least that counts, planted in like scores, is found 24 times in 30.

    With ``others``, the claim at further places, it is planted at one place and sought at all.
    """
    if SIGNAL * plan.sesoi >= 0.5:
        return GateResult(
            gate="G7+",
            title="planted effect",
            number=0.0,
            threshold=float(NEEDED),
            passed=False,
            sentence=f"The least effect that counts is {plan.sesoi:g}; {SIGNAL:g} times it is no AUROC and cannot be "
            "planted.",
        )
    terms = _terms(plan)
    found = planted_positive_anywhere([contrast, *others], **terms) if others else planted_positive(contrast, **terms)
    return GateResult(
        gate="G7+",
        title="planted effect",
        number=float(found.detected),
        threshold=float(NEEDED),
        passed=found.passed,
        sentence=f"An effect of {SIGNAL:g} times the least that counts, planted in scores like these, was found in "
        f"{found.detected} of {found.replicates} tries; {NEEDED} of {REPLICATES} are asked for.",
    )


def planted_nothing(plan: Plan, contrast: AnyContrast, *others: AnyContrast) -> GateResult:
    """Return G7-: among 200 references that mean nothing, p is small as often as it says, and nobody gets rich.

    With ``others``, the claim at further places, each reference is sought at all of them.
    """
    if others:
        found = planted_null_anywhere([contrast, *others], panel=plan.null_panel, seed=plan.seed)
    else:
        found = planted_null(contrast, panel=plan.null_panel, seed=plan.seed)
    return GateResult(
        gate="G7-",
        title="planted null",
        number=float(found.small),
        threshold=float(MOST),
        passed=found.passed,
        sentence=f"Of {found.references} references that mean nothing {found.small} had p of 0.05 or less ({MOST} "
        f"are tolerated), and a bettor on them had {found.mean_e:.2f} on average (1 is fair).",
    )


def planted_absence(plan: Plan, contrast: AnyContrast) -> GateResult:
    """Return G7+ of a claim of no effect: in like scores in which there is none, it is found 24 times in 30."""
    found = planted_positive(contrast, **_terms(plan), within=True)
    return GateResult(
        gate="G7+",
        title="planted absence",
        number=float(found.detected),
        threshold=float(NEEDED),
        passed=found.passed,
        sentence=f"In scores like these that hold no effect, one of {plan.sesoi:g} or more was ruled out on either "
        f"side in {found.detected} of {found.replicates} tries; {NEEDED} of {REPLICATES} are asked for.",
    )


def planted_bounds(plan: Plan, contrast: AnyContrast) -> GateResult:
    """Return G7- of a claim of no effect: references with an effect that just counts are found without one too seldom.

    A reference that is moved at random and lowered by the least effect that counts is raised again by its test, to
    where it was or less (:mod:`theodolite.gates.shifts`). So it passes no more often than the moved reference itself
    passes a one-sided test, which is what is counted, upwards and downwards.
    """
    both = [planted_null(tail, panel=plan.null_panel, seed=plan.seed) for tail in (contrast, turned(contrast))]
    worse = max(both, key=lambda found: (not found.passed, found.small))
    return GateResult(
        gate="G7-",
        title="planted bounds",
        number=float(worse.small),
        threshold=float(MOST),
        passed=all(found.passed for found in both),
        sentence=f"Of {worse.references} references moved at random {worse.small} at most had p of 0.05 or less on "
        f"either side ({MOST} are tolerated), and a bettor on them had {max(found.mean_e for found in both):.2f} on "
        f"average at most (1 is fair); with an effect of {plan.sesoi:g} they would pass no more often.",
    )
