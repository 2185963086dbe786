"""The dashboard as an ASGI application on one ledger, which it opens for reading only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from theodolite import __version__
from theodolite.dashboard.attempts import Attempts
from theodolite.dashboard.failing import answer_failures
from theodolite.dashboard.feed import Feed
from theodolite.dashboard.guarding import Guard
from theodolite.dashboard.live_states import LiveStates
from theodolite.dashboard.routes import ROUTERS
from theodolite.dashboard.security import SafeAnswers
from theodolite.dashboard.sessions import Sessions
from theodolite.dashboard.settings import DashboardSettings
from theodolite.dashboard.static_files import STATIC
from theodolite.store import Ledger

__all__ = ["WORKERS", "create_app"]

WORKERS = 12
"""Requests that are worked on at once; each has a thread, and a thread keeps memory of its own."""


def create_app(settings: DashboardSettings) -> FastAPI:
    """Return the application; the ledger is open while it runs.

    Raises
    ------
    LedgerNotFound, LedgerFormatError
        If there is no ledger, or one that this version cannot read.
    """
    ledger = Ledger.open(settings.ledger, read_only=True)

    states = LiveStates(ledger)
    feed = Feed(ledger, settings.poll_seconds, states.fragment)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = WORKERS
        looking = asyncio.create_task(feed.run())
        yield
        feed.close()
        await looking
        ledger.close()

    app = FastAPI(
        title="Theodolite",
        version=__version__,
        lifespan=lifespan,
        # The interactive pages of FastAPI load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.settings = settings
    app.state.ledger = ledger
    app.state.states = states
    app.state.feed = feed
    app.state.parquet = asyncio.Lock()
    app.state.sessions = Sessions(settings)
    app.state.attempts = None if settings.token is None else Attempts(settings.token)
    app.add_middleware(Guard, settings=settings, sessions=app.state.sessions, attempts=app.state.attempts)
    # The last one is the first that a request meets.
    app.add_middleware(SafeAnswers, settings=settings)
    answer_failures(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    return app
