"""What every answer carries, and what is refused before any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardError, DashboardSettings


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
