"""Asking a coordinator to stop from another process, through the inbox of its campaign.

A request names the coordinator that it is for, by its lease. So it never stops a later one: what a killed coordinator
left in the inbox is put aside by its successor. Nothing of it enters the chain.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from theodolite.records import Closed
from theodolite.store import InboxItem, LeaseRow, Ledger

__all__ = ["INBOX_KIND", "HandedStop", "StopAt", "StopRequests", "hand_in_stop", "read_stop"]

INBOX_KIND: Final = "stop"
"""Under which requests to stop lie in the inbox of a campaign."""


class StopAt(StrEnum):
    """Where a campaign stops; later members stop it earlier."""

    ROUND = "round"
    """After the round under way, or before the next where none is."""
    STEP = "step"
    """After the step under way, as SIGTERM does."""
    NOW = "now"
    """In the midst of a step, as a second Ctrl-C does; what the step had not recorded is done again."""

    @property
    def rank(self) -> int:
        """How soon: a sooner stop replaces a later one."""
        return list(StopAt).index(self)


class HandedStop(Closed):
    """What is handed in.

    Attributes
    ----------
    stop
        Where to stop.
    pid, host, since
        The coordinator that is asked, as its lease names it.
    """

    stop: StopAt
    pid: int
    host: str
    since: str

    def meant_for(self, lease: LeaseRow | None) -> bool:
        """Return whether the coordinator that holds this lease is the one that was asked."""
        return lease is not None and (self.pid, self.host, self.since) == (lease.pid, lease.host, lease.at)


def hand_in_stop(ledger: Ledger, campaign: str, person: str, stop: StopAt, lease: LeaseRow) -> int:
    """Put a request into the inbox of a campaign, for the coordinator of this lease; return its number."""
    handed = HandedStop(stop=stop, pid=lease.pid, host=lease.host, since=lease.at)
    return ledger.ops.hand_in(campaign, INBOX_KIND, person, handed.model_dump_json())


def read_stop(item: InboxItem) -> HandedStop | None:
    """Return a request as it was handed in, None where it is none."""
    try:
        return HandedStop.model_validate_json(item.content)
    except ValidationError:
        return None


class StopRequests:
    """The inbox of stops as the coordinator of a campaign reads it.

    Parameters
    ----------
    ledger
        Whose lease this process holds.
    campaign
        Which campaign it runs.
    """

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        self._ledger = ledger
        self._campaign = campaign
        mine = [row for row in ledger.ops.leases() if (row.pid, row.campaign) == (os.getpid(), campaign)]
        self._lease = mine[-1] if mine else None

    def take(self) -> list[tuple[StopAt, str]]:
        """Return where and by whom a stop was asked for since the last time, and mark all of it as taken."""
        found = []
        for item in self._ledger.ops.inbox(self._campaign, INBOX_KIND):
            handed = read_stop(item)
            if handed is not None and handed.meant_for(self._lease):
                found.append((handed.stop, item.person))
            self._ledger.ops.take_in(item.number)
        return found
