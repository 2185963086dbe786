"""People: what waits for them, what they have handed in, and the forms to say something."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.sessions import safe_next
from theodolite.dashboard.templating import page
from theodolite.dashboard.writing import field, may_write, writing
from theodolite.experiments.approvals import awaited, choose_awaited, hand_in_approvals
from theodolite.experiments.handed import read_proposal, tested_before
from theodolite.experiments.noting import LONGEST_NOTE, hand_in_note, read_note
from theodolite.experiments.signatures import check_signatures
from theodolite.reports.awaiting import asked
from theodolite.reports.people import handed_in, notes_of, words_of
from theodolite.store import Ledger, campaign_rows

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_NOTES = 50
_LARGEST = 2**53


@router.get("/people")
def people_page(
    request: Request,
    handed: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show what waits, what was handed in, and notes, with forms where this person may hand something in."""
    ledger: Ledger = request.app.state.ledger
    checked = check_signatures(ledger)
    until = _number("before", before)
    notes = [note for note in notes_of(ledger, None, checked) if until is None or note.number < until]
    return page(
        request,
        "people.html",
        asked=asked(ledger),
        handed=handed_in(ledger, checked),
        notes=notes[:_NOTES],
        older=notes[_NOTES - 1].number if len(notes) > _NOTES else None,
        newest=until is None,
        checked=checked,
        notice=_notice(ledger, _number("handed", handed)),
        open_campaigns=[row for row in campaign_rows(ledger) if row.stop_reason is None],
        may_write=may_write(request),
        folder=str(request.app.state.settings.ledger.parent),
    )


@router.post("/people/approvals")
def approve(request: Request) -> Response:
    """Hand in that a plan may run, or that a verdict may be recorded; or that it may not."""
    subject, of = field(request, "subject", 400), field(request, "of", 40)
    sha256, decision = field(request, "prereg_sha256", 64), field(request, "decision", 40)
    reason = field(request, "reason", 1_200)
    if decision not in ("approve", "reject"):
        raise Refused(400, f"decision is {decision!r}", "Choose Approve or Reject on the page.")
    with writing(request) as to:
        chosen = choose_awaited(awaited(to.ledger), [subject])
        if (chosen[0].of, chosen[0].prereg_sha256) != (of, sha256):
            raise Refused(
                400,
                f"What waits of {subject} is not what you were shown any more",
                "Load the page of people again, and answer what it shows now.",
            )
        numbers = hand_in_approvals(to.ledger, chosen, decision == "approve", to.person, reason, sign=to.sign)
    return RedirectResponse(f"/people?handed={numbers[0]}", status_code=303)


@router.post("/people/notes")
def note(request: Request) -> Response:
    """Keep a note, and go back to where it was written."""
    # A browser counts a line break as one character and sends two.
    subject, text = field(request, "subject", 400), field(request, "text", 2 * LONGEST_NOTE)
    with writing(request) as to:
        number = hand_in_note(to.ledger, subject, to.person, text, sign=to.sign)
    here = safe_next(request.state.form.get("next", "/people")).partition("#")[0]
    return RedirectResponse(f"{'/people' if here == '/' else here}#note-{number}", status_code=303)


def _number(name: str, given: str) -> int | None:
    if not given:
        return None
    if not (given.isascii() and given.isdecimal()) or int(given) > _LARGEST:
        raise Refused(400, f"{name} is {given!r}", "Give the number of an item, or leave it out.")
    return int(given)


def _notice(ledger: Ledger, number: int | None) -> dict[str, object] | None:
    """Return what was just handed in, in words of the ledger."""
    item = None if number is None else ledger.ops.handed_in(number)
    said = None if item is None else words_of(item)
    if item is None or said is None or read_note(item) is not None:
        return None
    proposal = read_proposal(item)
    tested = [] if proposal is None else tested_before(ledger, proposal.hypothesis.id)
    return {"item": item, "words": said[0], "subject": said[1], "tested": tested}
