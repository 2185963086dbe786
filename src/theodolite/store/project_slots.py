"""What the entries of a slot, from hypothesis to verdict, mean to the typed tables."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy import func as sql
from sqlalchemy.dialects.sqlite import insert as upsert

from theodolite.claims import Verdict
from theodolite.judgements import GateResult, Review
from theodolite.store import tables
from theodolite.store.chain import Entry
from theodolite.store.errors import LedgerConflict, LedgerPayloadError
from theodolite.store.invalidations import InvalidatedRecord, project_invalidated
from theodolite.store.kinds import EntryKind, campaign_of, slot_id
from theodolite.store.project_agents import proposed_by_model, reviewed_by_model
from theodolite.store.records import (
    FailureRecord,
    HypothesisRecord,
    JudgementRecord,
    RefusalRecord,
    RegistrationRecord,
    RejudgementRecord,
    VerdictRecord,
)

__all__ = ["PENDING", "SLOT_HANDLERS", "SlotStatus", "know_block"]


PENDING = "pending"
"""The outcome of what has neither a verdict nor a refusal."""

_ROW = tables.hypothesis
_IN_STREAM = _ROW.c.stream == bindparam("in_stream")
# Statements that every test runs several times, compiled once.
_SLOT = update(_ROW).where(_ROW.c.subject == bindparam("of_subject"))
_HELD = select(_ROW.c.hypothesis_id).where(_ROW.c.subject == bindparam("of_subject"))
_TAKEN = select(_ROW.c.subject).where(
    _IN_STREAM, _ROW.c.t == bindparam("index"), _ROW.c.subject != bindparam("of_subject")
)
_SPENT = select(sql.max(_ROW.c.t)).where(_IN_STREAM)
_SUPPORTS = select(sql.count(_ROW.c.claim_key.distinct())).where(_IN_STREAM, _ROW.c.verdict == Verdict.SUPPORTED.value)
_NO_GATES = delete(tables.gate).where(tables.gate.c.subject == bindparam("of_subject"))
_NEW_BLOCK = upsert(tables.block).on_conflict_do_nothing()
_NEW_STREAM = upsert(tables.stream).on_conflict_do_nothing()
_STREAM = update(tables.stream).where(tables.stream.c.stream == bindparam("in_stream"))


class SlotStatus(StrEnum):
    """How far the hypothesis of a slot has come."""

    PROPOSED = "proposed"
    REFUSED = "refused"
    REGISTERED = "registered"
    RAN = "ran"
    FAILED = "failed"
    JUDGED = "judged"
    VERDICT = "verdict"


def know_block(connection: Connection, entry: Entry, block_id: str) -> None:
    """Make the row of a hold-out block unless it exists."""
    connection.execute(_NEW_BLOCK, {"block_id": block_id, "seq": entry.seq})


def _change(connection: Connection, entry: Entry, **values: Any) -> None:
    found = connection.execute(_SLOT, {"of_subject": entry.subject, "last_seq": entry.seq, **values}).rowcount
    if not found:
        raise LedgerConflict(
            f"{entry.id!r} speaks of slot {entry.subject!r}, which has no hypothesis entry; append the hypothesis first"
        )


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _hypothesis(connection: Connection, entry: Entry, record: HypothesisRecord) -> None:
    campaign = campaign_of(entry.subject)
    if entry.subject != slot_id(campaign, record.round, record.slot):
        raise LedgerPayloadError(
            f"the hypothesis of slot {entry.subject!r} says round {record.round!r}, slot {record.slot!r}; "
            "its subject is slot_id(campaign, round, slot)"
        )
    proposed = record.hypothesis
    claim = proposed.claim
    connection.execute(
        insert(tables.hypothesis),
        {
            "subject": entry.subject,
            "seq": entry.seq,
            "last_seq": entry.seq,
            "proposed_at": entry.at,
            "campaign": campaign,
            "round": record.round,
            "slot": record.slot,
            "hypothesis_id": record.hypothesis_id,
            "claim_key": record.claim_key,
            "object": claim.object,
            "relation": claim.relation.value,
            "reference": claim.reference.name,
            "reference_sha256": claim.reference.sha256,
            "model": claim.model.name,
            "model_sha256": claim.model.sha256,
            "context": claim.context.name,
            "context_sha256": claim.context.sha256,
            "adjustment": [item.value for item in claim.adjustment],
            "locus": str(proposed.locus),
            "locus_kind": proposed.locus.kind.value,
            "layer": proposed.locus.layer,
            "direction": proposed.direction.value,
            "tool": proposed.tool,
            "family": record.family,
            "claim_text": record.claim_text,
            "rationale": proposed.rationale,
            "parents": proposed.parents,
            "author": proposed.author.value,
            "status": SlotStatus.PROPOSED.value,
            "outcome": PENDING,
            "observed": False,
            "tags": (),
        },
    )
    proposed_by_model(connection, entry, record)


def _refusal(connection: Connection, entry: Entry, record: RefusalRecord) -> None:
    row = tables.hypothesis
    known = connection.execute(
        select(row.c.hypothesis_id, row.c.prereg_sha256).where(row.c.subject == entry.subject)
    ).one_or_none()
    if known is not None and known.hypothesis_id != record.hypothesis_id:
        raise LedgerConflict(
            f"{entry.id!r} refuses hypothesis {record.hypothesis_id!r}, but slot {entry.subject!r} holds "
            f"{known.hypothesis_id!r}; refuse the hypothesis of the slot"
        )
    if known is not None and known.prereg_sha256 is not None:
        raise LedgerConflict(f"{entry.id!r} refuses slot {entry.subject!r}, which is registered; record a failure")
    refused = SlotStatus.REFUSED.value
    _change(connection, entry, status=refused, outcome=refused, refusal_reason=record.reason, decided_at=entry.at)
    connection.execute(
        insert(tables.refusal),
        {
            "subject": entry.subject,
            "seq": entry.seq,
            "campaign": campaign_of(entry.subject),
            **record.model_dump(),
        },
    )


def _registration(connection: Connection, entry: Entry, record: RegistrationRecord) -> None:
    plan = record.plan
    if entry.subject != slot_id(plan.campaign, plan.round, plan.slot):
        raise LedgerPayloadError(
            f"the plan registered for {entry.subject!r} is for campaign {plan.campaign!r}, round {plan.round!r}, "
            f"slot {plan.slot!r}; register it for its own slot"
        )
    row = tables.hypothesis
    known = connection.execute(
        select(row.c.status, row.c.hypothesis_id).where(row.c.subject == entry.subject)
    ).one_or_none()
    if known is not None and known.status != SlotStatus.PROPOSED.value:
        raise LedgerConflict(f"slot {entry.subject!r} is {known.status!r} and cannot be registered; use a new slot")
    if known is not None and known.hypothesis_id != plan.hypothesis.id:
        raise LedgerConflict(
            f"the plan registered for {entry.subject!r} is for hypothesis {plan.hypothesis.id!r}, the slot holds "
            f"{known.hypothesis_id!r}; register the hypothesis that was proposed"
        )
    know_block(connection, entry, plan.block.id)
    _change(
        connection,
        entry,
        status=SlotStatus.REGISTERED.value,
        prereg_sha256=record.prereg_sha256,
        block_id=plan.block.id,
        reused=plan.block.reused,
        stream=plan.level.stream,
        evidence=plan.evidence,
    )


def _result(connection: Connection, entry: Entry, record: Any) -> None:
    _change(connection, entry, status=SlotStatus.RAN.value)


def _failure(connection: Connection, entry: Entry, record: FailureRecord) -> None:
    _change(
        connection,
        entry,
        status=SlotStatus.FAILED.value,
        failure_phase=record.phase,
        failure_code=record.code,
        failure_reason=record.reason,
        observed=record.observed,
    )


def _gates(entry: Entry, gates: tuple[GateResult, ...]) -> list[dict[str, Any]]:
    return [
        {"subject": entry.subject, "position": position, "seq": entry.seq, **result.model_dump()}
        for position, result in enumerate(gates, start=1)
    ]


def _judgement(connection: Connection, entry: Entry, record: JudgementRecord) -> None:
    judgement = record.judgement
    _change(
        connection,
        entry,
        status=SlotStatus.JUDGED.value,
        observed=True,
        effect=judgement.effect.estimate,
        low=judgement.effect.low,
        high=judgement.effect.high,
        unit=judgement.effect.unit,
        baseline=None if judgement.baseline is None else judgement.baseline.estimate,
        gain=None if judgement.gain is None else judgement.gain.estimate,
        p=judgement.p,
    )
    _write(connection, tables.gate, _gates(entry, judgement.gates))
    evidence = [
        {"subject": entry.subject, "position": position, "seq": entry.seq, **dict(null)}
        for position, null in enumerate(judgement.evidence, start=1)
    ]
    _write(connection, tables.null_evidence, evidence)


def _review(connection: Connection, entry: Entry, record: Review) -> None:
    stage = 1 if entry.kind is EntryKind.PLAN_REVIEW else 2
    if record.stage != stage:
        raise LedgerPayloadError(
            f"{entry.id!r} is a {entry.kind.value} but its review has stage {record.stage!r}; it must be {stage}"
        )
    connection.execute(
        insert(tables.review),
        {"subject": entry.subject, "seq": entry.seq, **record.model_dump(mode="json", exclude={"code_cap"})},
    )
    reviewed_by_model(connection, entry)


def _verdict(connection: Connection, entry: Entry, record: VerdictRecord) -> None:
    settled = record.settlement
    known = connection.execute(_HELD, {"of_subject": entry.subject}).scalar()
    if known != record.hypothesis_id:
        raise LedgerConflict(
            f"{entry.id!r} is about hypothesis {record.hypothesis_id!r}, but slot {entry.subject!r} holds {known!r}"
        )
    if settled.t is not None:
        level = {"in_stream": settled.stream, "index": settled.t, "of_subject": entry.subject}
        taken = connection.execute(_TAKEN, level).scalar()
        if taken is not None:
            raise LedgerConflict(
                f"level {settled.t!r} of stream {settled.stream!r} was spent by {taken!r}; {entry.subject!r} must "
                "take the next one"
            )
    _change(
        connection,
        entry,
        status=SlotStatus.VERDICT.value,
        decided_at=entry.at,
        stream=settled.stream,
        t=settled.t,
        alpha=settled.alpha,
        e=settled.e,
        multiplier=settled.multiplier,
        machine_verdict=settled.machine_verdict.value,
        cap=settled.cap,
        verdict=settled.verdict.value,
        outcome=settled.verdict.value,
        recorded_verdict=settled.verdict.value,
        tags=[tag.value for tag in settled.tags],
        first_unmet=settled.first_unmet,
        next_step=settled.next_step,
    )
    # The settlement holds every gate of the judgement again, with those that waited for the level.
    connection.execute(_NO_GATES, {"of_subject": entry.subject})
    _write(connection, tables.gate, _gates(entry, settled.gates))
    _spend(connection, entry, settled.stream)


def _rejudgement(connection: Connection, entry: Entry, record: RejudgementRecord) -> None:
    row = tables.hypothesis
    known = connection.execute(
        select(row.c.hypothesis_id, row.c.verdict).where(row.c.subject == entry.subject)
    ).one_or_none()
    if known is None or known.hypothesis_id != record.hypothesis_id or known.verdict is None:
        raise LedgerConflict(
            f"{entry.id!r} judges {record.hypothesis_id!r} again, but slot {entry.subject!r} holds no verdict of it"
        )
    settled = record.settlement
    connection.execute(
        insert(tables.rejudgement).values(
            subject=entry.subject,
            catalogue=record.catalogue,
            seq=entry.seq,
            hypothesis_id=record.hypothesis_id,
            verdict=settled.verdict.value,
            first_unmet=settled.first_unmet,
            next_step=settled.next_step,
        )
    )


def _invalidated(connection: Connection, entry: Entry, record: InvalidatedRecord) -> None:
    project_invalidated(connection, entry, record)
    # The stream counts the supports that stand; its levels are spent.
    stream = connection.execute(select(_ROW.c.stream).where(_ROW.c.subject == entry.subject)).scalar_one()
    _spend(connection, entry, stream)


def _spend(connection: Connection, entry: Entry, stream: str) -> None:
    of = {"in_stream": stream}
    connection.execute(_NEW_STREAM, {"stream": stream, "seq": entry.seq, "t": 0, "supports": 0})
    spent = connection.execute(_SPENT, of).scalar() or 0
    supports = connection.execute(_SUPPORTS, of).scalar_one()
    connection.execute(_STREAM, {**of, "t": spent, "supports": supports})


SLOT_HANDLERS: dict[EntryKind, Callable[[Connection, Entry, Any], None]] = {
    EntryKind.HYPOTHESIS: _hypothesis,
    EntryKind.REFUSAL: _refusal,
    EntryKind.REGISTRATION: _registration,
    EntryKind.PLAN_REVIEW: _review,
    EntryKind.RESULT: _result,
    EntryKind.FAILURE: _failure,
    EntryKind.JUDGEMENT: _judgement,
    EntryKind.RECORD_REVIEW: _review,
    EntryKind.VERDICT: _verdict,
    EntryKind.REJUDGEMENT: _rejudgement,
    EntryKind.INVALIDATED: _invalidated,
}
"""What to do with the record of each kind whose subject is a slot."""
