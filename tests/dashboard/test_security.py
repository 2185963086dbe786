"""What every answer carries, and what is refused before any page."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardError, DashboardSettings
from theodolite.dashboard.security import SafeAnswers


def test_every_answer_carries_a_strict_policy(client: TestClient) -> None:
    for address in ("/nothing-here", "/static/theodolite.css", "/api/openapi.json"):
        policy = client.get(address).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy


def test_a_request_under_a_foreign_name_is_refused(client: TestClient) -> None:
    answer = client.get("/", headers={"host": "evil.example:80"})
    assert answer.status_code == 421
    assert "evil.example" in answer.text


def test_a_shared_server_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="THEODOLITE_DASHBOARD_TOKEN"):
        DashboardSettings(tmp_path / "ledger.sqlite", host="0.0.0.0")


def test_writes_without_a_token_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="token"):
        DashboardSettings(tmp_path / "ledger.sqlite", allow_writes=True)


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="16"):
        DashboardSettings(tmp_path / "ledger.sqlite", token="secret")


def test_what_fails_on_the_server_is_told_under_the_same_policy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("theodolite.dashboard.routes.glossary.page", fail)
    failing = TestClient(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = failing.get("/glossary")
    assert answer.status_code == 500
    assert "<h1>" in answer.text and "a bug" not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_server_on_every_address_goes_by_any_address_and_by_the_name_of_its_machine(tmp_path: Path) -> None:
    settings = DashboardSettings(tmp_path / "ledger.sqlite", host="0.0.0.0", token="a token of some length")
    assert settings.everywhere and socket.gethostname().lower() in settings.host_names
    assert not DashboardSettings(tmp_path / "ledger.sqlite").everywhere
    app = SafeAnswers(PlainTextResponse("here"), settings)
    for host, status in (
        ("192.0.2.7:8321", 200),
        ("[2001:db8::7]:8321", 200),
        ("localhost", 200),
        ("evil.example", 421),
    ):
        assert TestClient(app, base_url="http://here").get("/", headers={"host": host}).status_code == status
