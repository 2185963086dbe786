"""How every hypothesis of a ledger ended, as lines that a biologist can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from theodolite.claims import Relation, Tag, Verdict
from theodolite.gates.stream import harmonic
from theodolite.store import GateRow, HypothesisRow, Ledger, SlotStatus, gate_rows, hypothesis_rows, refusal_rows
from theodolite.store.stream_queries import CourseRow

__all__ = [
    "OUTCOMES",
    "SCALES",
    "VerdictLine",
    "as_line",
    "count_outcomes",
    "p_level",
    "reused_supports",
    "verdict_lines",
]

SCALES = {"AUROC - 0.5": ("AUROC", 0.5), "Spearman's rho": ("rho", 0.0)}
"""By the unit of an effect what it is called in tables, and what stands there for none."""

REFUSED = SlotStatus.REFUSED.value
OUTCOMES: tuple[str, ...] = (*(verdict.value for verdict in Verdict), "pending", REFUSED)
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
    effect, low, high
        What was measured, with its 95 % interval: of genes the probability that a member lies above a non-member in the
        claimed direction, 0.5 by chance; of anchors the correlation with a ruler. None where nothing was measured.
    scale
        ``AUROC`` or ``rho``.
    p, level
        Evidence against chance and what the error stream asks for, as p-values; None where nothing was spent or the
        evidence is an e-value.
    e, required
        The same where the evidence is an e-value.
    first_unmet
        First gate in catalogue order that did not pass, with its title; None if all passed. For what did not come so
        far, the code of its refusal or failure.
    unmet_sentence
        What that gate says.
    next_step
        What a person could do next; for a refusal, why it was refused.
    of_no_effect
        Whether it is claimed that there is no effect, so that 0.5 is what supports it.
    """

    subject: str
    campaign: str
    slot: str
    claim: str
    family: str
    outcome: str
    tags: tuple[str, ...]
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    level: float | None
    e: float | None
    required: float | None
    first_unmet: str | None
    unmet_sentence: str | None
    next_step: str | None
    of_no_effect: bool = False
    scale: str = "AUROC"


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
    gates: dict[str, list[GateRow]] = {}
    for gate in gate_rows(ledger):
        gates.setdefault(gate.subject, []).append(gate)
    refusals = {row.subject: f"{row.code}: {row.reason}" for row in refusal_rows(ledger, campaign)}
    lines = [
        as_line(row, gates.get(row.subject, ()), refusals.get(row.subject)) for row in hypothesis_rows(ledger, campaign)
    ]
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


def reused_supports(lines: list[VerdictLine]) -> int:
    """Return how many of the supported were tested on a hold-out block that was spent, and carry no guarantee."""
    return sum(line.outcome == "supported" and Tag.REUSED_HOLD_OUT.value in line.tags for line in lines)


def as_line(row: HypothesisRow, gates: Sequence[GateRow], refusal: str | None) -> VerdictLine:
    """Return a slot as a line, with its gates and, where it was refused, ``code: reason``."""
    # A test that spent no level was stopped before its observed statistic: its interval says nothing.
    measured = row.t is not None and row.unit in SCALES
    scale, chance = SCALES.get(row.unit or "", ("rho", 0.0) if Relation(row.relation).of_cells else ("AUROC", 0.5))
    betting = row.evidence == "e"
    outcome = row.verdict.value if row.verdict is not None else REFUSED if refusal is not None else "pending"
    unmet, next_step = row.first_unmet, row.next_step
    sentence = None
    for gate in gates:
        if gate.gate == row.first_unmet:
            unmet, sentence = f"{gate.gate} {gate.title}", gate.sentence
    if refusal is not None:
        code, _, next_step = refusal.partition(": ")
        unmet = code.replace("_", " ")
    elif row.failure_reason is not None:
        unmet, next_step = row.failure_code, f"{row.failure_reason}. {next_step or ''}".strip()
    if row.invalid_because is not None and row.recorded_verdict is not None:
        unmet, sentence = "invalidated", row.invalid_because
        next_step = f"It was {row.recorded_verdict.value} when it was recorded; register it anew without what was bad."
    return VerdictLine(
        subject=row.subject,
        campaign=row.campaign,
        slot=row.subject.rpartition("/")[2],
        claim=row.claim_text,
        family=row.family,
        outcome=outcome,
        tags=row.tags,
        effect=_shifted(row.effect, chance) if measured else None,
        low=_shifted(row.low, chance) if measured else None,
        high=_shifted(row.high, chance) if measured else None,
        p=row.p if measured and not betting else None,
        level=None if betting else p_level(row),
        e=row.e if measured and betting else None,
        required=(row.multiplier or 1.0) / row.alpha if betting and row.alpha is not None else None,
        first_unmet=unmet,
        unmet_sentence=sentence,
        next_step=next_step,
        of_no_effect=Relation(row.relation).of_no_effect,
        scale=scale,
    )


def p_level(row: HypothesisRow | CourseRow) -> float | None:
    """Return the p that the row's level asks for: from catalogue 2 on the level is one of e-values."""
    if row.alpha is None or row.t is None or row.evidence is None:
        return row.alpha
    return row.alpha / ((row.multiplier or 1.0) * harmonic(row.t))


def _shifted(effect: float | None, chance: float) -> float | None:
    return None if effect is None else chance + effect
