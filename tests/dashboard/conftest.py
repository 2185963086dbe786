"""The pages of a finished campaign, served to a client in this process, and to a browser by a real server."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.serving import DashboardServer

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
    """A dashboard on a real port, in a thread of this process; port 0 takes a free one."""

    def __init__(self, settings: DashboardSettings, port: int = 0) -> None:
        self.app = create_app(settings)
        self._server = DashboardServer(self.app, uvicorn.Config(self.app, port=port, log_level="warning"))
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
def served(finished_ledger: Path) -> Iterator[str]:
    """Return the address of a real server of the finished campaign."""
    with Served(DashboardSettings(finished_ledger, poll_seconds=0.1)) as address:
        yield address


@pytest.fixture
def live_ledger(finished_ledger: Path, tmp_path: Path) -> Path:
    """Return a copy of the ledger of the finished campaign, to be written to."""
    copy = tmp_path / "live" / "ledger.sqlite"
    copy.parent.mkdir()
    with closing(sqlite3.connect(finished_ledger)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    return copy


@pytest.fixture(scope="session")
def serve() -> type[Served]:
    """Return what serves a dashboard: ``with serve(settings) as address``."""
    return Served


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
