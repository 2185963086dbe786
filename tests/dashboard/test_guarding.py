"""Writes are refused in every form tried but one: the form of a page of the session that hands it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.dashboard.guarding import LARGEST_FORM
from theodolite.store import Ledger

TOKEN = "a token of more than sixteen characters"
FORM = {"content-type": "application/x-www-form-urlencoded"}
WRITES = ("/people/notes", "/people/approvals", "/people/propose", "/logout", "/", "/nothing-here")


def inbox(folder: Path) -> list[Any]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.ops.inbox(None, waiting=False)


@pytest.fixture
def folder(asking: Callable[..., Path]) -> Path:
    return asking()


@pytest.fixture
def ada(person_at: Callable[..., Any], folder: Path) -> Any:
    return person_at(folder)


def note(folder: Path) -> dict[str, str]:
    """Return the fields of a note that would be kept."""
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return {"subject": next(ledger.entries(kind="campaign")).subject, "text": "I doubt it"}


def test_the_form_of_ones_own_session_is_kept(ada: Any, folder: Path) -> None:
    answer = ada.hand_in("/people/notes", **note(folder))
    assert (answer.status_code, answer.headers["location"]) == (303, "/people#note-1")
    assert [item.kind for item in inbox(folder)] == ["note", "signature"]
    # What a browser says of a page of this site does no harm.
    ada.client.headers.update({"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"})
    assert ada.hand_in("/people/notes", **note(folder)).status_code == 303


@pytest.mark.parametrize("address", WRITES)
def test_without_a_session_nothing_is_handed_in(person_at: Callable[..., Any], folder: Path, address: str) -> None:
    ada, stranger = person_at(folder), person_at(folder, logged_in=False)
    form = {"csrf": ada.csrf, **note(folder)}
    assert stranger.client.post(address, data=form, follow_redirects=False).status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    refused = stranger.client.post(address, data=form, headers=bearer, follow_redirects=False)
    assert refused.status_code == 403 and "token of a program" in refused.text
    assert inbox(folder) == []


@pytest.mark.parametrize("address", WRITES)
def test_a_form_needs_what_pages_of_its_own_session_carry(
    person_at: Callable[..., Any], folder: Path, address: str
) -> None:
    ada, bob = person_at(folder), person_at(folder)
    again = person_at(folder, logged_in=False)
    again.client = ada.client.__class__(ada.client.app, base_url="http://127.0.0.1")
    again.log_in()
    for csrf in (None, "", "x", "é", "\x00", bob.csrf, again.csrf, ada.csrf[:-1], ada.csrf.upper(), TOKEN):
        form = note(folder) if csrf is None else {"csrf": csrf, **note(folder)}
        refused = ada.client.post(address, data=form, follow_redirects=False)
        assert refused.status_code == 403 and "not from a page of your session" in refused.text, csrf
    assert inbox(folder) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "file://127.0.0.1"},
        {"origin": "http://["},
        {"origin": "http://127.0.0.1]"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1"},
    ],
)
def test_a_page_of_another_site_hands_nothing_in(ada: Any, folder: Path, headers: dict[str, str]) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    for address in ("/people/notes", "/logout", "/login"):
        refused = ada.client.post(address, data=form, headers=headers, follow_redirects=False)
        assert refused.status_code == 403 and "another site" in refused.text
    assert inbox(folder) == []
    assert ada.client.get("/people", follow_redirects=False).status_code == 200, "nor logs anybody out"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_other_method_changes_anything(ada: Any, folder: Path, method: str) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    for address in ("/people/notes", "/people", "/people/approvals"):
        assert ada.client.request(method, address, data=form).status_code in (403, 405)
    assert inbox(folder) == []


def test_reading_an_address_of_a_form_changes_nothing(ada: Any, folder: Path) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    for address in ("/people/notes", "/people/approvals", "/people", "/people/propose"):
        assert ada.client.get(address, params=form, follow_redirects=False).status_code in (200, 404, 405)
    assert ada.client.get("/logout", params=form, follow_redirects=False).status_code == 405
    assert inbox(folder) == []
    assert ada.client.get("/people", follow_redirects=False).status_code == 200


def test_only_forms_are_read(ada: Any, folder: Path) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    post = ada.client.post
    assert post("/people/notes", json=form).status_code == 415
    assert post("/people/notes", files={name: (None, value) for name, value in form.items()}).status_code == 415
    assert post("/people/notes", content=b"csrf=x", headers={"content-type": "text/plain"}).status_code == 415
    assert post("/people/notes", params=form).status_code == 415
    assert post("/people/notes", params=form, headers=FORM).status_code == 403
    assert inbox(folder) == []


def test_a_form_has_a_size(ada: Any, folder: Path) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    assert ada.client.post("/people/notes", data={**form, "text": "x" * LARGEST_FORM}).status_code == 413

    def in_parts() -> Any:
        for _ in range(100):
            yield b"x" * 1024

    assert ada.client.post("/people/notes", content=in_parts(), headers=FORM).status_code == 413
    lying = {**FORM, "content-length": "-1"}
    assert ada.client.post("/people/notes", content=b"", headers=lying).status_code == 413
    many = "&".join(f"a{number}=1" for number in range(500))
    assert ada.client.post("/people/notes", content=many.encode(), headers=FORM).status_code == 400
    assert ada.client.post("/people/notes", content=b"\xff\x00=%ff&csrf=%00", headers=FORM).status_code == 403
    assert inbox(folder) == []


def test_a_cookie_that_was_altered_or_is_old_hands_nothing_in(
    ada: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"csrf": ada.csrf, **note(folder)}
    ((name, cookie),) = dict(ada.client.cookies).items()
    ada.client.cookies.clear()
    ada.client.cookies.set(name, "A" + cookie[1:] if cookie[0] != "A" else "B" + cookie[1:])
    assert ada.client.post("/people/notes", data=form, follow_redirects=False).status_code == 401
    ada.client.cookies.clear()
    ada.client.cookies.set(name, cookie)
    monkeypatch.setattr("theodolite.dashboard.sessions.time.time", lambda: 4e9)
    assert ada.client.post("/people/notes", data=form, follow_redirects=False).status_code == 401
    assert inbox(folder) == []


@pytest.mark.parametrize("address", [address for address in WRITES if address != "/logout"])
def test_a_read_only_server_says_how_to_start_one_that_is_not(
    person_at: Callable[..., Any], folder: Path, address: str
) -> None:
    reader = person_at(folder, allow_writes=False)
    refused = reader.hand_in(address, **note(folder))
    assert refused.status_code == 403 and "--allow-writes" in refused.text
    local = person_at(folder, token=None, allow_writes=False, logged_in=False)
    refused = local.client.post(address, data=note(folder))
    assert refused.status_code == 403 and "THEODOLITE_DASHBOARD_TOKEN" in refused.text
    assert inbox(folder) == []
    assert not (folder / "dashboard.key").exists()


def test_one_may_log_out_of_a_read_only_server(person_at: Callable[..., Any], folder: Path) -> None:
    reader = person_at(folder, allow_writes=False)
    assert reader.hand_in("/logout").status_code == 303


def test_what_is_said_to_be_allowed_is(ada: Any) -> None:
    refused = ada.client.request("OPTIONS", "/people")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
    for method in refused.headers["allow"].split(", "):
        address = "/people" if method == "GET" else "/logout"
        assert ada.client.request(method, address, data={"csrf": ada.csrf}, follow_redirects=False).status_code != 405
