"""The application is asked in this process, one address after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from theodolite.dashboard import DashboardSettings, app, walking
from theodolite.dashboard.routes import ROUTERS
from theodolite.dashboard.walking import one_a_route, opened, page_routes, route_of


def test_a_page_comes_back_whole(finished_ledger: Path) -> None:
    with opened(DashboardSettings(finished_ledger)) as pages:
        answer = pages.ask("/glossary")
        assert answer.is_page and answer.body.endswith(b"</html>")
        missing = pages.ask("/nothing-here?x=%00")
        assert missing.status == 404 and not missing.is_page


def test_events_that_never_end_are_not_waited_for(finished_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter()

    @router.get("/events")
    async def events() -> StreamingResponse:
        async def ticks() -> Iterator[bytes]:
            while True:
                await walking.asyncio.sleep(0.01)
                yield b"data: tick\n\n"

        return StreamingResponse(ticks(), media_type="text/event-stream")

    for module in (app, walking):
        monkeypatch.setattr(module, "ROUTERS", (*ROUTERS, router))
    with opened(DashboardSettings(finished_ledger)) as pages:
        answer = pages.ask("/events")
    assert answer.streams and answer.status == 200


def test_links_lead_to_one_address_of_each_route(finished_ledger: Path) -> None:
    with opened(DashboardSettings(finished_ledger)) as pages:
        found = one_a_route(pages, "/glossary")
    assert found["/glossary"] == "/glossary" and found["/licences"] == "/licences"
    assert set(found) <= set(page_routes())


def test_an_address_belongs_to_its_route() -> None:
    route = route_of("/entries/a/r01.s001/verdict?x=1")
    assert route is not None and route.path == "/entries/{id:path}"
    assert route_of("/nothing/here") is None
