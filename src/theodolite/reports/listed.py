"""A page of hypotheses as lines: gates and refusals of these slots are looked up, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theodolite.reports.verdict_table import REFUSED, VerdictLine, as_line
from theodolite.store import Find, GateRow, HypothesisRow, Ledger, find, gate_rows, refusal_rows

__all__ = ["ListedHypothesis", "gate_title", "listed"]

_SIZE = "G9"


@dataclass(frozen=True)
class ListedHypothesis:
    """One row of a list.

    Attributes
    ----------
    row, line
        The slot, and how it ended in words.
    unmet
        Id of the first gate that did not pass; None if all passed or none was held.
    least
        How far from chance an effect must be to count, on the line's scale; None before it was judged.
    """

    row: HypothesisRow
    line: VerdictLine
    unmet: str | None
    least: float | None


def listed(ledger: Ledger, rows: Sequence[HypothesisRow]) -> list[ListedHypothesis]:
    """Return slots as lines, in their order."""
    gates: dict[str, list[GateRow]] = {}
    for gate in gate_rows(ledger, subjects=[row.subject for row in rows if row.verdict is not None]):
        gates.setdefault(gate.subject, []).append(gate)
    refused = [row.subject for row in rows if row.outcome == REFUSED]
    refusals = {row.subject: f"{row.code}: {row.reason}" for row in refusal_rows(ledger, subjects=refused)}
    found = []
    for row in rows:
        own = gates.get(row.subject, [])
        line = as_line(row, own, refusals.get(row.subject))
        least = next((gate.threshold for gate in own if gate.gate == _SIZE), None)
        found.append(ListedHypothesis(row, line, row.first_unmet, least))
    return found


def gate_title(ledger: Ledger, gate: str) -> str | None:
    """Return what a gate is called, from a hypothesis that did not pass it; None where there is none."""
    page = find(ledger, Find(unmet=gate), limit=1)
    if not page.rows:
        return None
    titles = (row.title for row in gate_rows(ledger, page.rows[0].subject) if row.gate == gate)
    return next(titles, None)
