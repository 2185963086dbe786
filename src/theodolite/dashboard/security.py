"""What every answer carries and every request must be, whatever page is asked for."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from theodolite.dashboard.failing import Refused, answer
from theodolite.dashboard.settings import DashboardSettings, is_address

__all__ = ["CONTENT_SECURITY_POLICY", "SafeAnswers"]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""Nothing inline, nothing from elsewhere, no `eval`."""

_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SafeAnswers:
    """Middleware: refuses requests under a foreign name (DNS rebinding), and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, settings: DashboardSettings) -> None:
        self._app = app
        self._host_names = settings.host_names
        self._everywhere = settings.everywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = _without_port(Headers(scope=scope).get("host", ""))

        begun = False

        async def send_safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if "cache-control" not in headers:
                    kept = scope["path"].startswith("/static/") and message["status"] == 200
                    headers["cache-control"] = "public, max-age=31536000, immutable" if kept else "no-cache, private"
            await send(message)

        if asked not in self._host_names and not (self._everywhere and is_address(asked)):
            refusal = PlainTextResponse(
                f"This server does not go by the name {asked!r}; start it with --name NAME if it should.\n",
                status_code=421,
            )
            await refusal(scope, receive, send_safely)
            return
        try:
            await self._app(scope, receive, send_safely)
        except Exception:
            if not begun:
                # Told here, for what is told outside of this would carry none of the headers.
                await _broken(scope, receive, send_safely)
            raise


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    failure = Refused(500, "This page failed on the server, whose log says why", "The ledger is as it was.")
    await answer(Request(scope), failure)(scope, receive, send)


def _without_port(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
