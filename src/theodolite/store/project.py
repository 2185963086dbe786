"""``project(entry)``: what an entry means to the typed tables; run in the append's own transaction and by rebuild.

A pure function of the entries before it. It refuses an entry that contradicts the ledger (a level spent twice, a
stream with another budget), and the append with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from theodolite.store import tables
from theodolite.store.chain import Entry
from theodolite.store.errors import LedgerConflict
from theodolite.store.invalidations import project_invalidation
from theodolite.store.kinds import SLOT_KINDS, EntryKind, campaign_of
from theodolite.store.project_agents import AGENT_HANDLERS, tried_on_model
from theodolite.store.project_slots import SLOT_HANDLERS, know_block
from theodolite.store.records import (
    CampaignRecord,
    LookRecord,
    ReviewTrialRecord,
    RoundRecord,
    SplitRecord,
    StopRecord,
    StreamRecord,
    ToolCheckRecord,
    parse,
)

__all__ = ["driver", "project"]

_COUNTED = (
    "INSERT INTO counter (kind, entries, last_seq, last_id, last_hash) VALUES (?, 1, ?, ?, ?) "
    "ON CONFLICT (kind) DO UPDATE SET entries = entries + 1, last_seq = excluded.last_seq, "
    "last_id = excluded.last_id, last_hash = excluded.last_hash"
)


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, in the same transaction."""
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def project(connection: Connection, entry: Entry) -> None:
    """Write what one entry says into the projection tables.

    Raises
    ------
    LedgerPayloadError
        If the payload or the subject is not that of its kind.
    LedgerConflict
        If it contradicts an earlier entry.
    """
    if entry.kind in SLOT_KINDS:
        campaign_of(entry.subject)
    record: Any = parse(entry.kind, entry.payload)
    handler = _HANDLERS.get(entry.kind)
    if handler is not None:
        handler(connection, entry, record)
    driver(connection).execute(_COUNTED, (entry.kind.value, entry.seq, entry.id, entry.hash))


def _campaign(connection: Connection, entry: Entry, record: CampaignRecord) -> None:
    connection.execute(
        insert(tables.campaign).values(
            campaign=entry.subject,
            seq=entry.seq,
            name=record.name,
            model=record.model.name,
            model_sha256=record.model.sha256,
            cells=record.cells.name,
            cells_sha256=record.cells.sha256,
            catalogue=record.catalogue,
            decision=record.decision,
            seed=record.seed,
            spec=record.spec,
        )
    )
    for reference in record.references:
        connection.execute(
            insert(tables.reference_set).values(campaign=entry.subject, seq=entry.seq, **reference.model_dump())
        )


def _stream(connection: Connection, entry: Entry, record: StreamRecord) -> None:
    table = tables.stream
    known = connection.execute(select(table).where(table.c.stream == record.stream)).one_or_none()
    if known is None:
        connection.execute(insert(table).values(seq=entry.seq, t=0, supports=0, **record.model_dump()))
        return
    locked = (known.rule, known.q, known.n_max)
    if locked == (None, None, None):
        connection.execute(
            update(table)
            .where(table.c.stream == record.stream)
            .values(rule=record.rule, q=record.q, n_max=record.n_max)
        )
    elif locked != (record.rule, record.q, record.n_max):
        raise LedgerConflict(
            f"stream {record.stream!r} is locked to rule, q, n_max = {locked!r}, got "
            f"{(record.rule, record.q, record.n_max)!r}; keep the locked values or name another error budget"
        )


def _split(connection: Connection, entry: Entry, record: SplitRecord) -> None:
    know_block(connection, entry, record.block_id)
    table = tables.block
    known = connection.execute(select(table).where(table.c.block_id == record.block_id)).one()
    if known.split_sha256 is None:
        connection.execute(
            update(table)
            .where(table.c.block_id == record.block_id)
            .values(split_sha256=record.split_sha256, k=record.k)
        )
    elif (known.split_sha256, known.k) != (record.split_sha256, record.k):
        raise LedgerConflict(
            f"block {record.block_id!r} belongs to split {known.split_sha256!r} with k = {known.k!r}, got "
            f"{record.split_sha256!r} with k = {record.k!r}; a block's id derives from its split"
        )


def _look(connection: Connection, entry: Entry, record: LookRecord) -> None:
    connection.execute(
        insert(tables.look), {"id": entry.id, "seq": entry.seq, "campaign": entry.subject, **record.model_dump()}
    )


def _review_trial(connection: Connection, entry: Entry, record: ReviewTrialRecord) -> None:
    connection.execute(
        insert(tables.review_trial).values(subject=entry.subject, seq=entry.seq, **record.model_dump(mode="json"))
    )
    tried_on_model(connection, entry, record.trial)


def _tool_check(connection: Connection, entry: Entry, record: ToolCheckRecord) -> None:
    connection.execute(insert(tables.tool_check).values(id=entry.id, seq=entry.seq, **record.model_dump()))


def _round(connection: Connection, entry: Entry, record: RoundRecord) -> None:
    connection.execute(
        insert(tables.round_row).values(campaign=entry.subject, seq=entry.seq, **record.model_dump(exclude={"bits"}))
    )
    bits = [
        {
            "campaign": entry.subject,
            "round": record.round,
            "hypothesis_id": hypothesis_id,
            "seq": entry.seq,
            "supported": supported,
        }
        for hypothesis_id, supported in record.bits.items()
    ]
    if bits:
        connection.execute(insert(tables.round_bit), bits)
    know_block(connection, entry, record.block_id)
    if record.retired:
        connection.execute(
            update(tables.block)
            .where(tables.block.c.block_id == record.block_id, tables.block.c.retired_in_round.is_(None))
            .values(retired_in_campaign=entry.subject, retired_in_round=record.round)
        )


def _stop(connection: Connection, entry: Entry, record: StopRecord) -> None:
    connection.execute(
        update(tables.campaign)
        .where(tables.campaign.c.campaign == entry.subject)
        .values(stop_reason=record.reason, stop_detail=record.detail)
    )


_HANDLERS: dict[EntryKind, Callable[[Connection, Entry, Any], None]] = {
    **SLOT_HANDLERS,
    **AGENT_HANDLERS,
    EntryKind.CAMPAIGN: _campaign,
    EntryKind.STREAM: _stream,
    EntryKind.SPLIT: _split,
    EntryKind.LOOK: _look,
    EntryKind.INVALIDATION: project_invalidation,
    EntryKind.REVIEW_TRIAL: _review_trial,
    EntryKind.TOOL_CHECK: _tool_check,
    EntryKind.ROUND: _round,
    EntryKind.STOP: _stop,
}
