"""The page of error control: figures with their numbers, made from the ledger; what is too long says so."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.reports.calibrated import PUBLISHED
from theodolite.store import Ledger, hypothesis_rows


def specs(page: str) -> dict[str, Any]:
    """Return the Vega-Lite specifications of a page, by figure."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)-spec">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_every_figure_has_numbers_a_caption_and_a_source(client: TestClient) -> None:
    page = client.get("/error-control").text
    figures = specs(page)
    assert {"stream", "control-1", "control-2", "calibration", "safeguards"} <= figures.keys()
    for name, spec in figures.items():
        figure = re.search(rf'<figure class="figure" id="{name}">.*?</figure>', page, re.DOTALL)
        assert figure is not None and "<table>" in figure[0] and "<figcaption>" in figure[0]
        source = re.search(r'<a href="([^"]+)" download>', figure[0])
        assert source is not None and client.get(unescape(source[1])).json() == spec


def test_the_course_of_a_stream_is_that_of_its_tests(client: TestClient, finished_ledger: Path) -> None:
    spec = client.get("/error-control/figures/stream.json").json()
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        rows = [row for row in hypothesis_rows(ledger, stream="main") if row.t]
    assert {(value["t"], value["test"], value["outcome"]) for value in spec["data"]["values"]} == {
        (row.t, row.subject, row.outcome) for row in rows
    }
    page = client.get("/error-control").text
    for row in rows:
        assert f'href="/hypotheses/{row.subject}"' in page


def test_each_part_is_explained_and_reused_streams_stand_apart(client: TestClient) -> None:
    page = client.get("/error-control").text
    for heading in ("Error streams", "Planted controls", "Hold-out blocks", "What other rules would say", "Reviewers",
                    "Calibration of the whole machine"):  # fmt: skip
        assert re.search(rf'<h2 id="[\w-]+">{heading}</h2>', page)
    assert "Reused blocks, apart" in page and "main/reused" in page
    assert "theodolite calibrate --campaigns 200" in page and "c482db02005d" in page


def test_another_stream_is_chosen_in_the_address(client: TestClient) -> None:
    page = client.get("/error-control?stream=main/reused")
    assert page.status_code == 200 and "The course of <bdi>main/reused</bdi>" in page.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/error-control?stream=no", 404),
        ("/error-control?stream=%00", 404),
        (f"/error-control?stream={'x' * 401}", 400),
        ("/error-control/figures/no.json", 404),
        ("/error-control/figures/stream.json?stream=no", 404),
        ("/error-control/figures/..%2f..%2fx.json", 404),
        ("/error-control?tiers=whatever", 200),
    ],
)
def test_odd_requests(client: TestClient, address: str, status: int) -> None:
    assert client.get(address).status_code == status


def test_a_ledger_without_anything_says_so_and_shows_the_published_calibration(tmp_path: Path) -> None:
    Ledger.create(tmp_path / "ledger.sqlite").close()
    with TestClient(create_app(DashboardSettings(tmp_path / "ledger.sqlite")), base_url="http://127.0.0.1") as client:
        page = client.get("/error-control").text
    for words in ("No error stream has been declared", "No test of this stream has planted controls",
                  "No genes have been split", "No reviewer has been tried"):  # fmt: skip
        assert words in page
    assert specs(page).keys() == {"calibration", "safeguards"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_calibration_beside_the_ledger_is_shown_or_called_damaged(tmp_path: Path, whole: bool) -> None:
    Ledger.create(tmp_path / "ledger.sqlite").close()
    own = tmp_path / "theodolite-calibration" / "calibration.json"
    own.parent.mkdir()
    own.write_text(PUBLISHED.read_text(encoding="utf-8") if whole else '{"summary": 3}', encoding="utf-8")
    with TestClient(create_app(DashboardSettings(tmp_path / "ledger.sqlite")), base_url="http://127.0.0.1") as client:
        page = client.get("/error-control").text
    assert ("own-calibration" in specs(page)) == whole
    assert ("cannot be read as a calibration" in page) != whole


def test_a_long_stream_is_thinned_and_other_rules_are_left_to_the_command_line(
    finished_ledger: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(finished_ledger, path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE stream SET t = 6000, n_max = 10000")
        wanted = ", ".join(row[1] for row in database.execute("PRAGMA table_info(hypothesis)"))
        seq, t = database.execute("SELECT max(seq), max(t) FROM hypothesis WHERE stream = 'main'").fetchone()
        changed = {"subject": "subject || '-' || n", "seq": "1000000 + n", "t": f"{t} + n"}
        copied = ", ".join(changed.get(column, column) for column in wanted.split(", "))
        database.execute(
            "WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 6000) "
            f"INSERT INTO hypothesis ({wanted}) SELECT {copied} FROM hypothesis, count WHERE seq = {seq}"
        )
    with TestClient(create_app(DashboardSettings(path)), base_url="http://127.0.0.1") as client:
        page = client.get("/error-control").text
    assert "theodolite ledger audit" in page and "evenly" in page
    assert len(specs(page)["stream"]["data"]["values"]) <= 1002


def test_figures_draw_without_an_error_of_the_policy(browser: Any, served: str, settled: Any) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{served}/error-control")
    settled(page)
    assert page.locator(".drawing svg").count() >= 5
    drawn = json.loads(page.locator("#stream-spec").text_content())["data"]["values"]
    marks = page.locator("#stream .drawing svg .mark-symbol.role-mark path").count()
    assert marks == sum(value["evidence"] is not None for value in drawn) > 0
    assert "supported" in page.locator("#stream .drawing svg").text_content()
    page.locator("#stream summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#stream table").is_visible()
    with page.expect_download() as saved:
        page.locator("#stream [data-save=svg]").click()
    assert saved.value.suggested_filename == "stream.svg"
    assert not errors
    page.close()
