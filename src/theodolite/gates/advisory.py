"""What a reviewer's record on sealed trials entitles it to: a cap that binds, or advice and a second replication.

A reviewer that misses planted defects, or objects to clean items, is no safeguard, and a safeguard that does not hold
must not be counted on. Such a reviewer keeps its voice and loses its veto; what it would have guarded against is then
guarded against by replication.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from enum import StrEnum
from math import comb, fsum
from typing import Final, Protocol

from theodolite.claims import ReviewerCap, Verdict
from theodolite.judgements import ObjectionCode

__all__ = [
    "BEYOND_CODE",
    "CEILING",
    "FLOOR",
    "LEAST_PLANTS",
    "LEAST_SHAMS",
    "REPLICATIONS",
    "ReviewerStanding",
    "Trial",
    "TrialCounts",
    "advised_verdict",
    "binding_cap",
    "count_trials",
    "objected",
    "reviewer_standing",
]

BEYOND_CODE: Final[tuple[ObjectionCode, ...]] = ("donor_leakage", "wrong_unit", "cherry_picked_locus")
"""Defect classes that code cannot always catch: the reviewer is held to these. Lints are held to all of the others."""
FLOOR: Final = 0.60
"""Least one-sided 95 % lower bound of the sensitivity over these classes."""
CEILING: Final = 0.15
"""Largest share of clean items that may draw an objection or a cap."""
LEAST_PLANTS: Final = 30
LEAST_SHAMS: Final = 30
"""Fewer trials than these say nothing: ten plants of each class, as many shams."""
REPLICATIONS: Final = 2
"""Independent replications that a support needs where the reviewer's cap does not bind."""
_DELTA: Final = 0.05


class ReviewerStanding(StrEnum):
    """What a reviewer's cap is worth."""

    BINDING = "binding"
    """Its record meets floor and ceiling."""
    ADVISORY = "advisory"
    """Its record does not: its cap does not bind, and a support needs two independent replications."""
    UNMEASURED = "unmeasured"
    """It has had too few trials to say. Its cap binds, for nothing speaks against it, and this is shown."""


class Trial(Protocol):
    """One sealed trial: a row of the ledger or its record."""

    @property
    def defect(self) -> ObjectionCode | None:
        """Class of the planted defect; None for a clean sham."""

    @property
    def caught(self) -> bool:
        """Whether the planted defect drew the objection that it deserves."""

    @property
    def objections(self) -> Sized:
        """All that was objected."""

    @property
    def cap(self) -> ReviewerCap:
        """The cap that was asked for."""


@dataclass(frozen=True)
class TrialCounts:
    """Trials of one reviewer.

    Attributes
    ----------
    plants, caught
        Plants of the classes :data:`BEYOND_CODE`, and those of them that were caught.
    shams, false_alarms
        Clean items, and those of them that drew an objection or a cap.

    Raises
    ------
    ValueError
        If a count is negative or exceeds its total.
    """

    plants: int
    caught: int
    shams: int
    false_alarms: int

    def __post_init__(self) -> None:
        for part, whole in ((self.caught, self.plants), (self.false_alarms, self.shams)):
            if not 0 <= part <= whole:
                raise ValueError(f"{part!r} of {whole!r} trials; a part lies between 0 and its whole")


def objected(trial: Trial) -> bool:
    """Return whether the reviewer held anything against the item."""
    return len(trial.objections) > 0 or trial.cap != "none"


def count_trials(trials: Iterable[Trial]) -> TrialCounts:
    """Count the trials of one reviewer."""
    everything = list(trials)
    plants = [trial for trial in everything if trial.defect in BEYOND_CODE]
    shams = [trial for trial in everything if trial.defect is None]
    return TrialCounts(
        plants=len(plants),
        caught=sum(trial.caught for trial in plants),
        shams=len(shams),
        false_alarms=sum(map(objected, shams)),
    )


def reviewer_standing(counts: TrialCounts) -> ReviewerStanding:
    """Return what the record of a reviewer entitles it to.

    It is binding where the one-sided 95 % lower bound of its sensitivity (Clopper and Pearson 1934) is at least
    :data:`FLOOR` and its false alarms are at most :data:`CEILING` of the shams, and advisory otherwise.
    """
    if counts.plants < LEAST_PLANTS or counts.shams < LEAST_SHAMS:
        return ReviewerStanding.UNMEASURED
    sensitive = _at_least(counts.caught, counts.plants, FLOOR) <= _DELTA
    quiet = counts.false_alarms <= CEILING * counts.shams
    return ReviewerStanding.BINDING if sensitive and quiet else ReviewerStanding.ADVISORY


def _at_least(successes: int, trials: int, probability: float) -> float:
    # The lower bound reaches the floor exactly where the test of "sensitivity is the floor" rejects: no inversion.
    return fsum(
        comb(trials, count) * probability**count * (1.0 - probability) ** (trials - count)
        for count in range(successes, trials + 1)
    )


def binding_cap(cap: ReviewerCap, *, advisory: bool) -> ReviewerCap:
    """Return the cap that settlement applies: an advisory reviewer's is heard and does not bind."""
    return "none" if advisory else cap


def advised_verdict(verdict: Verdict, *, advisory: bool, replications: int) -> Verdict:
    """Return the verdict where the reviewer may be advisory: a support then needs :data:`REPLICATIONS` of them.

    Parameters
    ----------
    verdict
        After the binding cap.
    advisory
        Whether the reviewer's cap did not bind.
    replications
        Independent replications of the claim, this test included.
    """
    if advisory and verdict is Verdict.SUPPORTED and replications < REPLICATIONS:
        return Verdict.INCONCLUSIVE
    return verdict
