"""The criteria that a calibration is held against: numbers, thresholds, and whether they were met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from theodolite.calibration.summary import ArmSummary, Mean, Summary, pooled
from theodolite.gates.ablation import Ablation
from theodolite.records import Closed

__all__ = ["MUST_BREAK", "QUICK", "Criterion", "Limits", "criteria"]

MUST_BREAK: dict[Ablation, str] = {
    Ablation.NO_LOCK: "global_null",
    Ablation.NO_FAMILY_BLOCK: "paralogue",
    Ablation.NO_CONFOUND_GATE: "degree",
}
"""Safeguards without which the error rate must exceed q, each in the world that it is there for."""


class Limits(Closed):
    """What bounds may not exceed and power may not fall below.

    Attributes
    ----------
    above_q
        How far the upper bounds of error rates may lie above q.
    false_refutations
        Largest share of true claims that may end refuted.
    power
        Smallest power on strong true claims.
    ablations
        Whether error rates without a safeguard are held against q.
    """

    above_q: float = 0.02
    false_refutations: float = 0.05
    power: float = 0.70
    ablations: bool = True


QUICK = Limits(above_q=0.10, power=0.50, ablations=False)
"""What the study of every change is held against: few campaigns have wide bounds."""


class Criterion(Closed):
    """One criterion.

    Attributes
    ----------
    what
        In words.
    value, threshold
        The number and what it is held against; no value where nothing was there to measure, which does not pass.
    at_most
        Whether the number must stay at or below the threshold, else at or above it.
    where
        The arm that decided.
    """

    what: str
    value: float | None
    threshold: float
    at_most: bool
    where: str

    @property
    def passed(self) -> bool:
        """Whether it is met."""
        if self.value is None:
            return False
        return self.value <= self.threshold if self.at_most else self.value >= self.threshold


def criteria(summary: Summary, limits: Limits) -> list[Criterion]:
    """Return every criterion of a study with all safeguards on, then those of the ablations."""
    standard, null = summary.of_world("standard"), summary.of_world("global_null")
    bound = summary.q + limits.above_q
    found = [
        _worst("upper bound of the FDR over hypotheses", ((arm, arm.fdr) for arm in standard), bound),
        _worst("upper bound of the FDR over claim keys", ((arm, arm.fdr_keys) for arm in standard), bound),
        _worst("upper bound of P(any support) under the global null", ((arm, arm.any_support) for arm in null), bound),
    ]
    refuted = max(standard, key=lambda arm: arm.false_refutations.value or 0.0, default=None)
    found.append(
        Criterion(
            what="false refutations of true claims",
            value=refuted.false_refutations.value if refuted else None,
            threshold=limits.false_refutations,
            at_most=True,
            where=refuted.proposer.value if refuted else "",
        )
    )
    power = pooled(arm.power for arm in standard)
    found.append(
        Criterion(
            what="power on strong true claims",
            value=power.value,
            threshold=limits.power,
            at_most=False,
            where=f"all proposers, {power.of} tests",
        )
    )
    found.append(_count("decisions that replay did not reproduce", sum(arm.mismatches for arm in summary.arms)))
    found.append(_count("campaigns decided otherwise by the graph", sum(arm.graph_mismatches for arm in summary.arms)))
    return [*found, *(_ablations(summary) if limits.ablations else ())]


def _ablations(summary: Summary) -> Iterator[Criterion]:
    for ablation, world in MUST_BREAK.items():
        arms = [arm for arm in summary.arms if arm.ablation is ablation and arm.world == world]
        null = world == "global_null"
        what = "P(any support)" if null else "FDR over hypotheses"
        rate = max(((arm.any_support if null else arm.fdr).value or 0.0 for arm in arms), default=None)
        yield Criterion(
            what=f"{what} with {ablation.value.replace('_', ' ')}",
            value=rate,
            threshold=summary.q,
            at_most=False,
            where=f"{world.replace('_', ' ')} world",
        )


def _worst(what: str, rates: Iterable[tuple[ArmSummary, Mean]], threshold: float) -> Criterion:
    known = [(rate.upper, arm.proposer.value) for arm, rate in rates if rate.upper is not None]
    value, where = max(known, default=(None, ""))
    return Criterion(what=what, value=value, threshold=threshold, at_most=True, where=where)


def _count(what: str, number: int) -> Criterion:
    return Criterion(what=what, value=float(number), threshold=0.0, at_most=True, where="all campaigns")
