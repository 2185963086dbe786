"""A figure that a row of the ledger names shows its numbers; it loads nothing, leads nowhere, and fills no page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.templating import slot_address
from theodolite.store import EntryKind, Ledger, hypothesis_rows

ROWS = [{"x": 1, "y": 2, "href": "only a word", "url": "/api/hypotheses"}]
BARS: dict[str, Any] = {"data": {"values": ROWS}, "mark": "bar", "encoding": {"x": {"field": "x"}, "y": {"field": "y"}}}


def recorded(ledger: Path, content: bytes) -> str:
    """Record a figure of the first slot, and return the address of the slot's page."""
    with Ledger.open(ledger) as opened:
        row = next(row for row in hypothesis_rows(opened) if row.prereg_sha256 is not None)
        subject, made = row.subject, opened.artefacts.put(content)
        hashes = {"prereg_sha256": row.prereg_sha256, "measurement": made, "artefact": made}
        figure = {**hashes, "title": "A figure", "view": "two dimensions"}
        opened.append(EntryKind.FIGURE, f"{subject}/figure/made", subject, figure)
    return slot_address(subject)


def page_of(ledger: Path, content: bytes) -> str:
    address = recorded(ledger, content)
    with TestClient(create_app(DashboardSettings(ledger)), base_url="http://127.0.0.1") as client:
        answer = client.get(address)
    assert answer.status_code == 200
    return answer.text


def test_a_figure_of_numbers_is_shown(live_ledger: Path) -> None:
    page = page_of(live_ledger, json.dumps(BARS).encode())
    assert "Recorded in the ledger: two dimensions" in page and "only a word" in page and "names an address" not in page


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"url": "/api/hypotheses?limit=1"}},
        {"encoding": {"href": {"field": "x"}}},
        {"layer": [{"mark": {"type": "image", "url": "https://elsewhere.example/x.png"}}]},
    ],
)
def test_one_that_names_an_address_is_not_shown(live_ledger: Path, change: dict[str, Any]) -> None:
    assert "it names an address" in page_of(live_ledger, json.dumps({**BARS, **change}).encode())


def test_neither_depth_nor_width_breaks_the_page(live_ledger: Path) -> None:
    assert "holds no JSON" in page_of(live_ledger, b"[" * 100_000 + b"]" * 100_000)


def test_a_wide_figure_is_cut(live_ledger: Path) -> None:
    wide = {**BARS, "data": {"values": [{f"c{number}": 1 for number in range(20_000)}, *[{}] * 199]}}
    assert len(page_of(live_ledger, json.dumps(wide).encode())) < 1_000_000


def test_the_browser_refuses_what_a_figure_would_load_or_lead_to(live_ledger: Path, serve: Any, browser: Any) -> None:
    """Whatever the server lets through: the view itself has nothing to load with."""
    spec = {**BARS, "encoding": {**BARS["encoding"], "href": {"value": "https://elsewhere.example/"}}}
    with serve(DashboardSettings(live_ledger)) as address:
        page = browser.new_page()
        page.goto(f"{address}/error-control")
        page.wait_for_selector(".drawing svg")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for number, made in enumerate((spec, {**BARS, "data": {"url": "/api/hypotheses"}})):
            page.evaluate(
                """([spec, id]) => {
                  const figure = document.createElement("figure");
                  const place = document.createElement("div");
                  place.dataset.figure = id; place.className = "drawing";
                  const data = document.createElement("script");
                  data.type = "application/json"; data.id = id; data.textContent = JSON.stringify(spec);
                  figure.append(place, data); document.querySelector("main").append(figure);
                  document.dispatchEvent(new CustomEvent("theodolite:theme"));
                }""",
                [made, f"made-{number}"],
            )
        page.wait_for_selector("[data-figure=made-0] svg path")
        mark = page.locator("[data-figure=made-0] svg .mark-rect path").first
        mark.click(force=True)
        page.wait_for_timeout(500)
        assert page.url == f"{address}/error-control"
        assert [url for url in asked if "elsewhere" in url or "/api/" in url] == []
        page.close()
