"""What agents, people and files write is only shown: nothing runs, nothing turns, nothing widens the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from checked_pages import defects
from hostile_ledger import CAMPAIGN, LONG, write_hostile_ledger

from theodolite.dashboard import DashboardSettings
from theodolite.dashboard.rewriting import addresses
from theodolite.dashboard.templating import slot_address
from theodolite.dashboard.walking import Answer, opened, route_of
from theodolite.store import Ledger, hypothesis_rows

BEGIN = ("/", "/ledger", "/map", "/error-control", "/people", "/glossary", f"/ledger?text={quote(LONG[:300])}")
TURNING = set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u200b\x00\x1b")
MOST = 150


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hostile_ledger(tmp_path_factory.mktemp("hostile") / "ledger.sqlite")


@pytest.fixture(scope="module")
def answers(hostile: Path) -> dict[str, Answer]:
    """Return every page that links lead to, lists by choices of their own cut short."""
    with Ledger.open(hostile, read_only=True) as read:
        slots = [slot_address(row.subject) for row in hypothesis_rows(read)]
        entries = [f"/entries/{quote(entry.id, safe='/')}" for entry in read.entries()]
    found: dict[str, Answer] = {}
    seen: dict[tuple[str, str], int] = {}
    ahead = list(dict.fromkeys([*BEGIN, *slots, *entries]))
    with opened(DashboardSettings(hostile)) as pages:
        for address in ahead:
            route = route_of(address)
            if route is None or address in found or len(found) >= MOST + len(slots) + len(entries):
                continue
            kind = (route.path, unquote(address.partition("?")[0]))
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] > 6:
                continue
            found[address] = answer = pages.ask(address)
            if answer.is_page:
                links = addresses(answer.body.decode("utf-8"))
                ahead += [link.partition("#")[0] for link in links if link.startswith("/")]
    return found


@pytest.fixture(scope="module")
def served_hostile(hostile: Path, serve: Any) -> Iterator[str]:
    with serve(DashboardSettings(hostile, poll_seconds=0.1)) as address:
        yield address


def test_every_page_answers_and_is_well_formed(answers: dict[str, Answer]) -> None:
    assert len([answer for answer in answers.values() if answer.is_page]) > 30
    for address, answer in answers.items():
        assert answer.status in (200, 404, 304), address
        if answer.is_page:
            assert defects(answer.body.decode("utf-8")) == [], address


def test_marks_that_turn_writing_and_controls_are_spelled_out(answers: dict[str, Answer]) -> None:
    told = {address: answer.body.decode("utf-8") for address, answer in answers.items() if answer.is_page}
    for address, text in told.items():
        assert not TURNING & set(text), address
        assert "<script>window" not in text and "<svg onload" not in text and "<img src=x" not in text, address
    assert any("⟨RLO⟩" in text and "␀" in text for text in told.values())


def test_names_of_campaigns_come_back_in_addresses(answers: dict[str, Answer]) -> None:
    own = [address for address in answers if quote(CAMPAIGN, safe="") in address or quote(CAMPAIGN) in address]
    assert own and all(answers[address].status == 200 for address in own)


def test_in_a_browser_nothing_runs_and_nothing_is_wider_than_the_window(
    answers: dict[str, Answer], served_hostile: str, browser: Any, settled: Any
) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800})
    page = context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(f"error {error}"))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    context.route(
        lambda url: not url.startswith(served_hostile),
        lambda route: (said.append(f"asked {route.request.url}"), route.abort()),
    )
    for address, answer in answers.items():
        if not answer.is_page:
            continue
        page.goto(served_hostile + address)
        settled(page)
        assert page.evaluate("window.canary") is None, address
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address
        assert page.locator("main img, main svg[onload]").count() == 0, address
    assert said == []
    context.close()
