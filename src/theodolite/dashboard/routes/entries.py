"""One row of the chain in full: what was written, when, and the hashes that hold it in place."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.templating import page
from theodolite.reports.exchanges import exchange
from theodolite.store import Ledger
from theodolite.store.kinds import SLOT_KINDS

__all__ = ["router"]

router = APIRouter()


@router.get("/entries/{id:path}")
def entry_page(request: Request, id: str) -> Response:
    """Show one entry, and what was said where it is a call of a language model."""
    ledger: Ledger = request.app.state.ledger
    entry = ledger.get(id)
    if entry is None:
        raise Refused(404, f"The ledger has no entry {id!r}", "Follow a link from a hypothesis, or look in the ledger.")
    return page(
        request,
        "entry.html",
        entry=entry,
        payload=json.dumps(entry.payload, indent=2, ensure_ascii=False),
        said=exchange(ledger, entry),
        of_slot=entry.kind in SLOT_KINDS,
    )
