"""``agent_view``: the one query that defines what executor, planner, steering and stage I reviewers may know.

The error stream keeps its guarantee only if claims depend on discovery data and on one bit a claim (``statistics``:
Xu and Ramdas 2024 under a fixed claim sequence). So nothing that was computed with the observed statistic of an open
block is here: no number, no verdict other than supported or not, no row number (which would count the entries of a
failure apart from those of a result).
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from theodolite.store.following import Following
from theodolite.store.ledger import Ledger
from theodolite.store.seen import (
    RETIRE_AFTER,
    AgentView,
    Bit,
    EarlyFailure,
    FamilyUse,
    Refused,
    Released,
    SeenEffect,
    SeenLook,
    UnmetGate,
)

__all__ = [
    "RETIRE_AFTER",
    "AgentView",
    "Bit",
    "EarlyFailure",
    "FamilyUse",
    "Refused",
    "Released",
    "SeenEffect",
    "SeenLook",
    "UnmetGate",
    "agent_view",
]

_followed: WeakKeyDictionary[Ledger, Following] = WeakKeyDictionary()
_lock = threading.Lock()


def agent_view(ledger: Ledger, campaign: str) -> AgentView:
    """Return what agents of a campaign may know now (rule 4 of a working campaign).

    Everything is in the order of the entries, so that equal chains give byte-identical views. An open ledger is read
    once; later calls read what was appended since.
    """
    with ledger.read() as connection, _lock:
        # Taken out while it changes: what is interrupted half-way is forgotten.
        known = _followed.pop(ledger, None)
        if known is None or not known.precedes(connection):
            known = Following()
        known.read_on(connection)
        view = known.view(connection, campaign)
        _followed[ledger] = known
        return view
