"""The whole life of one hypothesis: what was proposed, locked, objected, measured, judged and decided."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from theodolite.judgements import Judgement
from theodolite.plans import Plan
from theodolite.store import (
    ApprovalRecord,
    EntryKind,
    GateRow,
    HypothesisRow,
    Ledger,
    NullRow,
    ReviewRow,
    gate_rows,
    hypothesis_rows,
    invalidated_rows,
    invalidation_rows,
    null_rows,
    review_rows,
)
from theodolite.store.one_slot import refusal_of, slots_named
from theodolite.store.records import artefacts_of

__all__ = ["SlotLife", "SlotStep", "Turned", "find_subject", "slot_life"]


@dataclass(frozen=True)
class SlotStep:
    """One row of the ledger about the slot."""

    seq: int
    kind: str
    at: str
    hash: str
    id: str = ""


@dataclass(frozen=True)
class Turned:
    """An invalidation that turned the verdict of the slot.

    ``was`` is the verdict before it; ``path`` leads from what is bad to what the test names.
    """

    node: str
    reason: str
    person: str
    was: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class SlotLife:
    """Everything that the ledger says about one slot; ``plan`` is None where it was refused.

    ``found_at`` is where a claim about any place stands out most; None where it names its place or was not tested.
    ``person`` is who proposed it, where a person did; ``approvals`` is what people said of the plan and the verdict.
    ``controls`` holds the records of controls that a reviewer ordered, ``invalidations`` what turned the verdict.
    ``judgement`` is what the gates computed; ``jobs`` are what measured it, by reading; ``artefacts`` is what its rows
    name: kind of the row, field and SHA-256.
    """

    hypothesis: HypothesisRow
    plan: dict[str, Any] | None
    refusal: str | None
    gates: tuple[GateRow, ...]
    nulls: tuple[NullRow, ...]
    reviews: tuple[ReviewRow, ...]
    settlement: dict[str, Any] | None
    steps: tuple[SlotStep, ...]
    found_at: str | None = None
    person: str | None = None
    approvals: tuple[ApprovalRecord, ...] = ()
    controls: tuple[dict[str, Any], ...] = ()
    invalidations: tuple[Turned, ...] = ()
    judgement: Judgement | None = None
    jobs: tuple[tuple[str, str], ...] = ()
    artefacts: tuple[tuple[str, str, str], ...] = ()

    @cached_property
    def locked(self) -> Plan | None:
        """The plan with its types; None where nothing was locked, or a version locked it whose plans held less."""
        try:
            return None if self.plan is None else Plan.model_validate(self.plan)
        except ValidationError:
            return None


def find_subject(ledger: Ledger, name: str) -> list[str]:
    """Return the slots that a person may mean by a name: a slot, the end of one, or an entry about one.

    ``pbmc-demo-1a2b3c4d/r01.s003`` is one slot; ``r01.s003`` is that slot in every campaign of the ledger.
    """
    found = slots_named(ledger, name)
    if found:
        return found
    entry = ledger.get(name)
    return [] if entry is None else slots_named(ledger, entry.subject)


def slot_life(ledger: Ledger, subject: str) -> SlotLife:
    """Return the life of a slot.

    Raises
    ------
    KeyError
        If the ledger has no such slot.
    """
    rows = hypothesis_rows(ledger, subject=subject)
    if not rows:
        raise KeyError(f"no slot {subject!r}")
    entries = list(ledger.entries(subject=subject))
    payloads = {entry.kind: entry.payload for entry in entries}
    judged = payloads.get(EntryKind.JUDGEMENT, {}).get("judgement")
    judgement = None if judged is None else Judgement.model_validate(judged)
    found = None if judgement is None else judgement.place
    refusal = refusal_of(ledger, subject)
    return SlotLife(
        hypothesis=rows[0],
        plan=payloads.get(EntryKind.REGISTRATION, {}).get("plan"),
        refusal=None if refusal is None else f"{refusal.code}: {refusal.reason}",
        gates=tuple(gate_rows(ledger, subject)),
        nulls=tuple(null_rows(ledger, subject)),
        reviews=tuple(review_rows(ledger, subject)),
        settlement=payloads.get(EntryKind.VERDICT, {}).get("settlement"),
        steps=tuple(SlotStep(entry.seq, entry.kind.value, entry.at, entry.hash, entry.id) for entry in entries),
        found_at=None if found is None else str(found),
        person=payloads[EntryKind.HYPOTHESIS].get("person"),
        approvals=tuple(
            ApprovalRecord.model_validate(entry.payload) for entry in entries if entry.kind is EntryKind.APPROVAL
        ),
        controls=tuple(entry.payload for entry in entries if entry.kind is EntryKind.CONTROL),
        invalidations=_invalidations(ledger, subject),
        judgement=judgement,
        jobs=tuple(
            (str(reading), str(job)) for entry in entries for reading, job in (entry.payload.get("jobs") or {}).items()
        ),
        artefacts=tuple(
            (entry.kind.value, field, sha256)
            for entry in entries
            for field, sha256 in artefacts_of(entry.kind.value, entry.payload).items()
        ),
    )


def _invalidations(ledger: Ledger, subject: str) -> tuple[Turned, ...]:
    turned = invalidated_rows(ledger, subject)
    why = {row.id: row for row in invalidation_rows(ledger)} if turned else {}
    return tuple(
        Turned(said.node, said.reason, said.person, row.was, row.path)
        for row in turned
        for said in [why[row.invalidation]]
    )
