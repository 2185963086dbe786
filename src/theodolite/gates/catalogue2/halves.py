"""G10, independent halves: the claim in two family-disjoint halves of its block. It changes the tag only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theodolite.gates.catalogue2.panel import quick_p
from theodolite.gates.catalogue2.views import view
from theodolite.gates.halves import ALPHA, Halves, Scored, independent_halves
from theodolite.gates.kernels import derive_seed
from theodolite.judgements import GateResult
from theodolite.measurements import Coexpression
from theodolite.plans import Plan

__all__ = ["halves_gate", "tested_half"]

Tested = Callable[[Plan, Scored, Coexpression | None, int], tuple[float, float] | None]


def tested_half(plan: Plan, half: Scored, coexpression: Coexpression | None, number: int) -> tuple[float, float] | None:
    """Return the effect and the panel's p of a claim in one half of its block, None where a null is stuck."""
    contrast = view(plan, half, coexpression).main
    p = quick_p(contrast, plan, "half", str(number))
    return None if p is None else (float(contrast.to_effect(np.array([contrast.observed()]))[0]), p)


def halves_gate(
    plan: Plan, main: Scored, coexpression: Coexpression | None, tested: Tested = tested_half
) -> GateResult:
    """Return G10: the same sign, and the panel's p at most 0.05, in both halves (statistics, rule 11).

    ``tested`` returns effect and p of a half, from the plan, the half, co-expression and the number of the half.
    """
    found: Halves = independent_halves(
        main, derive_seed(plan.seed, "halves"), lambda half, number: tested(plan, half, coexpression, number)
    )
    if found.p_values is None or found.effects is None:
        return GateResult(
            gate="G10",
            title="independent halves",
            number=None,
            threshold=ALPHA,
            passed=None,
            sentence=f"The block is too small to be divided: its halves would hold {found.reference[0]} and "
            f"{found.reference[1]} of the reference, in {found.families[0]} and {found.families[1]} families.",
        )
    first, second = (100 * (effect + 0.5) for effect in found.effects)
    return GateResult(
        gate="G10",
        title="independent halves",
        number=max(found.p_values),
        threshold=ALPHA,
        passed=found.agree,
        sentence=f"Two halves of the block without a family in common give {first:.0f} and {second:.0f} % "
        f"(p = {found.p_values[0]:.2g} and {found.p_values[1]:.2g}): "
        + ("each confirms the other." if found.agree else "they do not confirm each other."),
    )
