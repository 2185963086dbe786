"""What sealed trials say of a reviewer: sensitivity by class, false alarms, and whether its cap binds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import get_args

from theodolite.calibration.bounds import clopper_pearson_lower, clopper_pearson_upper, cohen_kappa, d_prime
from theodolite.claims import ReviewerCap, Verdict
from theodolite.gates.advisory import BEYOND_CODE, ReviewerStanding, count_trials, objected, reviewer_standing
from theodolite.judgements import ObjectionCode
from theodolite.store import TrialRow

__all__ = ["Agreement", "Sensitivity", "Standing", "agreement", "standing", "standings"]

_SEVERITY: tuple[ReviewerCap, ...] = ("none", "inconclusive", "invalid")
_PREDICTABLE = tuple(verdict for verdict in Verdict if verdict is not Verdict.ERROR)


@dataclass(frozen=True)
class Sensitivity:
    """Plants of one class, or of several: how many were caught.

    Attributes
    ----------
    plants, caught
        Their numbers.
    rate, lower
        Share that was caught and its one-sided 95 % lower bound (Clopper and Pearson 1934); None without plants.
    """

    plants: int
    caught: int

    @property
    def rate(self) -> float | None:
        """Share of the plants that was caught."""
        return self.caught / self.plants if self.plants else None

    @property
    def lower(self) -> float | None:
        """One-sided 95 % lower bound of the sensitivity."""
        return clopper_pearson_lower(self.caught, self.plants) if self.plants else None


@dataclass(frozen=True)
class Standing:
    """A reviewer's record.

    Attributes
    ----------
    reviewer
        Its name, version included: a changed reviewer starts anew.
    classes
        By class of defect, in the order of the specification.
    beyond_code
        The classes that lints cannot always catch, together: those that its standing rests on.
    shams, false_alarms, upper
        Clean items, those that drew an objection or a cap, and the one-sided 95 % upper bound of their share.
    d_prime
        ``z(hits) - z(false alarms)`` over all plants; None without plants or shams.
    auroc
        Chance that a plant is capped lower than a sham, ties half; None without plants or shams.
    predicted, predicted_right
        Shams, and those whose verdict was predicted rightly from the plan.
    log_loss
        Mean of ``-log`` of the probability given to the verdict that a sham has, in nats; what was not given to the
        predicted one counts as spread evenly over the three others. None where no probability was stated.
    standing
        Whether its cap binds.
    """

    reviewer: str
    classes: dict[ObjectionCode, Sensitivity]
    beyond_code: Sensitivity
    shams: int
    false_alarms: int
    upper: float | None
    d_prime: float | None
    auroc: float | None
    predicted: int
    predicted_right: int
    log_loss: float | None
    standing: ReviewerStanding

    @property
    def advisory(self) -> bool:
        """Whether its cap does not bind; a reviewer with too few trials is not advisory but unmeasured."""
        return self.standing is ReviewerStanding.ADVISORY

    @property
    def everything(self) -> Sensitivity:
        """All classes together."""
        found = self.classes.values()
        return Sensitivity(sum(one.plants for one in found), sum(one.caught for one in found))


@dataclass(frozen=True)
class Agreement:
    """Whether two reviewers objected to the same items.

    Attributes
    ----------
    items
        Items that both were given.
    share
        Share of them on which they agree; None without any.
    kappa
        Agreement beyond chance (Cohen 1960); None where both said the same of all items.
    """

    first: str
    second: str
    items: int
    share: float | None
    kappa: float | None


def standing(rows: Iterable[TrialRow], reviewer: str) -> Standing:
    """Return what the trials of one reviewer say of it; rows of others are left out."""
    own = [row for row in rows if row.reviewer == reviewer]
    plants = [row for row in own if row.defect is not None]
    shams = [row for row in own if row.defect is None]
    classes: dict[ObjectionCode, Sensitivity] = {
        defect: _sensitivity([row for row in plants if row.defect == defect]) for defect in get_args(ObjectionCode)
    }
    alarms = sum(map(objected, shams))
    both = bool(plants and shams)
    caught = sum(row.caught for row in plants)
    return Standing(
        reviewer=reviewer,
        classes=classes,
        beyond_code=_sensitivity([row for row in plants if row.defect in BEYOND_CODE]),
        shams=len(shams),
        false_alarms=alarms,
        upper=clopper_pearson_upper(alarms, len(shams)) if shams else None,
        d_prime=d_prime(caught, len(plants), alarms, len(shams)) if both else None,
        auroc=_auroc(plants, shams) if both else None,
        predicted=len(shams),
        predicted_right=sum(row.predicted_verdict is row.verdict for row in shams),
        log_loss=_log_loss(shams),
        standing=reviewer_standing(count_trials(own)),
    )


def standings(rows: Iterable[TrialRow]) -> tuple[Standing, ...]:
    """Return the record of every reviewer that was tried, in the order of their first trials."""
    everything = list(rows)
    return tuple(standing(everything, reviewer) for reviewer in dict.fromkeys(row.reviewer for row in everything))


def agreement(rows: Iterable[TrialRow], first: str, second: str) -> Agreement:
    """Return how far two reviewers agree on which of the items that both were given deserve an objection."""
    everything = list(rows)
    one, other = (
        {row.trial: objected(row) for row in everything if row.reviewer == reviewer} for reviewer in (first, second)
    )
    common = sorted(one.keys() & other.keys())
    said, answered = [one[name] for name in common], [other[name] for name in common]
    if not common:
        return Agreement(first, second, 0, None, None)
    share = sum(a == b for a, b in zip(said, answered, strict=True)) / len(common)
    alike = len({*said, *answered}) == 1
    return Agreement(first, second, len(common), share, None if alike else cohen_kappa(said, answered))


def _sensitivity(plants: Sequence[TrialRow]) -> Sensitivity:
    return Sensitivity(len(plants), sum(row.caught for row in plants))


def _auroc(plants: Sequence[TrialRow], shams: Sequence[TrialRow]) -> float:
    of_shams = [sum(row.cap == cap for row in shams) for cap in _SEVERITY]
    won = 0.0
    for row in plants:
        rank = _SEVERITY.index(row.cap)
        won += sum(of_shams[:rank]) + 0.5 * of_shams[rank]
    return won / (len(plants) * len(shams))


def _log_loss(shams: Sequence[TrialRow]) -> float | None:
    stated = [(row, row.confidence) for row in shams if row.confidence is not None]
    if not stated:
        return None
    losses = [
        -log(given if row.predicted_verdict is row.verdict else (1.0 - given) / (len(_PREDICTABLE) - 1))
        for row, given in stated
    ]
    return sum(losses) / len(losses)
