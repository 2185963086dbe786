"""Whether a reviewer's caps bind: from the sealed trials that the ledger held when a verdict was recorded."""

from __future__ import annotations

from collections.abc import Iterable

from theodolite.gates.advisory import BEYOND_CODE, ReviewerStanding, TrialCounts, count_trials, reviewer_standing
from theodolite.store import Ledger, TrialRow, trial_tallies

__all__ = ["is_advisory", "is_advisory_now"]


def is_advisory(trials: Iterable[TrialRow], reviewer: str, *, before: int | None = None) -> bool:
    """Return whether a reviewer's measured record is below its floor, so that its caps do not bind.

    Parameters
    ----------
    trials
        Of any reviewer.
    reviewer
        Name of the reviewer.
    before
        Only trials recorded before this row count; all of them if None.
    """
    own = [row for row in trials if row.reviewer == reviewer and (before is None or row.seq < before)]
    return reviewer_standing(count_trials(own)) is ReviewerStanding.ADVISORY


def is_advisory_now(ledger: Ledger, reviewer: str) -> bool:
    """Return :func:`is_advisory` of all trials that the ledger holds, from counts of them."""
    tallies = trial_tallies(ledger, reviewer)
    plants = [tally for tally in tallies if tally.defect in BEYOND_CODE]
    shams = [tally for tally in tallies if tally.defect is None]
    counts = TrialCounts(
        plants=sum(tally.trials for tally in plants),
        caught=sum(tally.trials for tally in plants if tally.caught),
        shams=sum(tally.trials for tally in shams),
        false_alarms=sum(tally.trials for tally in shams if tally.objected),
    )
    return reviewer_standing(counts) is ReviewerStanding.ADVISORY
