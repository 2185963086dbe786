"""Who is logged in: signed cookies, which the server need not remember, until they expire or are logged out."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256

from theodolite.dashboard.settings import DashboardSettings

__all__ = ["LASTS_S", "Session", "Sessions", "safe_next", "same_token"]

LASTS_S = 12 * 3600
"""Seconds for which a session lasts."""
_LONGEST_COOKIE = 2_000
_ENDED = 10_000
"""Sessions remembered as logged out; the oldest are forgotten beyond that."""
_ODD = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


@dataclass(frozen=True)
class Session:
    """A person who has logged in.

    Attributes
    ----------
    person
        The name that was given, which the ledger keeps beside what is handed in.
    nonce
        A random word that tells this session from others.
    expires
        Unix time.
    csrf
        What a form must carry to come from a page of this session.
    """

    person: str
    nonce: str
    expires: int
    csrf: str


class Sessions:
    """The sessions of one server; they end with it, for its secret does."""

    def __init__(self, settings: DashboardSettings) -> None:
        self._secret = settings.secret
        self._secure = settings.secure
        self._ended: dict[str, int] = {}
        # Browsers give cookies of one port to every other of the same machine: two servers may not log each other out.
        mark = sha256(b"name of the cookie" + settings.secret).hexdigest()[:8]
        self.cookie = f"{'__Host-' if settings.secure else ''}theodolite-{mark}"

    def begin(self, person: str) -> Session:
        """Return a new session of a person."""
        return self._session(person, secrets.token_urlsafe(16), int(time.time()) + LASTS_S)

    def end(self, session: Session) -> None:
        """Let a session's cookie count no longer, wherever it is kept."""
        now = int(time.time())
        self._ended = {nonce: expires for nonce, expires in self._ended.items() if expires > now}
        while len(self._ended) >= _ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[session.nonce] = session.expires

    def written(self, session: Session) -> str:
        """Return the value of a session's cookie."""
        data = json.dumps([session.person, session.nonce, session.expires]).encode()
        body = base64.urlsafe_b64encode(data).decode()
        return f"{body}.{self._mac('session', body)}"

    def read(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie; None for one that is missing, altered, expired or logged out."""
        if cookie is None or len(cookie) > _LONGEST_COOKIE:
            return None
        body, _, mac = cookie.partition(".")
        if not hmac.compare_digest(self._mac("session", body).encode(), _bytes(mac)):
            return None
        person, nonce, expires = json.loads(base64.urlsafe_b64decode(body))
        found = self._session(person, nonce, expires)
        return found if self.seconds_left(found) > 0 else None

    def seconds_left(self, session: Session) -> float:
        """Return for how long a session still counts; 0 of one that has expired or was logged out."""
        return 0.0 if session.nonce in self._ended else max(0.0, session.expires - time.time())

    def header(self, session: Session | None) -> str:
        """Return the ``Set-Cookie`` of a session; of None the one that deletes it."""
        value, lasts = ("", 0) if session is None else (self.written(session), LASTS_S)
        secure = "; Secure" if self._secure else ""
        return f"{self.cookie}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}"

    def _session(self, person: str, nonce: str, expires: int) -> Session:
        return Session(person, nonce, expires, self._mac("form", nonce))

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}\n".encode() + _bytes(text), sha256).hexdigest()


def same_token(given: str, token: str) -> bool:
    """Return whether a token is the right one, in a time that does not tell how much of it is."""
    return hmac.compare_digest(sha256(_bytes(given)).digest(), sha256(_bytes(token)).digest())


def safe_next(given: str) -> str:
    """Return where to go after logging in: a path of this site, the first page where it is anything else."""
    path = given.partition("?")[0].partition("#")[0]
    inside = given.startswith("/") and "//" not in path and not _ODD.search(given) and len(given) <= _LONGEST_COOKIE
    return given if inside and path not in ("/login", "/logout") else "/"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")
