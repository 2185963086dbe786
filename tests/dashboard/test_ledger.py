"""The ledger lists what a filter leaves, with every outcome in words, and answers nonsense with words as well."""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64encode
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from theodolite.store import Find, find

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


def _cursor(*said: Any) -> str:
    """Return a cursor that says anything, with a check sum that fits."""
    text = json.dumps(said).encode()
    return urlsafe_b64encode(text + zlib.crc32(text).to_bytes(4, "big")).decode().rstrip("=")


def _rows(text: str) -> list[str]:
    return re.findall(r'<td role="cell" class="claim"><a href="([^"]+)"', text)


def _count(text: str) -> str:
    found = re.search(r"data-count>([^<]+)<", text)
    assert found is not None
    return found[1]


def _href(text: str, words: str) -> str:
    found = re.search(rf'<a [^>]*?href="([^"]+)"[^>]*>{re.escape(words)}', text)
    assert found is not None, words
    return unescape(found[1])


def _ledger(client: TestClient) -> Any:
    app: Any = client.app
    return app.state.ledger


def test_every_hypothesis_stands_there_with_its_verdict_and_what_next(client: TestClient) -> None:
    page = client.get("/ledger")
    rows = find(_ledger(client), Find()).rows
    assert page.status_code == 200 and _count(page.text) == f"{len(rows)} hypotheses"
    assert len(_rows(page.text)) == len(rows)
    for row in rows:
        assert f'href="/hypotheses/{row.subject}"' in page.text
        assert row.claim_text in unescape(page.text)
    assert "It does not say that biology does it" in page.text
    assert page.text.count('class="interval"') == sum(row.effect is not None for row in rows)
    assert ">Cost</a>" not in page.text, "no call was made, so that no column of costs stands there empty"


def test_a_filter_leaves_its_rows_and_rides_along_to_each_of_them(client: TestClient) -> None:
    page = client.get("/ledger", params={"outcome": "supported", "sort": "effect"})
    rows = find(_ledger(client), Find(outcome="supported"), sort="effect").rows
    assert [unescape(link) for link in _rows(page.text)] == [
        f"/hypotheses/{row.subject}?outcome=supported&sort=effect" for row in rows
    ]
    assert 'aria-sort="descending"' in page.text
    assert '<option value="supported" selected>supported (5)</option>' in page.text
    without = _href(page.text, '<span class="hidden">Remove the filter </span>Verdict')
    assert without == "/ledger?sort=effect"


def test_a_head_sorts_and_turns_round(client: TestClient) -> None:
    page = client.get("/ledger?sort=effect")
    turned = _href(page.text, "Effect")
    assert turned == "/ledger?sort=effect&order=ascending"
    assert _rows(client.get(turned).text)[0].startswith(_rows(page.text)[-1].partition("?")[0])
    assert _href(page.text, "p") == "/ledger?sort=p&order=ascending", "the strongest first"


def test_pages_go_forth_and_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theodolite.dashboard.routes.ledger._ROWS", 2)
    first = client.get("/ledger?order=ascending")
    second = client.get(_href(first.text, "Next page"))
    third = client.get(_href(second.text, "Next page"))
    assert "Next page" not in third.text and "Previous page" not in first.text
    assert len({*_rows(first.text), *_rows(second.text), *_rows(third.text)}) == 6
    assert _rows(client.get(_href(third.text, "Previous page")).text) == _rows(second.text)


def test_a_form_gets_its_rows_alone_and_a_clean_address(client: TestClient) -> None:
    asked = {"text": "", "outcome": "supported", "tag": "", "sort": "proposed", "order": "descending"}
    part = client.get("/ledger", params=asked, headers=PART)
    assert "<html" not in part.text and "<form" not in part.text and _count(part.text) == "5 hypotheses"
    assert part.headers["hx-push-url"] == "/ledger?outcome=supported"
    assert part.headers["vary"] == "HX-Request-Type"
    plain = client.get("/ledger", params=asked, follow_redirects=False)
    assert plain.status_code == 303 and plain.headers["location"] == "/ledger?outcome=supported"


def test_a_history_that_is_restored_gets_the_whole_page(client: TestClient) -> None:
    whole = client.get("/ledger", headers={"HX-Request": "true", "HX-Request-Type": "full"})
    assert "<html" in whole.text


def test_nothing_found_says_what_to_do(client: TestClient) -> None:
    page = client.get("/ledger?text=nosuchword")
    assert page.status_code == 200 and _count(page.text) == "0 hypotheses"
    assert "No hypothesis fits these filters." in page.text and "<table" not in page.text


@pytest.mark.parametrize(
    "asked",
    [
        "text=%00", "text=%22%29%28%2A%3A%5E", "outcome=%00", "reference=%F0%9F%92%A9%E2%80%AE", "locus=%FF%FE",
        "layer=4", "unmet='%3B--", "block=%3Cscript%3E", "until=0001-01-01", "cost_from=1e308", "text=a%00b",
    ],
)  # fmt: skip
def test_odd_parameters_find_nothing_or_something(client: TestClient, asked: str) -> None:
    page = client.get(f"/ledger?{asked}")
    assert page.status_code == 200
    assert "\u202e" not in page.text and "<script>" not in page.text and "\0" not in page.text


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "x" * 10_000}, {"reference": "x" * 10_000}, {"cursor": "x" * 10_000}, {"cursor": "nonsense"},
        {"cursor": "\0"}, {"cursor": "é"}, {"sort": "claim_text"}, {"order": "sideways"}, {"layer": "-1"},
        {"layer": "9" * 300}, {"cost_from": "nan"}, {"cost_to": "inf"}, {"since": "yesterday"}, {"until": "\0"},
        {"since": "9999-12-31T23:59:59-23:00"}, {"backwards": "perhaps"},
        {"text": " ".join(f"w{i}" for i in range(60))},
        {"cursor": _cursor("proposed", True, None, {})}, {"cursor": _cursor("proposed", True, {}, 3)},
        {"cursor": _cursor("proposed", True, 3, 10**40)}, {"cursor": _cursor("proposed", True)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("headers", [{}, PART])
def test_what_cannot_be_asked_is_refused_in_words(
    client: TestClient, asked: dict[str, str], headers: dict[str, str]
) -> None:
    page = client.get("/ledger", params=asked, headers=headers)
    assert page.status_code == 400
    assert ("<html" in page.text) is (not headers) and "cannot be asked" in page.text
