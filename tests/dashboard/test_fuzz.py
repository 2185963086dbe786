"""Whatever is asked, within what the API says of itself and beyond, is answered without an error of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.walking import Pages, opened, page_routes

EXAMPLES = 12
ODD = [
    "",
    "\x00",
    "9" * 40,
    "-1",
    "1e999",
    "nan",
    "\u202e",
    "\ud7ff\ufffe",
    "../../etc/passwd",
    "%00",
    "'--",
    "W" * 5_000,
]


@pytest.fixture(scope="module")
def pages(finished_ledger: Path) -> Iterator[Pages]:
    """Return the dashboard, asked in this process: what fails within fails the test, events are not awaited."""
    with opened(DashboardSettings(finished_ledger)) as pages:
        yield pages


@pytest.fixture(scope="module")
def handed(finished_ledger: Path) -> Iterator[TestClient]:
    """Return a client for what is handed in, on a dashboard that allows it."""
    allowed = DashboardSettings(finished_ledger, token="a token of the tests", allow_writes=True)
    with TestClient(create_app(allowed), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def operations(pages: Pages) -> dict[tuple[str, str], Any]:
    schema = schemathesis.openapi.from_dict(pages.app.openapi())
    found = [item.ok() for item in schema.get_all_operations()]
    return {(item.method.upper(), item.path): item for item in found}


def test_the_api_describes_every_page(operations: dict[tuple[str, str], Any]) -> None:
    assert {("GET", route.replace(":path", "")) for route in page_routes()} <= set(operations)


@pytest.mark.slow
def test_no_case_that_the_description_allows_breaks_the_server(
    operations: dict[tuple[str, str], Any], pages: Pages, handed: TestClient
) -> None:
    for operation in operations.values():

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            asked = case.as_transport_kwargs(base_url="http://127.0.0.1")
            if asked["method"].upper() == "GET":
                query = urlencode(asked.get("params") or {}, doseq=True)
                status = pages.ask(f"{asked['url'].removeprefix('http://127.0.0.1')}?{query}").status
            else:
                body = {key: asked[key] for key in ("params", "data", "json", "files") if asked.get(key) is not None}
                status = handed.request(asked["method"], asked["url"], **body).status_code
            assert status < 500, (status, case.as_curl_command())

        answered()


@pytest.mark.parametrize("route", page_routes())
def test_odd_values_of_every_parameter_are_answered(
    operations: dict[tuple[str, str], Any], pages: Pages, addresses: dict[str, str], route: str
) -> None:
    address = addresses.get(route, re.sub(r"\{[^}]*\}", "x", route)).partition("?")[0]
    names = [parameter.name for parameter in operations["GET", route.replace(":path", "")].query]
    for name in [*names, "unknown"]:
        for value in ODD:
            assert pages.ask(f"{address}?{urlencode({name: value})}").status < 500, (route, name, value)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(text=st.text(max_size=60))
def test_no_path_breaks_the_server(pages: Pages, text: str) -> None:
    for first in ("/", "/entries/", "/hypotheses/", "/campaigns/", "/static/"):
        assert pages.ask(first + quote(text.encode("utf-8", "surrogatepass"), safe="")).status < 500, (first, text)
