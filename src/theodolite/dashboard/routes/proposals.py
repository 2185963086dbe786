"""Propose: put a claim together from what a campaign has, and hand it in or get the command that does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.proposing import Claimed, campaign_file, check, command_line
from theodolite.dashboard.settings import DashboardSettings
from theodolite.dashboard.templating import page
from theodolite.dashboard.writing import field, may_write, writer_of, writing
from theodolite.experiments.handed import ProposalError, hand_in_proposal, refuse_late
from theodolite.prompts import clean_text
from theodolite.reports.menus import menu, tools_of
from theodolite.store import CampaignRow, Ledger, campaign_rows
from theodolite.store.live import campaign_row

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_Given = Annotated[str, Query(max_length=400)]
_LONGEST_REASON = 600


@router.get("/people/propose")
def propose_page(
    request: Request,
    campaign: _Given = "",
    tool: _Given = "",
    reference: _Given = "",
    place: _Given = "",
    direction: _Given = "",
    because: Annotated[str, Query(max_length=4 * _LONGEST_REASON)] = "",
    command: _Given = "",
) -> Response:
    """Show the next choice to make; with ``command`` the command that hands in what is chosen."""
    return _show(request, campaign, _claimed(tool, reference, place, direction, because), command=bool(command))


@router.post("/people/propose")
def propose(request: Request) -> Response:
    """Check a claim in a process of its own, and put it into the campaign's queue."""
    writer_of(request)
    settings: DashboardSettings = request.app.state.settings
    given = {name: field(request, name, 400) for name in ("tool", "reference", "place", "direction")}
    claimed = _claimed(**given, because=field(request, "because", 2 * _LONGEST_REASON))
    campaign = field(request, "campaign", 400)
    try:
        row = _row(request, campaign)
        refuse_late(request.app.state.ledger, campaign, _budget(row))
        missing = [name for name in ("tool", "reference", "place") if not getattr(claimed, name)]
        if missing:
            raise ProposalError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not chosen")
        file = campaign_file(request.app.state.ledger, campaign)
        if file is None:
            raise ProposalError(
                f"the file of campaign {campaign} is not in its workspace, so that nothing can be checked"
            )
        found = check(file, campaign, settings.ledger.parent, claimed)
        with writing(request) as to:
            refuse_late(to.ledger, campaign, _budget(row))
            number = hand_in_proposal(to.ledger, campaign, to.person, found.proposal, sign=to.sign)
    except ProposalError as error:
        return _show(request, campaign, claimed, wrong=str(error), status=400)
    except Refused as refused:
        # What was chosen stays in the form.
        return _show(request, campaign, claimed, wrong=refused.what, status=refused.status)
    return RedirectResponse(f"/people?handed={number}", status_code=303)


def _claimed(tool: str, reference: str, place: str, direction: str, because: str) -> Claimed:
    return Claimed(
        tool=clean_text(tool, 200),
        reference=clean_text(reference, 400),
        place=clean_text(place, 400),
        direction=clean_text(direction, 40),
        because=clean_text(because, _LONGEST_REASON),
    )


def _row(request: Request, campaign: str) -> CampaignRow:
    row = campaign_row(request.app.state.ledger, campaign)
    if row is None:
        raise Refused(404, f"The ledger has no campaign {campaign!r}", "Choose one on the page of people.")
    return row


def _budget(row: CampaignRow) -> int:
    return int(row.spec.get("budget", {}).get("experiments", 0))


def _show(
    request: Request, campaign: str, claimed: Claimed, *, command: bool = False, wrong: str = "", status: int = 200
) -> Response:
    ledger: Ledger = request.app.state.ledger
    settings: DashboardSettings = request.app.state.settings
    if not campaign:
        rows = [row for row in campaign_rows(ledger) if row.stop_reason is None]
        return page(request, "propose.html", step="campaign", rows=rows, wrong=wrong, status=status)
    row = _row(request, campaign)
    try:
        refuse_late(ledger, campaign, _budget(row))
        late = ""
    except ProposalError as error:
        late = str(error)
    tools = tools_of(row.spec)
    tool = next((tool for tool in tools if tool.name == claimed.tool), None)
    if claimed.tool and tool is None:
        wrong = wrong or f"{campaign} has no instrument {claimed.tool!r}"
        status = 400
    file = campaign_file(ledger, campaign)
    person = "NAME" if request.state.session is None else request.state.session.person
    return page(
        request,
        "propose.html",
        step="late" if late else "tool" if tool is None else "claim",
        status=status,
        campaign=campaign,
        late=late,
        tools=tools,
        menu=None if tool is None or late else menu(ledger, campaign, tool),
        claimed=claimed,
        file=file,
        command=command_line(file, claimed, settings.ledger.parent, person) if command else "",
        may_write=may_write(request),
        wrong=wrong,
    )
