"""Server-sent events: what is appended to the ledger, and how the campaign that runs stands.

The id of an event is the number of its row. Whoever comes back says the last it has seen, in ``Last-Event-ID`` or,
where a client cannot, in ``after``; it is sent everything since, once and in order. A page that connects the first time
names the row that it was made at. Without either a stream begins now. An id that is none, or is beyond the ledger, is
refused with 400.

A stream ends with the session that it was asked for in: when that expires, and at the next news or heartbeat after it
was logged out; nothing is sent after that.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.requests import Request
from starlette.responses import Response

from theodolite.dashboard.event_lines import event_html, is_of
from theodolite.dashboard.failing import Refused
from theodolite.dashboard.feed import Feed
from theodolite.dashboard.live_states import ALL_CAMPAIGNS
from theodolite.dashboard.sessions import Session, Sessions
from theodolite.store import Ledger, LedgerError
from theodolite.store.live import RowLine, campaign_row

__all__ = ["HEARTBEAT_SECONDS", "router"]

router = APIRouter()

HEARTBEAT_SECONDS = 15.0
"""After so long without news a comment is sent, so that nothing in between takes the connection for dead."""

_RETRY_MS = 1_000
_After = Annotated[str, Query(max_length=100)]
_STREAM = {"cache-control": "no-store", "x-accel-buffering": "no"}


@router.get("/events", response_class=Response)
def all_events(request: Request, after: _After = "") -> Response:
    """Stream what is appended to the ledger, and the list of campaigns as it changes."""
    return _stream(request, ALL_CAMPAIGNS, after)


@router.get("/campaigns/{campaign}/events", response_class=Response)
def campaign_events(request: Request, campaign: str, after: _After = "") -> Response:
    """Stream what is appended of one campaign, and how it stands."""
    if campaign_row(request.app.state.ledger, campaign) is None:
        raise Refused(404, f"The ledger has no campaign {campaign!r}", "The list of campaigns names all of them.")
    return _stream(request, campaign, after)


def _stream(request: Request, topic: str, after: str) -> Response:
    feed: Feed = request.app.state.feed
    seq = _position(request.app.state.ledger, request.headers.get("last-event-id") or after)
    sessions: Sessions = request.app.state.sessions
    session: Session | None = request.state.session

    def seconds_left() -> float:
        return math.inf if session is None else sessions.seconds_left(session)

    return EventSourceResponse(_events(feed, topic, seq, seconds_left), headers=_STREAM)


def _position(ledger: Ledger, given: str) -> int:
    head = ledger.head().seq
    if not given:
        return head
    if not (given.isascii() and given.isdigit() and len(given) < 17):
        raise Refused(400, f"the id of the last event is {given!r}", "Give the number of a row of the ledger, or none.")
    if int(given) > head:
        raise Refused(
            400, f"the id of the last event is {given}, and the ledger ends at row {head}", "Load the page anew."
        )
    return int(given)


async def _events(feed: Feed, topic: str, after: int, seconds_left: Callable[[], float]) -> AsyncIterator[bytes]:
    with feed.follow(topic, after) as reader:
        yield format_sse_event(comment="what is new of the ledger", retry=_RETRY_MS)
        while not feed.closed and (left := seconds_left()) > 0:
            try:
                rows, state = await reader.next(min(HEARTBEAT_SECONDS, left))
            except LedgerError:
                # It comes back by the id of the last event once the ledger can be read again.
                return
            if not seconds_left():
                return
            for row in rows:
                if _told(row, topic):
                    yield format_sse_event(
                        event="entry", data_str=event_html(row, of_many=topic == ALL_CAMPAIGNS), id=str(row.seq)
                    )
            if rows and not _told(rows[-1], topic):
                # What is of others moves the place to resume from, too.
                yield format_sse_event(id=str(rows[-1].seq))
            if state is not None:
                yield format_sse_event(event="state", data_str=state.content)
            if not rows and state is None:
                yield format_sse_event(comment="alive")


def _told(row: RowLine, topic: str) -> bool:
    return topic == ALL_CAMPAIGNS or is_of(row, topic)
