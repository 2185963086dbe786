"""Log in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from theodolite.dashboard.attempts import Attempts
from theodolite.dashboard.failing import Refused
from theodolite.dashboard.sessions import Sessions, safe_next
from theodolite.dashboard.templating import page
from theodolite.prompts import clean_text

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_LONGEST_NAME = 80


@router.get("/login")
def login_page(request: Request, next: Annotated[str, Query(max_length=2_000)] = "/") -> Response:
    """Show the form, or who is logged in."""
    return _login(request, next=next)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session, and go where the person wanted to be."""
    attempts: Attempts | None = request.app.state.attempts
    if attempts is None:
        raise Refused(403, "This server has no token, so there is nothing to log in to", "Read on.")
    form: dict[str, str] = request.state.form
    person = clean_text(form.get("person", ""), _LONGEST_NAME)
    asked = form.get("next", "/")
    address = request.client.host if request.client is not None else "an unnamed address"
    if not await attempts.holds(form.get("token", "").strip(), address):
        return _login(request, next=asked, person=person, wrong="That is not the token of this server.", status=401)
    if not person:
        return _login(
            request,
            next=asked,
            wrong="Say who you are: the ledger keeps your name beside what you hand in.",
            status=400,
        )
    sessions: Sessions = request.app.state.sessions
    answer = RedirectResponse(safe_next(asked), status_code=303)
    answer.headers["set-cookie"] = sessions.header(sessions.begin(person))
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session that the form is of."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(request.state.session)
    answer = RedirectResponse("/login", status_code=303)
    answer.headers["set-cookie"] = sessions.header(None)
    return answer


def _login(request: Request, *, next: str, person: str = "", wrong: str = "", status: int = 200) -> Response:
    return page(
        request,
        "login.html",
        status=status,
        next=safe_next(next),
        person=person,
        wrong=wrong,
        needed=request.app.state.attempts is not None,
        # A browser keeps a strict cookie back when a link on another site leads here; from here it sends it.
        came_from_elsewhere=request.headers.get("sec-fetch-site") == "cross-site",
    )
