"""The map as a page: every cell leads to its rows, what was merely seen says so, odd requests are answered."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard.filters import filtering
from theodolite.store import Ledger, count_found, hypothesis_rows


def links(page: str) -> list[tuple[str, str]]:
    """Return where links with a verdict lead, and what they say."""
    found = re.findall(r'<a class="verdict [a-z]+" href="([^"]+)">(.*?)</a>', page)
    return [(unescape(where), re.sub(r"<[^>]+>", "", words)) for where, words in found]


@pytest.mark.parametrize("address", ["/map", "/map?view=models", "/map?reference=set_0"])
def test_each_number_leads_to_so_many_rows(client: TestClient, finished_ledger: Path, address: str) -> None:
    found = client.get(address)
    assert found.status_code == 200
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        for where, words in links(found.text):
            asked = {key: values[0] for key, values in parse_qs(urlsplit(where).query).items()}
            number, outcome = words.split(",")[0].split()
            assert urlsplit(where).path == "/ledger" and asked["outcome"] == outcome
            assert count_found(ledger, filtering(**asked).find) == (int(number), False)


def test_every_hypothesis_is_in_the_cell_of_its_locked_place(client: TestClient, finished_ledger: Path) -> None:
    told = links(client.get("/map").text)
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        for row in hypothesis_rows(ledger):
            assert any(
                words.split(",")[0].endswith(row.outcome) and f"{row.family} at {row.locus}" in words
                for _, words in told
            ), row.subject


def test_what_was_merely_seen_is_marked_and_leads_to_its_look(client: TestClient) -> None:
    page = client.get("/map").text
    seen = re.findall(r'<span class="untested"><span>not tested</span> <a class="seen" href="([^"]+)">', page)
    assert seen
    assert client.get(unescape(seen[0])).status_code == 200
    assert "not a finding" in page


def test_the_page_says_what_supported_means(client: TestClient) -> None:
    assert "It does not say that biology does it" in client.get("/map").text


def test_the_filter_is_in_the_address_and_in_the_form(client: TestClient, finished_ledger: Path) -> None:
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        row = hypothesis_rows(ledger)[0]
    page = client.get("/map", params={"campaign": row.campaign, "reference": row.reference}).text
    assert f'<option value="{row.campaign}" selected>' in page and f'<option value="{row.reference}" selected>' in page
    for where, words in links(page):
        asked = parse_qs(urlsplit(where).query)
        assert asked["campaign"] == [row.campaign] and asked["reference"] == [row.reference], words


def test_one_level_shows_its_places_alone(client: TestClient) -> None:
    page = client.get("/map?level=1").text
    rows = re.findall(r'<th scope="row"><bdi>([^<]+)</bdi></th>', page)
    assert rows and all(row.startswith(("layer 1", "layers 1", "layers up to 1")) for row in rows)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"model": "none such"}, 200, "No campaign here asked about this model"),
        ({"reference": "<script>alert(1)</script>"}, 200, "&lt;script&gt;"),
        ({"level": "\0\u202e"}, 200, "No place of this level"),
        ({"level": "9" * 400}, 200, "No place of this level"),
        ({"view": "round"}, 400, "view is"),
        ({"model": "x" * 401}, 400, "model"),
    ],
)
def test_odd_requests_are_answered_in_words(client: TestClient, query: dict[str, str], status: int, said: str) -> None:
    found = client.get("/map", params=query)
    assert found.status_code == status and said in found.text and "<script>alert" not in found.text


def test_an_empty_ledger_says_what_opens_a_campaign(tmp_path: Path) -> None:
    from theodolite.dashboard import DashboardSettings, create_app

    Ledger.create(tmp_path / "ledger.sqlite").close()
    app = create_app(DashboardSettings(tmp_path / "ledger.sqlite"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for address in ("/map", "/map?view=models"):
            assert "No campaign has been opened in this ledger yet" in client.get(address).text


def test_cells_are_walked_by_arrow_keys(browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{served}/map")
    cell = "document.activeElement.closest('td, th')"
    first = page.locator("table.atlas tbody.totals a").first
    first.focus()
    column = page.evaluate(f"{cell}.cellIndex")
    rows = set()
    for _ in range(6):
        page.keyboard.press("ArrowDown")
        rows.add(page.evaluate(f"{cell}.parentElement.rowIndex"))
        assert page.evaluate("document.activeElement.tagName") == "A"
    assert len(rows) > 2, "the focus moved down"
    while page.evaluate(f"{cell}.cellIndex") != column:
        page.keyboard.press("ArrowUp")
    before = page.evaluate(f"{cell}.parentElement.rowIndex")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(f"{cell}.parentElement.rowIndex") < before
    page.locator("table.atlas tbody.totals a.verdict").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{cell}.cellIndex") > column
    place = page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
    assert 0 <= place["left"] < 400, "what has the focus is scrolled to"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400 or page.locator(".term .tip").count()
    page.keyboard.press("Enter")
    page.wait_for_url("**/ledger?**")
    assert not [text for text in errors if "404" not in text]
    page.close()
