"""Questions about the ledger that people, reports and the experiments room ask; agents get ``agent_view`` only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, select

from theodolite.claims import Verdict
from theodolite.store import tables
from theodolite.store.invalidations import InvalidatedRow, InvalidationRow
from theodolite.store.ledger import Ledger
from theodolite.store.project_slots import SlotStatus
from theodolite.store.rows import (
    BlockRow,
    CampaignRow,
    GateRow,
    HypothesisRow,
    LookRow,
    NullRow,
    ReferenceRow,
    RefusalRow,
    RejudgementRow,
    ReviewRow,
    RoundRow,
    StreamRow,
    ToolCheckRow,
    TrialRow,
)

__all__ = [
    "StreamState",
    "block_rows",
    "campaign_rows",
    "gate_rows",
    "hypothesis_rows",
    "invalidated_rows",
    "invalidation_rows",
    "look_rows",
    "null_rows",
    "reference_rows",
    "refusal_rows",
    "registered_ids",
    "rejudgement_rows",
    "review_rows",
    "round_bits",
    "round_rows",
    "select_rows",
    "stream_rows",
    "stream_state",
    "tool_check_rows",
    "trial_rows",
]

_Row = TypeVar("_Row")
_VOCABULARIES: tuple[tuple[str, type[SlotStatus] | type[Verdict]], ...] = (
    ("status", SlotStatus),
    ("verdict", Verdict),
    ("recorded_verdict", Verdict),
    ("machine_verdict", Verdict),
)


class StreamState(NamedTuple):
    """Levels spent in a stream, and the distinct claim keys supported in it."""

    t: int
    supported_keys: frozenset[str]


def select_rows(
    connection: Connection, table: Table, row: type[_Row], *where: ColumnElement[bool], limit: int | None = None
) -> list[_Row]:
    """Return rows of a projection table as records, in the order of their entries."""
    order = [table.c.seq, *(column for column in table.primary_key.columns if column.name != "seq")]
    found = connection.execute(select(table).where(*where).order_by(*order).limit(limit)).mappings()
    return [row(**_typed(item)) for item in found]


def _typed(item: Any) -> dict[str, Any]:
    values = dict(item)
    for field, vocabulary in _VOCABULARIES:
        if values.get(field) is not None:
            values[field] = vocabulary(values[field])
    return values


def _equal(table: Table, **values: Any) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values.items() if value is not None]


def _all(
    ledger: Ledger, table: Table, row: type[_Row], *, subjects: Sequence[str] | None = None, **values: Any
) -> list[_Row]:
    where = _equal(table, **values)
    if subjects is not None:
        where.append(table.c.subject.in_(subjects))
    with ledger.read() as connection:
        return select_rows(connection, table, row, *where)


def campaign_rows(ledger: Ledger) -> list[CampaignRow]:
    """Return the campaigns of the ledger."""
    return _all(ledger, tables.campaign, CampaignRow)


def reference_rows(ledger: Ledger, campaign: str | None = None) -> list[ReferenceRow]:
    """Return the references of one campaign, or of all."""
    return _all(ledger, tables.reference_set, ReferenceRow, campaign=campaign)


def look_rows(ledger: Ledger, campaign: str | None = None) -> list[LookRow]:
    """Return the looks at discovery units."""
    return _all(ledger, tables.look, LookRow, campaign=campaign)


def hypothesis_rows(
    ledger: Ledger,
    campaign: str | None = None,
    *,
    round: int | None = None,
    subject: str | None = None,
    hypothesis_id: str | None = None,
    claim_key: str | None = None,
    block_id: str | None = None,
    stream: str | None = None,
    status: SlotStatus | None = None,
    verdict: Verdict | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[HypothesisRow]:
    """Return slots in the order in which they were proposed.

    Parameters
    ----------
    campaign, round, subject, hypothesis_id, claim_key, block_id, stream, status, verdict
        Only rows with this value.
    after, limit
        A page: at most ``limit`` rows with a larger ``seq`` than ``after``.
    """
    table = tables.hypothesis
    where = _equal(
        table,
        campaign=campaign,
        round=round,
        subject=subject,
        hypothesis_id=hypothesis_id,
        claim_key=claim_key,
        block_id=block_id,
        stream=stream,
        status=None if status is None else status.value,
        verdict=None if verdict is None else verdict.value,
    )
    with ledger.read() as connection:
        return select_rows(connection, table, HypothesisRow, table.c.seq > after, *where, limit=limit)


def rejudgement_rows(ledger: Ledger, subject: str | None = None) -> list[RejudgementRow]:
    """Return what newer catalogues say of slots that older ones settled."""
    return _all(ledger, tables.rejudgement, RejudgementRow, subject=subject)


def invalidation_rows(ledger: Ledger) -> list[InvalidationRow]:
    """Return what was invalidated."""
    return _all(ledger, tables.invalidation, InvalidationRow)


def invalidated_rows(ledger: Ledger, subject: str | None = None) -> list[InvalidatedRow]:
    """Return the verdicts that invalidations turned."""
    return _all(ledger, tables.invalidated, InvalidatedRow, subject=subject)


def refusal_rows(
    ledger: Ledger, campaign: str | None = None, *, subjects: Sequence[str] | None = None
) -> list[RefusalRow]:
    """Return what was refused before it ran: in one campaign, of these slots (a page of them), or of all."""
    return _all(ledger, tables.refusal, RefusalRow, campaign=campaign, subjects=subjects)


def gate_rows(ledger: Ledger, subject: str | None = None, *, subjects: Sequence[str] | None = None) -> list[GateRow]:
    """Return gates of one slot, of these (a page of them), or of all."""
    return _all(ledger, tables.gate, GateRow, subject=subject, subjects=subjects)


def null_rows(ledger: Ledger, subject: str | None = None) -> list[NullRow]:
    """Return the evidence of the nulls of one slot, or of all."""
    return _all(ledger, tables.null_evidence, NullRow, subject=subject)


def review_rows(ledger: Ledger, subject: str | None = None) -> list[ReviewRow]:
    """Return reviews of one slot, or of all."""
    return _all(ledger, tables.review, ReviewRow, subject=subject)


def trial_rows(ledger: Ledger, reviewer: str | None = None, *, subject: str | None = None) -> list[TrialRow]:
    """Return the sealed trials of one reviewer or of all, made in the course of one campaign or anywhere."""
    rows = _all(ledger, tables.review_trial, TrialRow, reviewer=reviewer, subject=subject)
    return [replace(row, predicted_verdict=Verdict(row.predicted_verdict)) for row in rows]


def tool_check_rows(ledger: Ledger, tool: str | None = None, *, source_sha256: str | None = None) -> list[ToolCheckRow]:
    """Return the checks of one instrument, of one source, or of all."""
    return _all(ledger, tables.tool_check, ToolCheckRow, tool=tool, source_sha256=source_sha256)


def round_rows(ledger: Ledger, campaign: str | None = None) -> list[RoundRow]:
    """Return finished rounds."""
    return _all(ledger, tables.round_row, RoundRow, campaign=campaign)


def round_bits(ledger: Ledger, campaign: str, round: int) -> dict[str, bool]:
    """Return the bits of one finished round: hypothesis id to supported or not; empty if it is not finished."""
    table = tables.round_bit
    with ledger.read() as connection:
        found = connection.execute(
            select(table.c.hypothesis_id, table.c.supported)
            .where(table.c.campaign == campaign, table.c.round == round)
            .order_by(table.c.hypothesis_id)
        )
        return {row.hypothesis_id: row.supported for row in found}


def block_rows(ledger: Ledger) -> list[BlockRow]:
    """Return the hold-out blocks."""
    return _all(ledger, tables.block, BlockRow)


def stream_rows(ledger: Ledger) -> list[StreamRow]:
    """Return the error streams."""
    return _all(ledger, tables.stream, StreamRow)


def stream_state(ledger: Ledger, stream: str) -> StreamState:
    """Return how far a stream has come, over all campaigns; ``(0, frozenset())`` if nothing was spent.

    Supports that an invalidation turned are none.
    """
    table = tables.hypothesis
    with ledger.read() as connection:
        spent = connection.execute(select(tables.stream.c.t).where(tables.stream.c.stream == stream)).scalar() or 0
        keys = connection.execute(
            select(table.c.claim_key).where(
                table.c.stream == stream, table.c.verdict == Verdict.SUPPORTED.value, table.c.t.is_not(None)
            )
        ).scalars()
        return StreamState(spent, frozenset(keys))


def registered_ids(ledger: Ledger, campaign: str | None = None) -> set[str]:
    """Return the ids of all registered hypotheses, of one campaign or of the whole ledger."""
    table = tables.hypothesis
    with ledger.read() as connection:
        return set(
            connection.execute(
                select(table.c.hypothesis_id).where(
                    table.c.prereg_sha256.is_not(None), *_equal(table, campaign=campaign)
                )
            ).scalars()
        )
