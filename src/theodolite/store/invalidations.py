"""What rows say of an invalidation: which node is bad and why, and each verdict that rests on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, insert, select, update

from theodolite.claims import Sha256, Verdict
from theodolite.store import tables
from theodolite.store.chain import Entry
from theodolite.store.errors import LedgerConflict

__all__ = [
    "InvalidatedRecord",
    "InvalidatedRow",
    "InvalidationRecord",
    "InvalidationRow",
    "NodeKind",
    "NodeRecord",
    "project_invalidated",
    "project_invalidation",
]

NodeKind = Literal[
    "model",
    "cells",
    "reference",
    "source",
    "families",
    "split",
    "tool",
    "fit",
    "coexpression",
    "job",
    "catalogue",
    "gate",
]
"""What a verdict can rest on."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class NodeRecord(_Record):
    """A node; ``sha256`` is None where rows name it without a hash, ``name`` is empty where only its hash is known."""

    kind: NodeKind
    name: str
    sha256: Sha256 | None


class InvalidationRecord(_Record):
    """A person found that something is bad: no verdict that rests on it stands, and nothing new may rest on it.

    Attributes
    ----------
    node, nodes
        As it is called (``tool:attention.edges@1``), and what that named in this ledger.
    reason, person
        Why, and who says so.
    verdicts
        Slots of the verdicts that rested on it when this row was written.
    """

    node: str = Field(min_length=1)
    nodes: tuple[NodeRecord, ...] = Field(min_length=1)
    reason: str = Field(min_length=1)
    person: str = Field(min_length=1)
    verdicts: tuple[str, ...]


class InvalidatedRecord(_Record):
    """One verdict that an invalidation turns; the row of the verdict stays as it is.

    Attributes
    ----------
    prereg_sha256, hypothesis_id
        The test.
    invalidation
        Id of the row that says what is bad.
    was, verdict
        The verdict in force until now, and from now on.
    path
        How the test depends on the node: the node first, then what was made of it, last what the test names.
    """

    prereg_sha256: Sha256
    hypothesis_id: Sha256
    invalidation: str = Field(min_length=1)
    was: Verdict
    verdict: Literal["invalid"]
    path: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class InvalidationRow:
    """An invalidation; fields as in its record."""

    id: str
    seq: int
    node: str
    reason: str
    person: str


@dataclass(frozen=True, slots=True)
class InvalidatedRow:
    """A verdict that an invalidation turned; fields as in its record."""

    subject: str
    invalidation: str
    seq: int
    was: str
    path: tuple[str, ...]


def project_invalidation(connection: Connection, entry: Entry, record: InvalidationRecord) -> None:
    """Write the row of what is bad."""
    connection.execute(
        insert(tables.invalidation),
        {"id": entry.id, "seq": entry.seq, "node": record.node, "reason": record.reason, "person": record.person},
    )


def project_invalidated(connection: Connection, entry: Entry, record: InvalidatedRecord) -> None:
    """Turn the verdict in force of a slot; what was recorded, and the level that it spent, stay.

    Raises
    ------
    LedgerConflict
        If the slot holds no verdict of this hypothesis, another one than the row says, or nothing was invalidated.
    """
    row, bad = tables.hypothesis, tables.invalidation
    known = connection.execute(
        select(row.c.hypothesis_id, row.c.verdict, row.c.invalid_because).where(row.c.subject == entry.subject)
    ).one_or_none()
    if known is None or known.hypothesis_id != record.hypothesis_id or known.verdict != record.was.value:
        holds = "nothing" if known is None else f"{known.hypothesis_id!r}, {known.verdict!r}"
        raise LedgerConflict(
            f"{entry.id!r} turns the verdict {record.was.value!r} of {record.hypothesis_id!r}, but slot "
            f"{entry.subject!r} holds {holds}"
        )
    why = connection.execute(
        select(bad.c.node, bad.c.reason, bad.c.person).where(bad.c.id == record.invalidation)
    ).one_or_none()
    if why is None:
        raise LedgerConflict(f"{entry.id!r} names {record.invalidation!r}, and the ledger holds no such invalidation")
    connection.execute(
        insert(tables.invalidated),
        {
            "subject": entry.subject,
            "invalidation": record.invalidation,
            "seq": entry.seq,
            "was": record.was.value,
            "path": record.path,
        },
    )
    because = known.invalid_because or f"{why.node} was invalidated by {why.person}: {why.reason}"
    connection.execute(
        update(row)
        .where(row.c.subject == entry.subject)
        .values(
            last_seq=entry.seq,
            verdict=Verdict.INVALID.value,
            outcome=Verdict.INVALID.value,
            tags=(),
            invalid_because=because,
        )
    )
