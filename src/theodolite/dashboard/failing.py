"""What is answered where a request cannot be: a page that says what was wrong, with which value, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from theodolite.dashboard.inert import shortened
from theodolite.dashboard.templating import page
from theodolite.store import LedgerError, LedgerQueryError

__all__ = ["Refused", "answer", "answer_failures"]

_LOG = logging.getLogger("theodolite.dashboard")
_TITLES = {
    400: "That cannot be asked",
    401: "Please log in",
    403: "Not allowed",
    404: "Not here",
    405: "Not done like that",
    413: "Too large",
    415: "No form",
    429: "Too many attempts",
    503: "Try again soon",
}


class Refused(Exception):
    """A request that is answered by an error page.

    Attributes
    ----------
    status
        HTTP status.
    what
        What was wrong, with which value.
    remedy
        What to do.
    headers
        What the answer carries beside the page.
    """

    def __init__(self, status: int, what: str, remedy: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(what)
        self.status, self.what, self.remedy, self.headers = status, what, remedy, headers


def answer(request: Request, refused: Refused) -> Response:
    """Return the page, or the JSON, that says why a request was refused."""
    return _answer(request, refused.status, refused.what, refused.remedy, refused.headers)


def answer_failures(app: FastAPI) -> None:
    """Let an application answer every failure by a page, or by JSON where that was asked for."""

    @app.exception_handler(Refused)
    async def _refused(request: Request, error: Refused) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        given = shortened(str(first.get("input")), 80)
        return _answer(request, 400, f"{field} is {given!r}: {first['msg']}", "Change it in the address, or go back.")

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        what = f"There is no page {request.url.path}" if error.status_code == 404 else str(error.detail)
        return _answer(request, error.status_code, what, "Choose one above.", error.headers)

    @app.exception_handler(LedgerQueryError)
    async def _query(request: Request, error: LedgerQueryError) -> Response:
        return _answer(request, 400, str(error), "Change it in the address, or go back.")

    @app.exception_handler(LedgerError)
    async def _ledger(request: Request, error: LedgerError) -> Response:
        _LOG.warning("%s %s: %s", request.method, request.url.path, error)
        return _answer(request, 503, str(error), "")


def _answer(
    request: Request, status: int, what: str, remedy: str, headers: Mapping[str, str] | None = None
) -> Response:
    more = dict(headers or {})
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": what, "remedy": remedy}, status_code=status, headers=more)
    # What asked for a part of a page gets no whole page to put there.
    template = "error_part.html" if request.headers.get("hx-request-type") == "partial" else "error.html"
    answer = page(
        request, template, status=status, title=_TITLES.get(status, "That did not work"), what=what, remedy=remedy
    )
    answer.headers.update(more)
    return answer
