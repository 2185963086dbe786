"""Whether a reviewer's caps bind: from the sealed trials that the ledger held when a verdict was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from theodolite.claims import ReviewerCap
from theodolite.gates.advisory import BEYOND_CODE, ReviewerStanding, TrialCounts, count_trials, reviewer_standing
from theodolite.judgements import Review
from theodolite.store import Beside, Ledger, TrialRow, trial_tallies

__all__ = ["Cap", "cap_of", "is_advisory", "is_advisory_now", "lowest"]

_ORDER: tuple[ReviewerCap, ...] = ("none", "inconclusive", "invalid")


@dataclass(frozen=True)
class Cap:
    """What a verdict is held to.

    Attributes
    ----------
    cap
        The highest verdict that may stand.
    advisory
        Whether the reviewer's own cap does not bind, for its record is too weak.
    """

    cap: ReviewerCap
    advisory: bool


def lowest(caps: Iterable[ReviewerCap]) -> ReviewerCap:
    """Return the cap that leaves least; ``none`` where there is none."""
    return max(caps, key=_ORDER.index, default="none")


def cap_of(review: Review | None, *, advisory: bool, binding: Iterable[ReviewerCap] = ()) -> Cap:
    """Return what a verdict is held to.

    Parameters
    ----------
    review
        Of the record; None where there is none.
    advisory
        Whether the reviewer's record is too weak for its cap to bind.
    binding
        Caps that bind whoever reviewed: of controls that were ordered and of people. What lints of code found binds
        like these where a language model reviewed: a bad record of the model takes nothing from the code behind it.
    """
    said: ReviewerCap = "none" if review is None else review.cap
    code: ReviewerCap = "none" if review is None else review.code_cap or "none"
    held = lowest((code, *binding))
    if held == "none":
        return Cap(said, advisory)
    return Cap(lowest((held, "none" if advisory else said)), False)


def is_advisory(
    trials: Iterable[TrialRow], reviewer: str, *, before: int | None = None, others: Beside | None = None
) -> bool:
    """Return whether a reviewer's measured record is below its floor, so that its caps do not bind.

    Parameters
    ----------
    trials
        Of any reviewer.
    reviewer
        Name of the reviewer.
    before
        Only trials recorded before this row count; all of them if None.
    others
        Campaigns that may run beside the one whose verdict it is: what they wrote since it was opened does not count.
    """
    own = [
        row
        for row in trials
        if row.reviewer == reviewer
        and (before is None or row.seq < before)
        and not (others is not None and others.hides(row.subject, row.seq))
    ]
    return reviewer_standing(count_trials(own)) is ReviewerStanding.ADVISORY


def is_advisory_now(ledger: Ledger, reviewer: str, campaign: str | None = None) -> bool:
    """Return :func:`is_advisory` of all trials that count for a campaign now, from counts of them."""
    tallies = trial_tallies(ledger, reviewer, campaign)
    plants = [tally for tally in tallies if tally.defect in BEYOND_CODE]
    shams = [tally for tally in tallies if tally.defect is None]
    counts = TrialCounts(
        plants=sum(tally.trials for tally in plants),
        caught=sum(tally.trials for tally in plants if tally.caught),
        shams=sum(tally.trials for tally in shams),
        false_alarms=sum(tally.trials for tally in shams if tally.objected),
    )
    return reviewer_standing(counts) is ReviewerStanding.ADVISORY
