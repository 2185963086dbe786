"""Campaigns that may run beside another one, at the same time on the same ledger: of another split and another stream.

What they write falls between a campaign's rows wherever time has it. A campaign's rows must not depend on that, so
whatever decides about it leaves out what such campaigns wrote after it was opened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from theodolite.store import tables
from theodolite.store.kinds import EntryKind
from theodolite.store.schema import entry_table

__all__ = ["Beside", "beside"]

_SPLITS = select(entry_table.c.subject, entry_table.c.payload).where(entry_table.c.kind == EntryKind.SPLIT.value)
_CAMPAIGNS = select(tables.campaign.c.campaign, tables.campaign.c.seq, tables.campaign.c.spec)
_DEFAULT_STREAM = "main"


@dataclass(frozen=True, slots=True)
class Beside:
    """The campaigns that may run beside one.

    Attributes
    ----------
    campaigns
        Their ids.
    opened
        Row with which that one was opened.
    """

    campaigns: frozenset[str] = frozenset()
    opened: int = 0

    def hides(self, subject: str, seq: int) -> bool:
        """Return whether an entry about a campaign is one that may come earlier or later, as time has it."""
        return seq > self.opened and subject in self.campaigns


def beside(connection: Connection, campaign: str) -> Beside:
    """Return which campaigns may run beside one; none for a campaign that is not open yet."""
    splits = {row.subject: str(json.loads(row.payload)["split_sha256"]) for row in connection.execute(_SPLITS)}
    if campaign not in splits or len(set(splits.values())) == 1:
        return Beside()
    opened = {row.campaign: (row.seq, _stream_of(row.spec)) for row in connection.execute(_CAMPAIGNS)}
    if campaign not in opened:
        return Beside()
    first, stream = opened[campaign]
    others = {name for name, sha256 in splits.items() if sha256 != splits[campaign] and name in opened}
    return Beside(frozenset(name for name in others if opened[name][1] != stream), first)


def _stream_of(spec: Any) -> str:
    error = spec.get("error") if isinstance(spec, dict) else None
    return str(error.get("stream", _DEFAULT_STREAM)) if isinstance(error, dict) else _DEFAULT_STREAM
