"""Every page is well formed, strict, readable without scripts, and without a barrier that axe finds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from checked_pages import defects
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings
from theodolite.dashboard.walking import page_routes

VENDORED = Path(__file__).with_name("vendor")
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
ROUTES = page_routes()
VIEWS = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]


def address_of(addresses: dict[str, str], route: str) -> str:
    if route not in addresses:
        pytest.skip(f"nothing in a finished campaign leads to {route}; its own tests ask it")
    return addresses[route]


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_well_formed_strict_and_readable_without_scripts(
    client: TestClient, addresses: dict[str, str], route: str
) -> None:
    address = address_of(addresses, route)
    answer = client.get(address)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    if answer.headers["content-type"].startswith("text/html"):
        assert defects(answer.text) == []
        assert "does not say that biology does it" in answer.text or ">supported<" not in answer.text


def test_the_page_of_an_error_is_one_of_them(client: TestClient) -> None:
    answer = client.get("/no-such-page")
    assert answer.status_code == 404 and defects(answer.text) == []


def test_axe_is_what_its_makers_published() -> None:
    assert hashlib.sha256((VENDORED / "axe.min.js").read_bytes()).hexdigest() == AXE_SHA256
    assert "Mozilla Public License" in (VENDORED / "LICENSE-axe-core.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def tested_pages(browser: Any, settled: Any) -> Any:
    """Return a function that opens an address in a view and says what axe and the console have against it."""
    axe = (VENDORED / "axe.min.js").read_text("utf-8")
    contexts = {
        (width, theme): browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
        )
        for width, theme in VIEWS
    }

    def tested(url: str, view: tuple[int, str]) -> tuple[list[str], int]:
        page = contexts[view].new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto(url)
        settled(page)
        page.evaluate(axe)
        found = page.evaluate(
            """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
              (item) => `${item.id}: ${item.help}: ${item.nodes.slice(0, 3).map((at) => at.html).join(" | ")}`)"""
        )
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.close()
        return [*said, *found], wide

    tested.contexts = contexts  # type: ignore[attr-defined]
    yield tested
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("route", ROUTES)
def test_nothing_bars_anybody(
    served: str, addresses: dict[str, str], tested_pages: Any, route: str, view: tuple[int, str]
) -> None:
    address = address_of(addresses, route)
    with urlopen(served + address, timeout=60) as answer:
        if not answer.headers["content-type"].startswith("text/html"):
            pytest.skip(f"{address} is no page")
    found, wide = tested_pages(served + address, view)
    assert found == []
    assert wide <= view[0], f"{address} is {wide} px wide in a window of {view[0]} px"


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_nothing_bars_people_who_log_in_and_hand_in(
    paused: Any, serve: Any, tested_pages: Any, view: tuple[int, str]
) -> None:
    token = "a token of more than sixteen characters"
    settings = DashboardSettings(paused("registrations") / "ledger.sqlite", token=token, allow_writes=True)
    with serve(settings) as address:
        assert tested_pages(f"{address}/login", view)[0] == []
        page = tested_pages.contexts[view].new_page()
        page.goto(f"{address}/login")
        page.fill("input[name=token]", token)
        page.fill("input[name=person]", "Ada Lovelace")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: not url.endswith("/login"))
        assert defects(page.content()) == []
        page.close()
        for path in ("/people", "/people/propose"):
            found, wide = tested_pages(address + path, view)
            assert found == [] and wide <= view[0], path
    tested_pages.contexts[view].clear_cookies()
