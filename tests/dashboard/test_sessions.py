"""Who is let in, and for how long."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings
from theodolite.dashboard.routes import ROUTERS
from theodolite.dashboard.sessions import LASTS_S, Session, Sessions, safe_next

TOKEN = "a token of more than sixteen characters"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def stranger(person_at: Callable[..., Any], finished_ledger: Path) -> TestClient:
    """Return a client that is not logged in, at a server with a token."""
    client: TestClient = person_at(finished_ledger.parent, logged_in=False, allow_writes=False).client
    return client


def addresses(app: FastAPI) -> list[tuple[str, str]]:
    """Return every method and address that an application has, with something in place of parameters."""
    found = []
    for route in [*app.routes, *(route for router in ROUTERS for route in router.routes)]:
        path = re.sub(r"\{[^}]*\}", "x", getattr(route, "path", ""))
        for method in getattr(route, "methods", None) or {"GET"}:
            found.append((method, path))
    return found


def test_without_a_session_every_address_is_refused_or_leads_to_the_log_in(stranger: TestClient) -> None:
    open_to_all = ("/login", "/static", "")
    tried = [item for item in addresses(stranger.app) if item[1] not in open_to_all]  # type: ignore[arg-type]
    assert ("GET", "/people") in tried and ("POST", "/people/notes") in tried and ("GET", "/api/openapi.json") in tried
    tried += [
        ("GET", path) for path in ("/", "/nothing-here", "/static", "http://127.0.0.1//people", "/login/", "/login%3Fx")
    ]
    for method, path in tried:
        answer = stranger.request(method, path, follow_redirects=False)
        led = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
        assert led or answer.status_code == 401, (method, path, answer.status_code)
        assert "finished" not in answer.text, "the name of a ledger is for readers"


@pytest.mark.parametrize(
    "path", ["/api/hypotheses", "/export/hypotheses.csv", "/campaigns/x/events", "/map.svg", "/api/openapi.json"]
)
def test_a_program_without_a_token_is_told_so(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path, follow_redirects=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_event_stream_and_a_fragment_get_no_page_to_log_in(stranger: TestClient) -> None:
    stream = stranger.get("/somewhere", headers={"accept": "text/event-stream"}, follow_redirects=False)
    assert stream.status_code == 401
    fragment = stranger.get("/somewhere", headers={"hx-request": "true"}, follow_redirects=False)
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/login")


def test_a_program_with_the_token_reads(stranger: TestClient) -> None:
    assert stranger.get("/api/openapi.json", headers=BEARER).status_code == 200
    assert stranger.get("/people", headers=BEARER).status_code == 200
    for wrong in ("Bearer wrong", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "é"):
        refused = stranger.get("/api/openapi.json", headers={"authorization": wrong.encode()})
        assert refused.status_code == 401, wrong


def test_what_a_page_is_made_of_and_the_log_in_need_no_session(stranger: TestClient) -> None:
    assert stranger.get("/static/theodolite.css").status_code == 200
    page = stranger.get("/login")
    assert page.status_code == 200
    assert "finished" not in page.text


def test_logging_in_leads_to_the_page_that_was_asked_for(stranger: TestClient) -> None:
    sent = stranger.get("/people?before=7&x=%C3%A9", follow_redirects=False)
    page = stranger.get(sent.headers["location"])
    assert 'name="next" value="/people?before=7&amp;x=%C3%A9"' in page.text
    form = {"token": TOKEN, "person": " Ada\u202e  Lovelace\n", "next": "/people?before=7"}
    answer = stranger.post("/login", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/people?before=7")
    assert "You are logged in" in stranger.get("/login").text
    assert "<bdi>Ada Lovelace</bdi>" in stranger.get("/people").text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "///evil.example", "https://evil.example/", "http:evil.example", "/\\evil.example",
        "\\\\evil",
        "/\t/evil.example", "/\n/evil.example", " //evil.example", "javascript:alert(1)", "evil.example", "", "/login",
        "/logout", "/login?next=//evil.example", "/people\r\nset-cookie: a=b", "/.//evil.example", "/" + "x" * 3_000,
        "/a\x00", "data:text/html,x", "/\u0085/evil.example",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(stranger: TestClient, elsewhere: str) -> None:
    assert safe_next(elsewhere) == "/"
    answer = stranger.post("/login", data={"token": TOKEN, "person": "Ada", "next": elsewhere}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "here", ["/", "/people", "/ledger?text=a%2F%2Fb&x=https://y", "/hypotheses/a-1/r01.s001#gates"]
)
def test_a_path_of_this_site_is_kept(here: str) -> None:
    assert safe_next(here) == here


def test_a_wrong_token_is_told_and_begins_no_session(stranger: TestClient) -> None:
    began = time.monotonic()
    answer = stranger.post("/login", data={"token": "wrong", "person": "<b>Ada</b>"}, follow_redirects=False)
    assert answer.status_code == 401
    assert time.monotonic() - began >= 0.3
    assert "set-cookie" not in answer.headers
    assert "not the token" in answer.text and "&lt;b&gt;Ada" in answer.text and "<b>Ada" not in answer.text
    nameless = stranger.post("/login", data={"token": TOKEN, "person": " \u200b"}, follow_redirects=False)
    assert (nameless.status_code, "set-cookie" in nameless.headers) == (400, False)


def test_the_cookie_is_for_this_server_and_no_script(person_at: Callable[..., Any], finished_ledger: Path) -> None:
    plain = person_at(finished_ledger.parent, logged_in=False).log_in().headers["set-cookie"]
    assert all(part in plain for part in ("HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={LASTS_S}"))
    assert "Secure" not in plain
    secure = person_at(finished_ledger.parent, logged_in=False, secure=True).log_in().headers["set-cookie"]
    assert secure.startswith("__Host-theodolite-") and "; Secure" in secure and "Domain" not in secure


def sessions() -> Sessions:
    return Sessions(DashboardSettings(Path("ledger.sqlite"), token=TOKEN))


def test_a_session_ends_after_twelve_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = sessions()
    begun = kept.begin("Ada")
    cookie = kept.written(begun)
    assert kept.read(cookie) == begun
    now = time.time()
    monkeypatch.setattr("theodolite.dashboard.sessions.time.time", lambda: now + LASTS_S - 60)
    assert kept.read(cookie) == begun
    monkeypatch.setattr("theodolite.dashboard.sessions.time.time", lambda: now + LASTS_S + 1)
    assert kept.read(cookie) is None


def test_a_cookie_that_was_altered_is_none() -> None:
    kept, cookie = sessions(), ""
    cookie = kept.written(kept.begin("Ada"))
    for place in range(len(cookie)):
        other = "A" if cookie[place] != "A" else "B"
        assert kept.read(cookie[:place] + other + cookie[place + 1 :]) is None
    for odd in (
        None,
        "",
        ".",
        "x.y",
        cookie + "x",
        cookie.partition(".")[0],
        "é.é",
        "\ud800",
        "a" * 5_000,
        f"{cookie}.{cookie}",
    ):
        assert kept.read(odd) is None
    assert sessions().read(cookie) is None, "another server's secret is another"


def test_a_session_that_was_logged_out_counts_no_longer_wherever_its_cookie_is_kept() -> None:
    kept = sessions()
    first, second = kept.begin("Ada"), kept.begin("Ada")
    kept.end(first)
    assert kept.read(kept.written(first)) is None
    assert kept.read(kept.written(second)) == second


def test_what_is_remembered_of_ended_sessions_is_bounded() -> None:
    kept = sessions()
    for number in range(10_050):
        kept.end(Session("Ada", str(number), int(time.time()) + 100, ""))
    assert len(kept._ended) == 10_000


def test_logging_out_ends_the_session(person_at: Callable[..., Any], finished_ledger: Path) -> None:
    person = person_at(finished_ledger.parent)
    cookies = dict(person.client.cookies)
    answer = person.hand_in("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    person.client.cookies.update(cookies)
    assert person.client.get("/people", follow_redirects=False).status_code == 303


def test_without_a_token_everybody_reads_and_there_is_nothing_to_log_in_to(client: TestClient) -> None:
    assert client.get("/people").status_code == 200
    assert "No log-in is needed" in client.get("/login").text
    refused = client.post("/login", data={"token": TOKEN, "person": "Ada"})
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)


def test_a_link_from_another_site_says_how_to_go_on(stranger: TestClient) -> None:
    page = stranger.get(f"/login?next={quote('/people')}", headers={"sec-fetch-site": "cross-site"})
    assert '<a href="/people">go on</a>' in page.text
