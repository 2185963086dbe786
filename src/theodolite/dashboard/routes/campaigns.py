"""Campaigns: the list, and one campaign as it runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from theodolite.dashboard.event_lines import event_line
from theodolite.dashboard.failing import Refused
from theodolite.dashboard.live_states import LiveStates, NowOfCampaign, list_values, state_values
from theodolite.dashboard.templating import page
from theodolite.reports.asked import Asked, asked
from theodolite.reports.described import DescriptionLine, description_lines
from theodolite.reports.listed import listed
from theodolite.store import CampaignRow, Find, Ledger, find, reference_rows
from theodolite.store.campaign_facts import rows_of_campaign
from theodolite.store.live import campaign_row, newest_rows

__all__ = ["router"]

router = APIRouter()

_EVENTS, _SHOWN, _FOUND = 30, 60, 12
_LARGEST = 2**53


@router.get("/")
def list_page(request: Request, before: Annotated[int | None, Query(ge=1, lt=_LARGEST)] = None) -> Response:
    """Show the campaigns of the ledger, newest first."""
    ledger: Ledger = request.app.state.ledger
    states: LiveStates = request.app.state.states
    # Before anything else is read: what comes meanwhile is streamed, and not lost.
    newest = newest_rows(ledger, _EVENTS)
    return page(
        request,
        "campaigns.html",
        **list_values(states.page(before)),
        later=before is not None,
        live_after=None if before is not None else (newest[-1].seq if newest else 0),
        events=[event_line(row, of_many=True) for row in reversed(newest)],
    )


@router.get("/campaigns/{campaign}")
def campaign_page(request: Request, campaign: str) -> Response:
    """Show one campaign: how it stands, what was asked, and what it has come to."""
    ledger: Ledger = request.app.state.ledger
    head = ledger.head().seq
    now, row = _now(request, campaign), campaign_row(ledger, campaign)
    assert row is not None
    said = asked(row)
    supported = find(ledger, Find(campaign=campaign, outcome="supported"), limit=_FOUND)
    return page(
        request,
        "campaign.html",
        **state_values(now),
        row=row,
        asked=_asked_words(row, said),
        references=reference_rows(ledger, campaign),
        descriptions=_descriptions(ledger, campaign, said),
        candidates=_candidates(ledger, campaign, said),
        found=listed(ledger, supported.rows),
        more_found=supported.next is not None,
        events=[event_line(item) for item in rows_of_campaign(ledger, campaign, min(now.line.last, head), _EVENTS)],
        live_after=head,
        most=_SHOWN,
    )


@router.get("/campaigns/{campaign}/state")
def campaign_state(request: Request, campaign: str) -> Response:
    """Show how one campaign stands right now, as a part of its page."""
    return page(request, "campaign_state.html", **state_values(_now(request, campaign)))


def _now(request: Request, campaign: str) -> NowOfCampaign:
    states: LiveStates = request.app.state.states
    now = states.now(campaign)
    if now is None:
        raise Refused(404, f"The ledger has no campaign {campaign!r}", "The list of campaigns names all of them.")
    return now


def _descriptions(ledger: Ledger, campaign: str, said: Asked) -> list[DescriptionLine]:
    return description_lines(ledger, campaign) if said.describes else []


def _candidates(ledger: Ledger, campaign: str, said: Asked) -> list[object]:
    if not said.searches:
        return []
    from theodolite.reports.searched import candidate_lines

    return list(candidate_lines(ledger, campaign, limit=_SHOWN))


def _asked_words(row: CampaignRow, said: Asked) -> list[tuple[str, str]]:
    """Return what the file asked in words, those things too that it left open."""
    limits = said.limits
    money, seconds = limits.get("money"), limits.get("wall_time")
    blocks = {"continue": "it goes on, and tags what it supports there", "stop": "it stops"}
    approve = {"registrations": "plans before they run", "verdicts": "verdicts before they are recorded"}
    return [
        ("Hypotheses to register", _limit(limits.get("experiments"))),
        ("Time to run", "no limit" if seconds is None else f"{seconds:,.0f} s over all sessions"),
        ("Tokens of language models", _limit(limits.get("tokens"))),
        ("Money for language models", "no limit" if money is None else f"${money:,.2f}"),
        ("Looks at discovery genes", _limit(limits.get("looks"))),
        ("Repeated actions", _limit(limits.get("repeats"))),
        ("Instruments", ", ".join(said.tools) or "the row does not say"),
        (
            "An instrument without a support",
            "is never left alone" if said.retire_after is None else f"is left alone after {said.retire_after} tries",
        ),
        (
            "Slots a round",
            "as many as the budget and the blocks leave" if said.round_size is None else f"{said.round_size}",
        ),
        (
            "A hold-out block",
            "is retired by its first support"
            if said.supports_per_block is None
            else f"is retired by {said.supports_per_block} supports, each making the next dearer",
        ),
        ("When no fresh block is left", blocks.get(said.spent_blocks or "", "the row does not say")),
        (
            "People approve",
            "nothing" if said.approve is None else approve.get(said.approve, "plans before they run, and verdicts"),
        ),
        ("Proposes", said.executor or "the offline planner"),
        ("Reviews", said.reviewer or "the offline reviewer"),
        ("Gates", f"catalogue {row.catalogue}, decision {row.decision}"),
        ("Seed", f"{row.seed}"),
    ]


def _limit(limit: float | None) -> str:
    return "no limit" if limit is None else f"at most {limit:,.0f}"
