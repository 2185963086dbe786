"""G9, effect size, and G12, equivalence: what the effect is, and what it is not."""

from __future__ import annotations

from theodolite.claims import Direction, Locus
from theodolite.gates.catalogue2.words import things
from theodolite.judgements import Effect, GateResult
from theodolite.plans import Plan

__all__ = ["effect_size", "equivalence"]


def _finding(plan: Plan, effect: Effect, reference: int, found: Locus | None) -> str:
    share = 100 * (effect.estimate + 0.5)
    greater = plan.hypothesis.direction is Direction.GREATER
    where = f"{plan.hypothesis.claim.object} at {found or plan.hypothesis.locus}"
    if plan.shape == "GeneScores":
        side = "higher" if greater else "lower"
        return f"The {reference} member genes lie {side} on {where} than {share:.0f} % of the other genes, on average"
    side = "above" if greater else "below"
    return f"The {reference} {things(plan)} rank {side} {share:.0f} % of the other pairs by {where}, on average"


def effect_size(plan: Plan, effect: Effect, reference: int, found: Locus | None = None) -> GateResult:
    """Return G9: the point estimate is at least the smallest effect of interest, and its interval is above zero.

    ``found`` is the place of the effect, where the claim leaves it open.
    """
    low, high = 100 * (effect.low + 0.5), 100 * (effect.high + 0.5)
    removed = [item.value.replace("_", " ") for item in plan.hypothesis.claim.adjustment]
    adjusted = f"after taking out {', '.join(removed)}; " if removed else ""
    interval = f"95 % interval {low:.0f} to {high:.0f} %"
    interval += "" if plan.places is None else f", which allows for the choice among {len(plan.places.listed)} places"
    return GateResult(
        gate="G9",
        title="effect size",
        number=effect.estimate,
        threshold=plan.sesoi,
        passed=effect.estimate >= plan.sesoi and effect.low > 0,
        sentence=f"{_finding(plan, effect, reference, found)} ({adjusted}{interval}; 50 % is "
        f"chance, {100 * (plan.sesoi + 0.5):.0f} % the least that counts).",
    )


def equivalence(plan: Plan, effect: Effect, *, sensitive: bool | None) -> GateResult:
    """Return G12: an effect that counts is ruled out, in an assay that would have seen it.

    Parameters
    ----------
    plan
        Holds the smallest effect of interest.
    effect
        With its one-sided 95 % upper bound (Schuirmann 1987).
    sensitive
        Whether the planted positive was found (G7+); without that an absence says nothing.
    """
    upper = effect.high if effect.upper is None else effect.upper
    excluded = upper < plan.sesoi
    where = "the effect" if plan.places is None else "the effect at every place"
    sentence = (
        f"With 95 % confidence {where} is below {100 * (upper + 0.5):.0f} %, "
        f"{'under' if excluded else 'not under'} the {100 * (plan.sesoi + 0.5):.0f} % that would count"
    )
    if excluded and sensitive is not True:
        sentence += ", but no planted control shows that it would have been seen"
    return GateResult(
        gate="G12",
        title="equivalence",
        number=upper,
        threshold=plan.sesoi,
        passed=excluded and sensitive is True,
        sentence=f"{sentence}.",
    )
