"""The page of a hypothesis: sentences first, then everything, for readers with and without JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair
import pytest
from playwright.sync_api import expect
from sqlalchemy import event
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.templating import slot_address
from theodolite.reports.plain_words import plain_words
from theodolite.reports.slot_lives import slot_life
from theodolite.store import EntryKind, HypothesisRow, Ledger, hypothesis_rows


@pytest.fixture(scope="module")
def rows(finished_ledger: Path) -> list[HypothesisRow]:
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        return hypothesis_rows(ledger)


@pytest.fixture
def of_anchors(trees: Any) -> Iterator[TestClient]:
    """Return a client of the dashboard on a finished campaign about anchors."""
    app = create_app(DashboardSettings(trees.finished() / "ledger.sqlite"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def test_three_sentences_come_first_and_everything_follows(client, finished_ledger, rows):
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        for row in rows:
            life = slot_life(ledger, row.subject)
            answer = client.get(slot_address(row.subject))
            assert answer.status_code == 200
            text = answer.text
            words = plain_words(life)
            at = [text.index(said[:60].replace("'", "&#39;")) for said in (words.tested, words.found, words.change)]
            assert at == sorted(at) and at[-1] < text.index("What was locked")
            assert row.prereg_sha256 in text and "ledger verify --deep -w" in text
            for gate in life.gates:
                assert f"{gate.gate} {gate.title}" in text
            for step in life.steps:
                assert step.hash in text and f'href="/entries/{step.id}"' in text
            assert (row.verdict.value == "supported") <= ("It does not say that biology does it" in text)


def test_previous_and_next_follow_the_filter(client, rows):
    supported = [row.subject for row in rows if row.outcome == "supported"]
    text = client.get(f"{slot_address(supported[1])}?outcome=supported&order=ascending").text
    around = {name: f'href="{slot_address(subject)}?outcome=supported&amp;order=ascending" data-{name}'
              for name, subject in (("previous", supported[0]), ("next", supported[2]))}  # fmt: skip
    assert all(link in text for link in around.values())
    assert 'href="/ledger?outcome=supported&amp;order=ascending" data-back' in text
    first = client.get(f"{slot_address(supported[0])}?outcome=supported&order=ascending").text
    assert "data-previous" not in first and "first of the list" in first


def test_a_short_name_leads_to_the_one_slot(client, rows):
    answer = client.get("/hypotheses/r01.s001?outcome=supported", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{slot_address(rows[0].subject)}?outcome=supported"


def test_a_name_that_several_campaigns_have_lists_them(small_world, tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        told = []
        for blocks in (1, 2):
            with Ledger.open(small_world.finished(blocks) / "ledger.sqlite", read_only=True) as other:
                for entry in other.entries():
                    if entry.kind in (EntryKind.CAMPAIGN, EntryKind.HYPOTHESIS):
                        ledger.append(entry.kind, entry.id, entry.subject, entry.payload)
                        told.append(entry.subject)
    app = create_app(DashboardSettings(tmp_path / "ledger.sqlite"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.get("/hypotheses/r01.s001")
        assert answer.status_code == 300
        for subject in {subject for subject in told if subject.endswith("/r01.s001")}:
            assert f'href="{slot_address(subject)}"' in answer.text
            # Proposed, and nothing more: everything that is missing is said.
            alone = client.get(slot_address(subject))
            assert alone.status_code == 200 and "No plan is locked yet" in alone.text
            assert "There is no verdict yet" in alone.text and "nothing to draw" in alone.text


@pytest.mark.parametrize(
    "name", ["r91.s001", "nothing", "a%00b", "%E2%80%AE", "..%2f..%2fetc", "x" * 5_000, "r99999999999999999999.s001"]
)
def test_a_slot_that_is_not_there_is_told_with_a_remedy(client, name):
    answer = client.get(f"/hypotheses/{name}")
    assert answer.status_code == 404
    assert "no hypothesis" in answer.text and "all hypotheses" in answer.text


@pytest.mark.parametrize("query", ["sort=x", "layer=-1", "since=never", "cost_from=nan"])
def test_a_filter_that_is_none_is_refused(client, rows, query):
    assert client.get(f"{slot_address(rows[0].subject)}?{query}").status_code == 400


def test_figures_are_served_as_their_source(client, rows):
    address = f"{slot_address(rows[0].subject)}/figures"
    for name in ("effect", "nulls", "planted", "nothing"):
        answer = client.get(f"{address}/{name}.json")
        altair.Chart.from_dict(answer.json(), validate=True)
        assert answer.headers["content-type"] == "application/json"
    assert client.get(f"{address}/none.json").status_code == 404
    assert client.get("/hypotheses/r91.s001/figures/effect.json").status_code == 404


def test_only_artefacts_that_a_figure_names_are_served(of_anchors, trees):
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        figure = next(ledger.entries(kind=EntryKind.FIGURE))
        content = ledger.artefacts.get(figure.payload["artefact"])
    answer = of_anchors.get(f"/figures/{figure.payload['artefact']}.json")
    assert answer.content == content
    for other in (figure.payload["measurement"], "0" * 64, "..%2fledger", "x" * 3_000):
        assert of_anchors.get(f"/figures/{other}.json").status_code == 404
    page = of_anchors.get(slot_address(figure.subject)).text
    assert figure.payload["artefact"] in page and "donor_01" in page
    # What the page carries is what the row names, as data.
    assert json.loads(content)["title"]["subtitle"] in page


def test_a_page_reads_no_table_of_hypotheses_or_entries_through(client, rows):
    """It would be felt on a ledger of a million."""
    engine, asked = client.app.state.ledger._engine, []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    assert client.get(f"{slot_address(rows[0].subject)}?outcome=supported").status_code == 200
    assert client.get("/hypotheses/r01.s001").status_code == 200
    with client.app.state.ledger.read() as connection:
        for statement, values in list(asked):
            if not statement.lstrip().startswith("SELECT"):
                continue
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):
                assert not re.match(r"SCAN (hypothesis|entry|gate|refusal|null_evidence|review|ops_job)\b", step[3]), (
                    statement
                )


def test_figures_are_drawn_and_terms_are_explained_on_focus(served, browser, rows, settled):
    page = browser.new_page(viewport={"width": 400, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{served}{slot_address(rows[0].subject)}")
    settled(page)
    drawings = page.locator("figure .drawing")
    assert drawings.count() >= 4
    assert all(drawings.nth(index).locator("svg").count() == 1 for index in range(drawings.count()))
    term = page.locator("table.gates .term").first
    assert not term.locator(".tip").is_visible()
    term.locator("a").focus()
    assert term.locator(".tip").is_visible()
    assert term.locator("a").get_attribute("aria-describedby") == term.locator(".tip").get_attribute("id")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#figure-effect details summary").click()
    assert "least effect that counts" in page.locator("#figure-effect table").inner_text()
    page.close()
    assert troubles == []


def test_everything_is_there_without_javascript(served, browser, rows):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}{slot_address(rows[0].subject)}")
    assert "What would change it" in page.locator(".plain").inner_text()
    page.locator("#figure-nulls details summary").click()
    assert "draws that did as well" in page.locator("#figure-nulls table").inner_text()
    beside = page.locator("[data-next], [data-previous]").first
    address = beside.get_attribute("href")
    assert address != slot_address(rows[0].subject)
    beside.click()
    expect(page).to_have_url(f"{served}{address}")
    expect(page.locator("h1")).to_have_count(1)
    context.close()
