"""The dashboard asked for pages in this process, without a server: for copies, screenshots and tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from starlette.routing import Match, Route

from theodolite.dashboard.app import create_app
from theodolite.dashboard.rewriting import addresses
from theodolite.dashboard.routes import ROUTERS
from theodolite.dashboard.settings import DashboardSettings

__all__ = ["Answer", "Pages", "one_a_route", "opened", "page_routes", "route_of"]

_HOST = "127.0.0.1"
_UNWALKED = ("/api/", "/static/")


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower-case name, and the whole body; ``streams`` where it never ends."""

    status: int
    headers: dict[str, str]
    body: bytes
    streams: bool = False

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        """Whether it is a page that a reader asked for and got."""
        return self.status == 200 and self.kind == "text/html"


class Pages:
    """An application that is asked from this thread; made by :func:`opened`."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self._loop = loop

    def ask(self, address: str) -> Answer:
        """Return the answer to a GET of an address of the application, such as ``/ledger?outcome=supported``."""
        return asyncio.run_coroutine_threadsafe(_asked(self.app, address), self._loop).result()


@contextmanager
def opened(settings: DashboardSettings) -> Iterator[Pages]:
    """Open the dashboard of a ledger, and close it at the end.

    Raises
    ------
    LedgerNotFound, LedgerFormatError
        If there is no ledger, or one that this version cannot read.
    """
    app = create_app(settings)
    # A loop in a thread of its own: whoever asks may run in a loop already, as a notebook does.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="dashboard-pages", daemon=True)
    thread.start()
    lifespan: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
    try:
        asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result()
        try:
            yield Pages(app, loop)
        finally:
            asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _asked(app: FastAPI, address: str) -> Answer:
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", _HOST.encode()), (b"accept", b"text/html,*/*;q=0.8")],
        "client": (_HOST, 0),
        "server": (_HOST, 80),
    }
    begun: dict[str, Any] = {}
    body: list[bytes] = []
    streams = asyncio.Event()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            begun["status"] = int(message["status"])
            begun["headers"] = {
                key.decode("latin-1").lower(): value.decode("latin-1") for key, value in message["headers"]
            }
            if begun["headers"].get("content-type", "").startswith("text/event-stream"):
                streams.set()
        elif message["type"] == "http.response.body":
            body.append(message.get("body", b""))

    answering = asyncio.ensure_future(app(scope, receive, send))
    waiting = asyncio.ensure_future(streams.wait())
    await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if streams.is_set():
        # Events never end; that there are some is all that is asked.
        answering.cancel()
        await asyncio.wait({answering})
        return Answer(begun["status"], begun["headers"], b"", streams=True)
    answering.result()
    return Answer(begun["status"], begun["headers"], b"".join(body))


def _routes() -> Iterator[Route]:
    for router in ROUTERS:
        yield from (route for route in router.routes if isinstance(route, Route) and "GET" in (route.methods or ()))


def page_routes() -> list[str]:
    """Return the paths of all pages and files as they are declared (``/entries/{id:path}``), without the API."""
    return [route.path for route in _routes() if not route.path.startswith(_UNWALKED)]


def route_of(address: str) -> Route | None:
    """Return the route that answers a GET of an address, None where there is none."""
    scope = {"type": "http", "method": "GET", "path": unquote(urlsplit(address).path), "headers": []}
    return next((route for route in _routes() if route.matches(scope)[0] is Match.FULL), None)


def one_a_route(pages: Pages, first: str = "/", *, beside: tuple[str, ...] = ()) -> dict[str, str]:
    """Follow links from a page, and return one address of each route that they lead to.

    Parameters
    ----------
    pages
        The application.
    first, beside
        Where to begin, and other addresses to begin at.
    """
    found: dict[str, str] = {}
    ahead = [first, *beside]
    for address in ahead:
        route = route_of(address)
        if route is None or route.path in found or route.path.startswith(_UNWALKED):
            continue
        answer = pages.ask(address)
        if answer.status != 200 or answer.streams:
            continue
        found[route.path] = address
        if answer.is_page:
            ahead += [link for link in addresses(answer.body.decode("utf-8")) if link.startswith("/")]
    return found
