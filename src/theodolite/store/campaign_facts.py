"""What a list of campaigns asks: a few small queries for a page of them, each by index, however long the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select
from sqlalchemy import func as sql

from theodolite.store import tables
from theodolite.store.agent_records import CallStatus
from theodolite.store.kinds import EntryKind, entry_id
from theodolite.store.ledger import Ledger
from theodolite.store.live import ROW, RowLine, row_lines
from theodolite.store.ops import SessionRow
from theodolite.store.queries import select_rows
from theodolite.store.rows import CampaignRow
from theodolite.store.schema import entry_table, ops_session

__all__ = [
    "Ends",
    "Sessions",
    "calls_by_status",
    "campaigns_before",
    "count_campaigns",
    "ends_of",
    "rows_of_campaign",
    "sessions_of",
    "split_of",
]

_NEWEST_SLOTS, _WINDOW = 100, 2_000
_CAMPAIGN, _ENTRY, _SLOT = tables.campaign.c, entry_table.c, tables.hypothesis.c
_OF = bindparam("of", type_=_CAMPAIGN.campaign.type)
_LAST_OWN = select(sql.max(_ENTRY.seq)).where(_ENTRY.subject == _OF)
_NEWEST = (
    select(_SLOT.last_seq)
    .where(_SLOT.campaign == _OF)
    .order_by(_SLOT.round.desc(), _SLOT.slot.desc())
    .limit(_NEWEST_SLOTS)
    .subquery()
)
_LAST = select(_LAST_OWN.scalar_subquery(), select(sql.max(_NEWEST.c.last_seq)).scalar_subquery())


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and the last row of a campaign, and when they were written."""

    first: int
    first_at: str
    last: int
    last_at: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """For how many seconds a campaign was run, over all sessions, and the newest of them."""

    seconds: float
    newest: SessionRow


def count_campaigns(ledger: Ledger) -> int:
    """Return how many campaigns were opened."""
    return ledger.count(EntryKind.CAMPAIGN)


def campaigns_before(ledger: Ledger, before: int | None, most: int) -> list[CampaignRow]:
    """Return campaigns, newest first: those whose row is before a row of the chain, or from the newest on."""
    # By the index of the chain: there is none by seq among campaigns.
    query = select(_ENTRY.subject).where(_ENTRY.kind == EntryKind.CAMPAIGN.value).order_by(_ENTRY.seq.desc())
    if before is not None:
        query = query.where(_ENTRY.seq < before)
    with ledger.read() as connection:
        wanted = connection.execute(query.limit(most)).scalars().all()
        return select_rows(connection, tables.campaign, CampaignRow, _CAMPAIGN.campaign.in_(wanted))[::-1]


def sessions_of(ledger: Ledger, campaigns: Sequence[str]) -> dict[str, Sessions]:
    """Return what is known of the sessions of some campaigns; one that was never run is left out."""
    session = ops_session.c
    added = (
        select(session.campaign, sql.sum(session.seconds), sql.max(session.number))
        .where(session.campaign.in_(campaigns))
        .group_by(session.campaign)
    )
    with ledger.read() as connection:
        found = connection.execute(added).all()
        newest = connection.execute(select(ops_session).where(session.number.in_([row[2] for row in found])))
        rows = {row["number"]: SessionRow(**row) for row in newest.mappings()}
    return {campaign: Sessions(float(seconds), rows[number]) for campaign, seconds, number in found}


def ends_of(ledger: Ledger, campaigns: Sequence[CampaignRow]) -> dict[str, Ends]:
    """Return where campaigns begin and end.

    The last row is found among the campaign's own and those of its newest slots; what came later to an older slot, such
    as a judgement by a newer catalogue, does not count.
    """
    with ledger.read() as connection:
        last = {}
        for row in campaigns:
            found = connection.execute(_LAST, {"of": row.campaign}).one()
            last[row.campaign] = max(row.seq, *(seq or 0 for seq in found))
        wanted = {*last.values(), *(row.seq for row in campaigns)}
        times = connection.execute(select(_ENTRY.seq, _ENTRY.at).where(_ENTRY.seq.in_(wanted)))
        at: dict[int, str] = {row.seq: row.at for row in times}
    return {row.campaign: Ends(row.seq, at[row.seq], last[row.campaign], at[last[row.campaign]]) for row in campaigns}


def rows_of_campaign(ledger: Ledger, campaign: str, until: int, most: int) -> list[RowLine]:
    """Return the newest rows of a campaign up to a row of the chain, newest first.

    Looked for among the 2,000 rows up to there, which is all that campaigns that run beside it leave between them.
    """
    query = (
        select(*ROW)
        .where(
            _ENTRY.seq <= until,
            _ENTRY.seq > until - _WINDOW,
            # Expressions in place of the column: by its index, SQLite would read every row of the campaign.
            or_((_ENTRY.subject + "") == campaign, (_ENTRY.subject + "").startswith(f"{campaign}/", autoescape=True)),
        )
        .order_by(_ENTRY.seq.desc())
        .limit(most)
    )
    with ledger.read() as connection:
        return row_lines(connection, connection.execute(query).all())


def split_of(ledger: Ledger, campaign: str) -> str | None:
    """Return the hash of a campaign's split, None before its row is written."""
    entry = ledger.get(entry_id(campaign, EntryKind.SPLIT))
    return None if entry is None else str(entry.payload["split_sha256"])


def calls_by_status(ledger: Ledger, campaign: str) -> dict[str, int]:
    """Return how many calls of language models did not end well, by how; there are few of each."""
    call = tables.model_call.c
    with ledger.read() as connection:
        counts = {
            status.value: connection.execute(
                select(sql.count()).where(call.subject == campaign, call.outcome == status.value)
            ).scalar_one()
            for status in CallStatus
            if status is not CallStatus.OK
        }
    return {status: count for status, count in counts.items() if count}
