"""The pages of a finished campaign, served to a client in this process, and to a browser by a real server."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.templating import slot_address
from theodolite.dashboard.walking import one_a_route, opened
from theodolite.store import Ledger, hypothesis_rows

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def finished_ledger(small_world: Any) -> Path:
    """Return the ledger of a finished campaign; nobody writes to it."""
    ledger: Path = small_world.finished() / "ledger.sqlite"
    return ledger


@pytest.fixture
def client(finished_ledger: Path) -> Iterator[TestClient]:
    """Return a client of the dashboard on the finished campaign; what fails there fails here."""
    with TestClient(create_app(DashboardSettings(finished_ledger)), base_url="http://127.0.0.1") as client:
        yield client


class Served:
    """A dashboard on a real port, in a thread of this process."""

    def __init__(self, settings: DashboardSettings) -> None:
        self._server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        for _ in range(500):
            if self._server.started:
                break
            time.sleep(0.02)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


@pytest.fixture(scope="session")
def serve() -> type[Served]:
    """Return what serves another ledger than the finished one: ``with serve(settings) as address``."""
    return Served


@pytest.fixture(scope="session")
def served(finished_ledger: Path) -> Iterator[str]:
    """Return the address of a real server of the finished campaign."""
    with Served(DashboardSettings(finished_ledger, poll_seconds=0.1)) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return Debian's Chromium, headless; skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def addresses(finished_ledger: Path) -> dict[str, str]:
    """Return an address of every route: what links lead to, and what the rows of the ledger have pages of."""
    with Ledger.open(finished_ledger, read_only=True) as read:
        subjects = {row.outcome: row.subject for row in hypothesis_rows(read)}
        entries = {entry.kind: f"/entries/{quote(entry.id, safe='/')}" for entry in read.entries()}
    first = ("/", "/ledger", "/map", "/error-control", "/people", "/glossary", "/licences")
    with opened(DashboardSettings(finished_ledger)) as pages:
        return one_a_route(pages, beside=(*first, *map(slot_address, subjects.values()), *entries.values()))
