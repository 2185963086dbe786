"""Whatever is asked, within what the API says of itself and beyond, is answered without an error of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.routes import ROUTERS
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
def operations() -> list[Any]:
    """Return every operation of every route, of those too that the published description leaves out."""
    routes = []
    for route in (route for router in ROUTERS for route in router.routes):
        assert isinstance(route, APIRoute)
        routes.append(shown := copy(route))
        shown.include_in_schema = True
    schema = schemathesis.openapi.from_dict(get_openapi(title="all", version="0", routes=routes))
    return [found.ok() for found in schema.get_all_operations()]


def test_every_route_is_among_them(operations: list[Any]) -> None:
    described = {item.path for item in operations if item.method.upper() == "GET"}
    assert {route.replace(":path", "") for route in page_routes()} <= described


@pytest.mark.slow
def test_no_case_that_the_description_allows_breaks_the_server(
    operations: list[Any], pages: Pages, handed: TestClient
) -> None:
    for operation in operations:

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
    operations: list[Any], pages: Pages, addresses: dict[str, str], route: str
) -> None:
    address = addresses.get(route, re.sub(r"\{[^}]*\}", "x", route)).partition("?")[0]
    own = next(item for item in operations if item.path == route.replace(":path", "") and item.method.upper() == "GET")
    names = [parameter.name for parameter in own.query]
    for name in [*names, "unknown"]:
        for value in ODD:
            assert pages.ask(f"{address}?{urlencode({name: value})}").status < 500, (route, name, value)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(text=st.text(max_size=60))
def test_no_path_breaks_the_server(pages: Pages, text: str) -> None:
    for first in ("/", "/entries/", "/hypotheses/", "/campaigns/", "/static/"):
        assert pages.ask(first + quote(text.encode("utf-8", "surrogatepass"), safe="")).status < 500, (first, text)
