"""How every hypothesis of a ledger ended, as lines that a biologist can read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from theodolite.claims import Verdict
from theodolite.store import HypothesisRow, Ledger, SlotStatus, gate_rows, hypothesis_rows, refusal_rows

__all__ = ["OUTCOMES", "VerdictLine", "count_outcomes", "verdict_lines"]

AUROC_UNIT = "AUROC - 0.5"
"""Unit of the effects that the gates of catalogue 1 return."""

REFUSED = SlotStatus.REFUSED.value
OUTCOMES: tuple[str, ...] = (*(verdict.value for verdict in Verdict), "under way", REFUSED)
"""How a hypothesis may stand, in the order of the table."""


@dataclass(frozen=True)
class VerdictLine:
    """One hypothesis.

    Attributes
    ----------
    subject, slot
        Full id of the slot, and its last part (``r01.s003``).
    outcome
        One of :data:`OUTCOMES`.
    auroc, low, high
        Probability that a member lies above a non-member in the claimed direction, 0.5 by chance, with its 95 %
        interval; None where nothing was measured.
    p, level
        Evidence against chance and what the error stream asks for; None where nothing was spent.
    first_unmet
        First gate in catalogue order that did not pass, with its title; None if all passed.
    next_step
        What a person could do next; for a refusal, why it was refused.
    """

    subject: str
    campaign: str
    slot: str
    claim: str
    family: str
    outcome: str
    tags: tuple[str, ...]
    auroc: float | None
    low: float | None
    high: float | None
    p: float | None
    level: float | None
    first_unmet: str | None
    next_step: str | None


def verdict_lines(
    ledger: Ledger,
    campaign: str | None = None,
    *,
    verdict: str | None = None,
    family: str | None = None,
    limit: int | None = None,
) -> list[VerdictLine]:
    """Return the hypotheses of a ledger, the supported first, otherwise as proposed.

    Parameters
    ----------
    campaign, verdict, family
        Only lines with this campaign, outcome (one of :data:`OUTCOMES`), instrument.
    limit
        At most so many.
    """
    titles = {(row.subject, row.gate): row.title for row in gate_rows(ledger)}
    refusals = {row.subject: row for row in refusal_rows(ledger, campaign)}
    lines = []
    for row in hypothesis_rows(ledger, campaign):
        refusal = refusals.get(row.subject)
        title = titles.get((row.subject, row.first_unmet or ""))
        lines.append(_line(row, title, None if refusal is None else (refusal.code, refusal.reason)))
    chosen = [
        line
        for line in lines
        if (verdict is None or line.outcome == verdict) and (family is None or line.family == family)
    ]
    return sorted(chosen, key=lambda line: OUTCOMES.index(line.outcome))[:limit]


def count_outcomes(lines: list[VerdictLine]) -> dict[str, int]:
    """Return how often each outcome occurs, in the order of the table; outcomes that do not occur are left out."""
    counted = Counter(line.outcome for line in lines)
    return {outcome: counted[outcome] for outcome in OUTCOMES if counted[outcome]}


def _line(row: HypothesisRow, title: str | None, refusal: tuple[str, str] | None) -> VerdictLine:
    # A test that was stopped before its observed statistic carries an interval that says nothing.
    measured = row.observed and row.effect is not None and row.unit == AUROC_UNIT
    outcome = row.verdict.value if row.verdict is not None else REFUSED if refusal is not None else "under way"
    unmet = row.first_unmet
    if unmet is not None and title is not None:
        unmet = f"{unmet} {title}"
    next_step = row.next_step
    if refusal is not None:
        unmet, next_step = refusal[0].replace("_", " "), refusal[1]
    elif row.failure_reason is not None:
        unmet, next_step = row.failure_code, f"{row.failure_reason}. {next_step or ''}".strip()
    return VerdictLine(
        subject=row.subject,
        campaign=row.campaign,
        slot=row.subject.rpartition("/")[2],
        claim=row.claim_text,
        family=row.family,
        outcome=outcome,
        tags=row.tags,
        auroc=_shifted(row.effect) if measured else None,
        low=_shifted(row.low) if measured else None,
        high=_shifted(row.high) if measured else None,
        p=row.p if row.observed else None,
        level=row.alpha,
        first_unmet=unmet,
        next_step=next_step,
    )


def _shifted(effect: float | None) -> float | None:
    return None if effect is None else 0.5 + effect
