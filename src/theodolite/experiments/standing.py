"""Whether a reviewer's caps bind: from the sealed trials that the ledger held when a verdict was recorded."""

from __future__ import annotations

from collections.abc import Iterable

from theodolite.gates.advisory import ReviewerStanding, count_trials, reviewer_standing
from theodolite.store import TrialRow

__all__ = ["is_advisory"]


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
