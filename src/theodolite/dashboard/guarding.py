"""What comes before every route: who may read, and that only a form of a logged-in person's page changes anything.

It is done in one place, for every address that there is or will be, so that no route can forget it.
"""

from __future__ import annotations

import hmac
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from theodolite.dashboard.attempts import Attempts
from theodolite.dashboard.failing import Refused, answer
from theodolite.dashboard.sessions import Session, Sessions
from theodolite.dashboard.settings import DashboardSettings

__all__ = ["LARGEST_FORM", "Guard"]

LARGEST_FORM = 64 * 1024
"""Bytes of a form."""
_FIELDS = 100
_FORM = "application/x-www-form-urlencoded"
_DATA = ("/api/", "/export", "/events")
"""Where programs ask, which a page to log in would not help; they are told so."""
_FILES = frozenset({".csv", ".parquet", ".json", ".svg", ".png", ".zip", ".tar", ".gz"})


class Guard:
    """Middleware: sets ``request.state.session``, ``.reader`` and ``.form``, or refuses.

    Parameters
    ----------
    app
        What is guarded.
    settings
        Whether there is a token, and whether anything may be handed in.
    sessions, attempts
        Who is logged in, and who tries to; ``attempts`` is None without a token.
    """

    def __init__(
        self, app: ASGIApp, settings: DashboardSettings, sessions: Sessions, attempts: Attempts | None
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        state = scope.setdefault("state", {})
        state.update(session=None, reader=self._attempts is None, form={})
        try:
            await self._admit(request)
            if request.method == "POST":
                self._refuse_writing(request)
                body = await _read(request)
                state["form"] = _form(request, body)
                receive = _again(body, receive)
            elif request.method not in ("GET", "HEAD"):
                raise Refused(
                    405,
                    f"{request.method} changes nothing here",
                    "Pages are read by GET.",
                    {"allow": "GET, POST"},
                )
        except Refused as refused:
            await answer(request, refused)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        """Find out who asks; refuse whoever may not read."""
        state = request.state
        if self._attempts is None:
            return
        state.session = self._sessions.read(request.cookies.get(self._sessions.cookie))
        path, reading = request.scope["path"], request.method in ("GET", "HEAD")
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        bearer = kind.lower() == "bearer"
        if state.session is None and bearer and reading:
            state.reader = await self._attempts.holds(given.strip(), _address(request))
        state.reader = state.reader or state.session is not None
        if state.reader or path == "/login" or path.startswith("/static/"):
            return
        if bearer and not reading:
            raise Refused(403, "A token of a program reads, and hands nothing in", "Log in with a browser to write.")
        raise _unknown(request, reading)

    def _refuse_writing(self, request: Request) -> None:
        """Refuse what is no form, or one of a page of another site, or any where nothing can be handed in."""
        if request.scope["path"] not in ("/login", "/logout") and self._settings.read_only:
            raise Refused(
                403,
                "This server is read-only, so nothing can be handed in here",
                "Start it with `theodolite dashboard --allow-writes` and a token in THEODOLITE_DASHBOARD_TOKEN.",
            )
        _refuse_foreign(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise Refused(415, "Only a form of these pages can be handed in", f"Send {_FORM}.")


def _form(request: Request, body: bytes) -> dict[str, str]:
    """Return the fields of a form, which must come from a page of the session that hands it in."""
    try:
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Refused(400, f"The form has more than {_FIELDS} fields", "Use the form on the page.") from error
    session: Session | None = request.state.session
    if request.scope["path"] != "/login" and (
        session is None or not hmac.compare_digest(session.csrf.encode(), form.get("csrf", "").encode(errors="replace"))
    ):
        raise Refused(
            403, "This form is not from a page of your session", "Load the page again, and hand it in from there."
        )
    return form


def _unknown(request: Request, reading: bool) -> Refused:
    """Return what somebody who is not logged in is told: a person where to log in, a program that it must."""
    # As routes are found: the address of the request reads an escaped question mark in a path as the end of it.
    path: str = request.scope["path"]
    query = request.scope["query_string"].decode("latin-1")
    login = "/login?" + urlencode({"next": quote(path) + (f"?{query}" if query else "")})
    what = "This page is for people who have logged in"
    if not reading:
        return Refused(401, what, "Log in first.")
    headers = {"www-authenticate": "Bearer"}
    program = (
        path.startswith(_DATA)
        or "/events" in path
        or PurePosixPath(path).suffix.lower() in _FILES
        or "text/event-stream" in request.headers.get("accept", "")
    )
    if program:
        return Refused(401, what, "Log in, or send `Authorization: Bearer TOKEN`.", headers)
    if "hx-request" in request.headers:
        return Refused(401, what, "Log in first.", {**headers, "hx-redirect": "/login"})
    return Refused(303, what, "Log in first.", {"location": login})


def _refuse_foreign(request: Request) -> None:
    """Refuse what a browser says comes from a page of another site."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "").lower()
    # Compared as it is: what no address can be made of is an error to a parser.
    own = origin is None or origin.lower() in (f"http://{host}", f"https://{host}")
    if site != "same-origin" or not own:
        raise Refused(
            403, "This form was sent by a page of another site", "Open the page here, and hand it in from there."
        )


async def _read(request: Request) -> bytes:
    """Return the body of a request, of a form's size at most."""
    too_large = Refused(413, f"A form has {LARGEST_FORM // 1024} kB at most", "Shorten what you hand in.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > LARGEST_FORM:
        raise too_large
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > LARGEST_FORM:
            raise too_large
    return bytes(found)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read to whoever reads it next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "an unnamed address"
