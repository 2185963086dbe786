"""Supports that stand, and were recorded at a level that counted a support which an invalidation turns.

Levels are never drawn again, so such a support stays. The rate that the stream keeps is one of what was recorded; who
wants it of what stands asks whether the evidence would have reached the level without what fell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from theodolite.claims import Verdict
from theodolite.judgements import Settlement
from theodolite.store import EntryKind, HypothesisRow, Ledger, hypothesis_rows

__all__ = ["Leaning", "leaning"]


@dataclass(frozen=True)
class Leaning:
    """A support that stands; ``holds`` says whether it would have passed at the level without what fell."""

    subject: str
    claim: str
    holds: bool


def leaning(ledger: Ledger, falling: Collection[str]) -> list[Leaning]:
    """Return the supports whose level counted a support that fell or falls now.

    Parameters
    ----------
    ledger
        The ledger.
    falling
        Slots whose verdicts fall, whether their rows are written or not.
    """
    standing = [
        row
        for row in hypothesis_rows(ledger, verdict=Verdict.SUPPORTED)
        if row.t is not None and row.subject not in falling
    ]
    found: list[Leaning] = []
    for row in standing:
        entry = ledger.get(f"{row.subject}/{EntryKind.VERDICT.value}")
        assert entry is not None
        counted = Settlement.model_validate(entry.payload["settlement"]).supports_before or 0
        left = len({other.claim_key for other in standing if other.stream == row.stream and _before(other, row)})
        if left < counted:
            found.append(Leaning(row.subject, row.claim_text, _holds(row, (left + 1) / (counted + 1))))
    return found


def _before(other: HypothesisRow, row: HypothesisRow) -> bool:
    return (other.t or 0) < (row.t or 0)


def _holds(row: HypothesisRow, share: float) -> bool:
    """Return whether the evidence reaches a level that is a share of the one it was held to."""
    alpha = (row.alpha or 0.0) * share
    if row.e is not None:
        return row.e * alpha >= (row.multiplier or 1.0) * (1.0 - 1e-12)
    return row.p is not None and row.p <= alpha
