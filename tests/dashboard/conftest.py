"""The pages of a finished campaign, served to a client in this process, and to a browser by a real server."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect, sync_playwright
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.serving import DashboardServer, configured
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


TOKEN = "a token of more than sixteen characters"


@pytest.fixture(scope="session")
def paused(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a campaign that waits for people, its file beside it; made once for each kind, nobody writes to it."""
    from theodolite.agents import CampaignPaused
    from theodolite.experiments import load_campaign

    made: dict[str, Path] = {}

    def wait(approve: str) -> Path:
        if approve not in made:
            folder = tmp_path_factory.mktemp(approve) / "asks.theodolite"
            file = small_world.campaign_file(folder.with_name("asks.yaml"), budget={"experiments": 3}, approve=approve)
            with pytest.raises(CampaignPaused):
                small_world.run_in_process(folder, load_campaign(file))
            made[approve] = folder
        return made[approve]

    return wait


@pytest.fixture
def asking(paused: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a workspace of one's own whose campaign waits for people, its campaign file beside it."""

    def copied(approve: str = "registrations", under: str = "own") -> Path:
        folder = tmp_path / under / "asks.theodolite"
        shutil.copytree(paused(approve), folder)
        shutil.copy(paused(approve).with_name("asks.yaml"), folder.with_name("asks.yaml"))
        return folder

    return copied


class Person:
    """Somebody at a dashboard with a token: a client, and what its forms carry."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def log_in(self, person: str = "Ada Lovelace", token: str = TOKEN, **more: str) -> Any:
        form = {"token": token, "person": person, **more}
        return self.client.post("/login", data=form, follow_redirects=False)

    @property
    def csrf(self) -> str:
        """What the forms of this session carry."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.client.get("/people").text)
        assert found is not None
        return found[1]

    def hand_in(self, address: str, **fields: str) -> Any:
        form = {"csrf": self.csrf, **fields}
        return self.client.post(address, data=form, follow_redirects=False)


@pytest.fixture
def person_at() -> Iterator[Callable[..., Person]]:
    """Return somebody at a dashboard with a token; logged in, and allowed to write, unless told otherwise."""
    with ExitStack() as stack:

        def at(folder: Path, *, logged_in: bool = True, **settings: Any) -> Person:
            given = {"token": TOKEN, "allow_writes": True, **settings}
            app = create_app(DashboardSettings(folder / "ledger.sqlite", **given))
            scheme = "https" if given.get("secure") else "http"
            person = Person(stack.enter_context(TestClient(app, base_url=f"{scheme}://127.0.0.1")))
            if logged_in:
                assert person.log_in().status_code == 303
            return person

        yield at


class Served:
    """A dashboard on a real port, in a thread of this process; port 0 takes a free one."""

    def __init__(self, settings: DashboardSettings, port: int = 0) -> None:
        self.app = create_app(settings)
        config = configured(self.app, settings)
        config.port = port
        self._server = DashboardServer(self.app, config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        for _ in range(3_000):
            if self._server.started:
                break
            time.sleep(0.02)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "it does not stop"


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return Debian's Chromium, headless; skip where there is none.

    Of one file: playwright keeps a loop of its own in this thread while it is open, and other tests want theirs.
    """
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    # As patient as playwright is with all else: a busy machine may take its time.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def settled() -> Callable[[Any], None]:
    """Return what waits until a page's figures are drawn and what comes after it by itself had time to come.

    A figure that could not be drawn fails the test.
    """

    def wait(page: Any) -> None:
        page.wait_for_function(
            """[...document.querySelectorAll("[data-figure]")].every(
              (at) => at.querySelector("svg[aria-hidden]") || at.textContent.includes("could not be drawn"))"""
        )
        expect(page.locator("[data-figure]").filter(has_text="could not be drawn")).to_have_count(0)
        # Tests assert what must not come, such as errors of live events: this wait lets it come.
        page.wait_for_timeout(200)

    return wait


@pytest.fixture(scope="session")
def addresses(finished_ledger: Path) -> dict[str, str]:
    """Return an address of every route: what links lead to, and what the rows of the ledger have pages of."""
    with Ledger.open(finished_ledger, read_only=True) as read:
        subjects = {row.outcome: row.subject for row in hypothesis_rows(read)}
        entries = {entry.kind: f"/entries/{quote(entry.id, safe='/')}" for entry in read.entries()}
    first = ("/", "/ledger", "/map", "/error-control", "/people", "/glossary", "/licences")
    with opened(DashboardSettings(finished_ledger)) as pages:
        return one_a_route(pages, beside=(*first, *map(slot_address, subjects.values()), *entries.values()))
