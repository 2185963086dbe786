"""The list of campaigns and the page of one: what they say, and that nothing handed to them breaks them."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.templating import slot_address
from theodolite.store import EntryKind, Ledger, campaign_rows, entry_id, hypothesis_rows, spending

HOSTILE = "<script>alert(1)</script>\u202e\x00\"'&" + "x" * 10_000


@pytest.fixture
def campaign(finished_ledger: Path) -> str:
    """Return the id of the finished campaign."""
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        return campaign_rows(ledger)[0].campaign


def opened(folder: Path, name: str = "mine", **changes: object) -> Path:
    """Write a ledger of one campaign that says little, and return its path."""
    path = folder / "ledger.sqlite"
    with Ledger.open(path, create=True) as ledger:
        identifier = f"{name}-00000001"
        payload = {
            "name": name,
            "spec": {},
            "model": {"name": "planted", "sha256": "0" * 64},
            "cells": {"name": "blood", "sha256": "0" * 64},
            "references": [],
            "catalogue": "2",
            "decision": "1",
            "seed": 1,
            **changes,
        }
        ledger.append(EntryKind.CAMPAIGN, entry_id(identifier, EntryKind.CAMPAIGN), identifier, payload)
    return path


def client_of(path: Path) -> TestClient:
    return TestClient(create_app(DashboardSettings(path)), base_url="http://127.0.0.1")


def test_an_empty_ledger_says_how_to_run_a_campaign(tmp_path: Path) -> None:
    Ledger.create(tmp_path / "ledger.sqlite").close()
    with client_of(tmp_path / "ledger.sqlite") as client:
        text = client.get("/").text
    assert "No campaign was run in this ledger yet" in text
    assert "theodolite demo" in text and "theodolite run FILE" in text


def test_the_list_names_what_came_out_and_how_it_stands(client: TestClient, campaign: str) -> None:
    text = client.get("/").text
    assert f'href="/campaigns/{campaign}"' in text and "all 6 experiments are registered" in text
    assert f"/ledger?campaign={campaign}&amp;outcome=supported" in text
    assert "6 <small>of 6</small>" in text and "0 of 1" in text
    assert "It does not say that biology does it." in text


def test_the_page_of_a_campaign(client: TestClient, campaign: str) -> None:
    text = client.get(f"/campaigns/{campaign}").text
    for part in (
        "planted-model",
        "at most 6",
        "no limit",
        "the offline planner",
        "hold-out block",
        "none: nothing runs here",
        "campaign stopped",
        f"/ledger?campaign={campaign}&amp;outcome=refuted",
        f'data-stream="/campaigns/{campaign}/events?after=',
    ):
        assert part in text, part


def test_outcomes_that_never_came_are_counted_too(client: TestClient, campaign: str) -> None:
    text = client.get(f"/campaigns/{campaign}").text
    for outcome in ("supported", "refuted", "inconclusive", "invalid", "error", "pending", "refused"):
        assert f"outcome={outcome}" in text


def test_the_state_is_not_sent_twice(client: TestClient, campaign: str) -> None:
    first = client.get(f"/campaigns/{campaign}/state")
    assert first.status_code == 200 and "<html" not in first.text
    again = client.get(f"/campaigns/{campaign}/state", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content


@pytest.mark.parametrize("name", ["nobody-00000000", "a" * 5_000, "%00", "%F0%9F%92%A9", "'--"])
@pytest.mark.parametrize("part", ["", "/state", "/events"])
def test_a_campaign_that_is_not_there(client: TestClient, name: str, part: str) -> None:
    assert client.get(f"/campaigns/{name}{part}").status_code == 404


@pytest.mark.parametrize("before", ["0", "-1", "x", "9" * 40, "1.5", "%00"])
def test_a_place_in_the_list_that_is_none_is_refused(client: TestClient, before: str) -> None:
    assert client.get(f"/?before={before}").status_code == 400


def test_beyond_the_last_page_there_is_a_way_back(client: TestClient) -> None:
    answer = client.get("/?before=1")
    assert answer.status_code == 200 and 'href="/"' in answer.text and "No campaign was opened before" in answer.text


def test_what_campaigns_are_called_changes_nothing_around_it(tmp_path: Path) -> None:
    # Names of models, cells and references are checked when they are written; the rest is not.
    reference = {"name": "r", "sha256": "0" * 64, "title": HOSTILE}
    reference |= {"genes_in_block": 1, "families_in_block": 1, "testable": False}
    spec = {"tools": [HOSTILE], "agents": {"executor": HOSTILE, "reviewer": "lint"}, "error": {"stream": HOSTILE}}
    path = opened(tmp_path, "a<b>", references=[reference], spec=spec)
    with client_of(path) as client:
        for address in ("/", f"/campaigns/{quote('a<b>-00000001')}", f"/campaigns/{quote('a<b>-00000001')}/state"):
            answer = client.get(address)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text and "\u202e" not in answer.text and "\x00" not in answer.text
            assert "<b>-00000001" not in answer.text


def test_a_campaign_that_was_only_opened_has_a_page(tmp_path: Path) -> None:
    with client_of(opened(tmp_path)) as client:
        text = client.get("/campaigns/mine-00000001").text
    assert "No hypothesis has been proposed yet" in text and "No level was spent yet" in text
    assert "The genes are not split yet" in text and "nothing was run yet" in text


def test_descriptions_are_told(tmp_path: Path) -> None:
    path = opened(tmp_path, spec={"descriptions": ["geometry.effective_rank"]})
    with Ledger.open(path) as ledger:
        ledger.append(
            EntryKind.DESCRIPTION,
            entry_id("mine-00000001", EntryKind.DESCRIPTION, name="rank"),
            "mine-00000001",
            {
                "description": "geometry.effective_rank",
                "version": "1",
                "source_sha256": "0" * 64,
                "params": {},
                "references": {},
                "variant": "main",
                "split": "discovery",
                "job_sha256": "0" * 64,
                "artefact": None,
                "measurement": "0" * 64,
                "shape": "CurveFit",
                "unit": "effective rank",
                "facts": {},
                "sentence": "12.5 directions carry layer 3.",
                "status": "done",
                "reason": "",
                "standing": "description: makes no claim, spends no level",
            },
        )
    with client_of(path) as client:
        text = client.get("/campaigns/mine-00000001").text
    assert "12.5 directions carry layer 3." in text and "claims nothing and spends no level" in text


def test_a_ledger_of_an_older_version_with_language_models_has_pages(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(checkout / "tests" / "ledgers" / "models-catalogue-2" / "ledger.sqlite", path)
    with Ledger.open(path) as ledger:
        rows = campaign_rows(ledger)
        calls = {row.campaign: spending(ledger, row.campaign).calls for row in rows}
    with client_of(path) as client:
        listed = client.get("/").text
        assert len(rows) > 1 and all(f'href="/campaigns/{row.campaign}"' in listed for row in rows)
        for row in rows:
            text = client.get(f"/campaigns/{row.campaign}").text
            assert calls[row.campaign] and f"{calls[row.campaign]:,} calls" in text
            assert "Tokens of language models" in text and 'aria-label="tokens of language models"' in text


def test_a_campaign_says_first_what_it_found(client: TestClient, finished_ledger: Path) -> None:
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
    page = client.get(f"/campaigns/{rows[0].campaign}").text
    found = page.partition("<h2>What it found</h2>")[2].partition("<h2>Last events</h2>")[0]
    supported = [row for row in rows if row.outcome == "supported"]
    assert all(slot_address(row.subject) in found for row in supported[-12:])
    assert bool(supported) != ("Nothing is supported so far" in found)
