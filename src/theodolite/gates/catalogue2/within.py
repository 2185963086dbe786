"""A case of a claim that an effect lies between two bounds, the smallest effects of interest on either side.

It is supported by two one-sided tests, each in scores that were raised from one of the bounds
(:mod:`theodolite.gates.shifts`), and by an interval that lies between them. It is refuted where the interval lies
beyond one of them. No baseline stands beside it, and of the raw effect nothing needs to be left: G4, G5 and the halves
of G10 do not apply.
"""

from __future__ import annotations

from functools import cached_property

from theodolite.gates.catalogue2.anywhere import bounded
from theodolite.gates.catalogue2.case import Case
from theodolite.gates.catalogue2.controls import level_key, planted_absence, planted_bounds
from theodolite.gates.catalogue2.panel import Side, sides
from theodolite.gates.catalogue2.words import things
from theodolite.gates.contrasts import AnyContrast
from theodolite.judgements import Effect, GateResult, NullEvidence
from theodolite.plans import Plan

__all__ = ["WithinCase", "effect_beyond", "effect_within"]


def effect_within(plan: Plan, effect: Effect, reference: int) -> GateResult:
    """Return G9 of a claim of no effect: the estimate and its whole interval lie between the bounds."""
    low, high = 100 * (effect.low + 0.5), 100 * (effect.high + 0.5)
    removed = [item.value.replace("_", " ") for item in plan.hypothesis.claim.adjustment]
    adjusted = f"after taking out {', '.join(removed)}; " if removed else ""
    what = f"the change of {plan.hypothesis.claim.object} over {plan.hypothesis.locus}"
    inside = max(abs(effect.estimate), abs(effect.low), abs(effect.high)) < plan.sesoi
    return GateResult(
        gate="G9",
        title="effect size",
        number=effect.estimate,
        threshold=plan.sesoi,
        passed=inside,
        sentence=f"The {reference} {things(plan)} rank above {100 * (effect.estimate + 0.5):.0f} % of the other pairs "
        f"by {what}, on average ({adjusted}95 % interval {low:.0f} to {high:.0f} %; 50 % is no change of their own, "
        f"and {100 * (0.5 - plan.sesoi):.0f} to {100 * (0.5 + plan.sesoi):.0f} % too little to count).",
    )


def effect_beyond(plan: Plan, effect: Effect, *, sensitive: bool | None) -> GateResult:
    """Return G12 of a claim of no effect: the whole interval lies beyond one bound, in an assay that can see none.

    ``sensitive``: whether references without an effect were found to have none (G7+).
    """
    nearest = effect.low if effect.estimate > 0 else effect.high
    beyond = abs(nearest) > plan.sesoi and nearest * effect.estimate > 0
    sentence = (
        f"With 95 % confidence the change is {'above' if effect.estimate > 0 else 'below'} "
        f"{100 * (nearest + 0.5):.0f} %, {'beyond' if beyond else 'not beyond'} the {100 * (0.5 - plan.sesoi):.0f} to "
        f"{100 * (0.5 + plan.sesoi):.0f} % that would not count"
    )
    if beyond and sensitive is not True:
        sentence += ", but no planted control shows that a reference without one would have been found"
    return GateResult(
        gate="G12",
        title="a change that counts",
        number=nearest,
        threshold=plan.sesoi,
        passed=beyond and sensitive is True,
        sentence=f"{sentence}.",
    )


class WithinCase(Case):
    """What the gates find in the measurements of a claim of no effect; see :class:`Case`."""

    @cached_property
    def _raised(self) -> tuple[AnyContrast, ...]:
        return sides(self._seen.main, self.plan)

    @property
    def _tests(self) -> list[Side]:
        return [self._side(index) for index in range(2)]

    @property
    def evidence(self) -> tuple[NullEvidence, ...]:
        """What the draws of every null show, no more than they would of a reference that was raised no less."""
        return bounded(super().evidence, self.plan)

    def _side(self, index: int) -> Side:
        return Side(
            self._once(("observed", index), lambda: self._raised[index].observed()),
            {
                null: self._drawn(lambda: self._raised[index], null, ("draws", null, index))
                for null in self.plan.null_panel
            },
        )

    def controls(self) -> list[GateResult]:
        """Return both planted controls, on scores that say nothing of the claim."""
        return [
            self._once("planted null", lambda: planted_bounds(self.plan, self._seen.main)),
            self._once(level_key(self.plan), lambda: planted_absence(self.plan, self._seen.main)),
        ]

    def sized(self, *, sensitive: bool | None) -> list[GateResult]:
        """Return G9 and G12: whether the effect lies between the bounds, and whether it lies beyond one."""
        return [
            effect_within(self.plan, self.effect, self.size),
            effect_beyond(self.plan, self.effect, sensitive=sensitive),
        ]
