"""What a live view asks every second or two: small queries, each of an index or of one row, however long the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Row, select
from sqlalchemy import func as sql

from theodolite.store import tables
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.ops import JobRow, JobState, SessionRow
from theodolite.store.project_slots import SlotStatus
from theodolite.store.queries import select_rows
from theodolite.store.rows import CampaignRow, StreamRow
from theodolite.store.schema import entry_table, ops_job, ops_session
from theodolite.store.tallies import tallies

__all__ = [
    "ROW",
    "UNSETTLED",
    "RowLine",
    "campaign_row",
    "count_jobs",
    "count_looks",
    "count_registered",
    "count_repeats",
    "newest_campaign",
    "newest_rows",
    "newest_session",
    "row_lines",
    "rows_after",
    "running_jobs",
    "slots_by_state",
    "streams_of",
    "verdicts_by_word",
]

ROW: list[Column[Any]] = [entry_table.c[name] for name in ("seq", "at", "kind", "id", "subject")]
"""Columns that :func:`row_lines` takes."""

UNSETTLED = frozenset({"pending", "refused"})
"""Outcomes that are no verdict."""


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
    newest = select(*ROW).order_by(entry_table.c.seq.desc()).limit(most)
    with ledger.read() as connection:
        return row_lines(connection, connection.execute(newest).all()[::-1])


def rows_after(ledger: Ledger, seq: int, most: int) -> list[RowLine]:
    """Return the first rows behind a row of the chain, oldest first."""
    following = select(*ROW).where(entry_table.c.seq > seq).order_by(entry_table.c.seq).limit(most)
    with ledger.read() as connection:
        return row_lines(connection, connection.execute(following).all())


def row_lines(connection: Connection, found: Sequence[Row[Any]]) -> list[RowLine]:
    """Return rows of the chain, of which :data:`ROW` was selected, with the verdicts that they settle."""
    slot, verdict = tables.hypothesis.c, EntryKind.VERDICT.value
    settled = [row.subject for row in found if row.kind == verdict]
    query = select(slot.subject, slot.verdict).where(slot.subject.in_(settled))
    verdict_of: dict[str, str] = {row.subject: row.verdict for row in connection.execute(query)} if settled else {}
    return [
        RowLine(
            row.seq,
            row.at,
            row.kind,
            row.id,
            row.subject,
            verdict_of.get(row.subject) if row.kind == verdict else None,
        )
        for row in found
    ]


def slots_by_state(ledger: Ledger, campaign: str, round: int) -> dict[str, int]:
    """Return how many slots of a round stand how."""
    slot = tables.hypothesis.c
    query = select(slot.status, sql.count()).where(slot.campaign == campaign, slot.round == round).group_by(slot.status)
    with ledger.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def verdicts_by_word(ledger: Ledger, campaign: str) -> dict[str, int]:
    """Return how many slots of a campaign ended how."""
    found = tallies(ledger, by=["outcome"], campaign=campaign)
    return {outcome: count for outcome, count in found if outcome not in UNSETTLED}


def count_registered(ledger: Ledger, campaign: str) -> int:
    """Return how many hypotheses a campaign has registered, without reading those of rounds that are closed.

    What has a verdict was registered, what was refused was not, and what is pending is of the round under way.
    """
    found: dict[str, int] = dict(tallies(ledger, by=["outcome"], campaign=campaign))
    settled = sum(count for outcome, count in found.items() if outcome not in UNSETTLED)
    if not found.get("pending"):
        return settled
    slot, closed = tables.hypothesis.c, tables.round_row.c
    newest = select(sql.coalesce(sql.max(closed.round), 0)).where(closed.campaign == campaign).scalar_subquery()
    query = select(sql.count()).where(
        slot.campaign == campaign,
        slot.round > newest,
        slot.prereg_sha256.is_not(None),
        slot.verdict.is_(None),
        slot.status != SlotStatus.REFUSED.value,
    )
    with ledger.read() as connection:
        return settled + int(connection.execute(query).scalar_one())


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
