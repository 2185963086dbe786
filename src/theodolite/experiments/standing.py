"""Whether a reviewer's caps bind: from the sealed trials that the ledger held when a verdict was recorded."""

from __future__ import annotations

from theodolite.gates.advisory import ReviewerStanding, count_trials, reviewer_standing
from theodolite.store import Ledger, trial_rows

__all__ = ["is_advisory"]


def is_advisory(ledger: Ledger, reviewer: str, *, before: int | None = None) -> bool:
    """Return whether a reviewer's measured record is below its floor, so that its caps do not bind.

    Parameters
    ----------
    ledger
        Holds the trials.
    reviewer
        Name of the reviewer.
    before
        Only trials recorded before this row count; all of them if None.
    """
    trials = [row for row in trial_rows(ledger, reviewer=reviewer) if before is None or row.seq < before]
    return reviewer_standing(count_trials(trials)) is ReviewerStanding.ADVISORY
