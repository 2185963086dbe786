"""``ledger rebuild``: drop the projection tables and make them again from the entries."""

from __future__ import annotations

from theodolite.store.errors import LedgerFormatError
from theodolite.store.ledger import Ledger
from theodolite.store.projections import rebuild_projections
from theodolite.store.verify import verify_chain

__all__ = ["rebuild"]


def rebuild(ledger: Ledger) -> int:
    """Rebuild the projections in one transaction and return the number of entries projected.

    Raises
    ------
    LedgerFormatError
        If the chain itself is broken: projections made from it would hide the damage.
    """
    problems = verify_chain(ledger).problems
    if problems:
        raise LedgerFormatError(
            f"{ledger!r} is not rebuilt because its chain is broken: {problems[0]}; restore it from a copy first"
        )
    with ledger.write() as connection:
        return rebuild_projections(connection)
