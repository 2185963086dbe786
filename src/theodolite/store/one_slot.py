"""What is asked about one slot and what stands around it: every answer is read off an index, however many rows."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from theodolite.store import tables
from theodolite.store.agent_queries import ModelCallRow
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.ops import JobRow, JobState
from theodolite.store.queries import select_rows
from theodolite.store.rows import RefusalRow
from theodolite.store.schema import entry_table, ops_job

__all__ = [
    "SlotBrief",
    "calls_about",
    "figure_names",
    "followers",
    "jobs_named",
    "reference_size",
    "refusal_of",
    "same_claim",
    "slots_named",
]

_SLOT_NAME = re.compile(r"(?:(?P<campaign>.+)/)?r(?P<round>\d{2,9})\.s(?P<slot>\d{3,9})")
_HYPOTHESIS = tables.hypothesis.c
_AT_ONCE = 500
"""Values in one statement; SQLite has a limit."""


@dataclass(frozen=True, slots=True)
class SlotBrief:
    """Another slot, in short."""

    subject: str
    claim_text: str
    locus: str
    outcome: str
    tags: tuple[str, ...]


def slots_named(ledger: Ledger, name: str, limit: int = 50) -> list[str]:
    """Return the slots that a name may mean, in the order of their campaigns: one in full, or its end.

    ``r01.s003`` is that slot in every campaign, ``demo-1a2b/r01.s003`` the one slot, or, where a campaign of a matrix
    has it, ``matrix/demo-1a2b/r01.s003``.
    """
    with ledger.read() as connection:
        if connection.execute(select(_HYPOTHESIS.seq).where(_HYPOTHESIS.subject == name)).first() is not None:
            return [name]
        match = _SLOT_NAME.fullmatch(name)
        if match is None:
            return []
        campaigns = connection.execute(select(tables.campaign.c.campaign).order_by(tables.campaign.c.seq)).scalars()
        ends = [
            campaign
            for campaign in campaigns
            if match["campaign"] is None or campaign.endswith(f"/{match['campaign']}")
        ]
        place = (_HYPOTHESIS.round == int(match["round"]), _HYPOTHESIS.slot == int(match["slot"]))
        found: list[str] = []
        for start in range(0, len(ends), _AT_ONCE):
            some = select(_HYPOTHESIS.subject).where(_HYPOTHESIS.campaign.in_(ends[start : start + _AT_ONCE]), *place)
            found += connection.execute(some.limit(limit - len(found))).scalars()
            if len(found) >= limit:
                break
    order = {campaign: position for position, campaign in enumerate(ends)}
    named = [subject for subject in found if subject.endswith(f"/{name}")]
    return sorted(named, key=lambda subject: order[subject.rpartition("/")[0]])


def refusal_of(ledger: Ledger, subject: str) -> RefusalRow | None:
    """Return why a slot was refused before it ran; None where it was not."""
    with ledger.read() as connection:
        found = select_rows(connection, tables.refusal, RefusalRow, tables.refusal.c.subject == subject)
    return found[0] if found else None


def calls_about(ledger: Ledger, subject: str, limit: int = 200) -> list[ModelCallRow]:
    """Return the calls of language models that were made for a slot, oldest first."""
    table = tables.model_call
    with ledger.read() as connection:
        return select_rows(connection, table, ModelCallRow, table.c.about == subject, limit=limit)


def jobs_named(ledger: Ledger, job_ids: Collection[str]) -> dict[str, JobRow]:
    """Return jobs by their hash; those that this ledger knows of."""
    found: dict[str, JobRow] = {}
    listed = sorted(set(job_ids))
    with ledger.read() as connection:
        for start in range(0, len(listed), _AT_ONCE):
            query = select(ops_job).where(ops_job.c.job_id.in_(listed[start : start + _AT_ONCE]))
            for row in connection.execute(query).mappings():
                found[row["job_id"]] = JobRow(**{**row, "state": JobState(row["state"])})
    return found


def same_claim(ledger: Ledger, claim_key: str, subject: str, limit: int = 50) -> list[SlotBrief]:
    """Return other slots that make one and the same claim, at whatever place in the model, as proposed."""
    query = _brief().where(_HYPOTHESIS.claim_key == claim_key, _HYPOTHESIS.subject != subject)
    with ledger.read() as connection:
        return _briefs(connection, query.order_by(_HYPOTHESIS.seq).limit(limit))


def followers(ledger: Ledger, subject: str, seq: int, among: int = 2_000) -> list[SlotBrief]:
    """Return the slots that name rows of this one as what they rest on, of the ``among`` that were proposed next.

    No index holds what a hypothesis rests on, and agents propose from what they saw lately.
    """
    with ledger.read() as connection:
        later = connection.execute(
            select(_HYPOTHESIS.seq, _HYPOTHESIS.parents)
            .where(_HYPOTHESIS.seq > seq)
            .order_by(_HYPOTHESIS.seq)
            .limit(among)
        )
        seqs = [
            row.seq
            for row in later
            if any(parent == subject or parent.startswith(f"{subject}/") for parent in row.parents)
        ]
        if not seqs:
            return []
        return _briefs(connection, _brief().where(_HYPOTHESIS.seq.in_(seqs[:_AT_ONCE])).order_by(_HYPOTHESIS.seq))


def figure_names(ledger: Ledger, sha256: str) -> bool:
    """Return whether a row of kind ``figure`` names an artefact, so that it may be shown as one."""
    entry = entry_table.c
    query = select(entry.seq).where(
        entry.kind == EntryKind.FIGURE.value, func.json_extract(entry.payload, "$.artefact") == sha256
    )
    with ledger.read() as connection:
        return connection.execute(query.limit(1)).first() is not None


def reference_size(ledger: Ledger, campaign: str, reference: str) -> int | None:
    """Return how many genes, pairs or anchors of a reference a campaign counted in a hold-out block."""
    table = tables.reference_set.c
    query = select(table.genes_in_block).where(table.campaign == campaign, table.name == reference)
    with ledger.read() as connection:
        return connection.execute(query).scalar()


def _brief() -> Select[Any]:
    return select(_HYPOTHESIS.subject, _HYPOTHESIS.claim_text, _HYPOTHESIS.locus, _HYPOTHESIS.outcome, _HYPOTHESIS.tags)


def _briefs(connection: Connection, query: Select[Any]) -> list[SlotBrief]:
    return [SlotBrief(**row) for row in connection.execute(query).mappings()]
