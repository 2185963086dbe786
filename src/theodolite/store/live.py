"""What a live view asks every second or two: small queries, each of an index or of one row, however long the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func as sql
from sqlalchemy import select

from theodolite.store import tables
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.ops import JobRow, JobState, SessionRow
from theodolite.store.queries import select_rows
from theodolite.store.rows import CampaignRow, StreamRow
from theodolite.store.schema import entry_table, ops_job, ops_session

__all__ = [
    "RowLine",
    "campaign_row",
    "count_jobs",
    "count_looks",
    "count_repeats",
    "newest_campaign",
    "newest_rows",
    "newest_session",
    "running_jobs",
    "slots_by_state",
    "streams_of",
    "verdicts_by_word",
]


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row of the chain without its payload; ``verdict`` where it settles a slot."""

    seq: int
    at: str
    kind: str
    id: str
    subject: str
    verdict: str | None


def campaign_row(ledger: Ledger, campaign: str) -> CampaignRow | None:
    """Return one campaign, None where its row is not written yet."""
    table = tables.campaign
    with ledger.read() as connection:
        return next(iter(select_rows(connection, table, CampaignRow, table.c.campaign == campaign)), None)


def newest_campaign(ledger: Ledger) -> str | None:
    """Return the campaign that ran last: whose session is the newest, or, without sessions, whose row is."""
    session = newest_session(ledger)
    if session is not None:
        return session.campaign
    with ledger.read() as connection:
        column = tables.campaign.c
        return connection.execute(select(column.campaign).order_by(column.seq.desc()).limit(1)).scalar()


def newest_session(ledger: Ledger, campaign: str | None = None) -> SessionRow | None:
    """Return the session that began last, of a campaign or of any."""
    query = select(ops_session).order_by(ops_session.c.number.desc()).limit(1)
    if campaign is not None:
        query = query.where(ops_session.c.campaign == campaign)
    with ledger.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else SessionRow(**row)


def newest_rows(ledger: Ledger, most: int) -> list[RowLine]:
    """Return the newest rows, oldest first."""
    entry, slot = entry_table.c, tables.hypothesis.c
    newest = select(entry.seq, entry.at, entry.kind, entry.id, entry.subject).order_by(entry.seq.desc()).limit(most)
    with ledger.read() as connection:
        found = connection.execute(newest).all()
        settled = [row.subject for row in found if row.kind == EntryKind.VERDICT.value]
        verdicts = connection.execute(select(slot.subject, slot.verdict).where(slot.subject.in_(settled)))
        verdict_of: dict[str, str] = {row.subject: row.verdict for row in verdicts}
    return [
        RowLine(
            row.seq,
            row.at,
            row.kind,
            row.id,
            row.subject,
            verdict_of.get(row.subject) if row.kind == EntryKind.VERDICT.value else None,
        )
        for row in reversed(found)
    ]


def slots_by_state(ledger: Ledger, campaign: str, round: int) -> dict[str, int]:
    """Return how many slots of a round stand how."""
    slot = tables.hypothesis.c
    query = select(slot.status, sql.count()).where(slot.campaign == campaign, slot.round == round).group_by(slot.status)
    with ledger.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def verdicts_by_word(ledger: Ledger, campaign: str) -> dict[str, int]:
    """Return how many slots of a campaign ended how; read once, at its end."""
    slot = tables.hypothesis.c
    query = (
        select(slot.verdict, sql.count())
        .where(slot.campaign == campaign, slot.verdict.is_not(None))
        .group_by(slot.verdict)
    )
    with ledger.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def count_jobs(ledger: Ledger, campaign: str) -> dict[str, int]:
    """Return how many jobs of a campaign stand how; states that no job is in are left out."""
    with ledger.read() as connection:
        counts = {
            state.value: connection.execute(
                select(sql.count()).where(ops_job.c.state == state.value, ops_job.c.campaign == campaign)
            ).scalar_one()
            for state in JobState
        }
    return {state: count for state, count in counts.items() if count}


def running_jobs(ledger: Ledger, campaign: str, most: int) -> list[JobRow]:
    """Return jobs that a worker has, the longest-running first."""
    query = (
        select(ops_job)
        .where(ops_job.c.state == JobState.RUNNING.value, ops_job.c.campaign == campaign)
        .order_by(ops_job.c.started_at)
        .limit(most)
    )
    with ledger.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [JobRow(**{**row, "state": JobState(row["state"])}) for row in rows]


def count_looks(ledger: Ledger, campaign: str) -> int:
    """Return how many looks a campaign has taken."""
    with ledger.read() as connection:
        return int(
            connection.execute(
                select(sql.count()).select_from(tables.look).where(tables.look.c.campaign == campaign)
            ).scalar_one()
        )


def count_repeats(ledger: Ledger, campaign: str) -> int:
    """Return how many actions of a campaign were repeated; there are few, for a budget ends them."""
    entry = entry_table.c
    # An expression in place of the column: by its index, SQLite would read every row of the campaign.
    query = select(sql.count()).where(entry.kind == EntryKind.REPEAT.value, (entry.subject + "") == campaign)
    with ledger.read() as connection:
        return int(connection.execute(query).scalar_one())


def streams_of(ledger: Ledger, name: str) -> list[StreamRow]:
    """Return an error stream and, where there is one, its stream of reused blocks."""
    table = tables.stream
    with ledger.read() as connection:
        return select_rows(connection, table, StreamRow, table.c.stream.in_([name, f"{name}/reused"]))
