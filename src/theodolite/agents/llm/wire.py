"""One request over the wire: sent once, never raising for what a server does, with a deadline for the whole answer."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from theodolite.agents.llm.replies import Reply
from theodolite.agents.llm.settings import CALLS_VARIABLE, ModelSettings, SettingsError, calls_allowed
from theodolite.store import CallStatus

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["CallsForbidden", "OpenAIWire", "Wire", "scrubbed"]

_HOSTED = "https://api.openai.com/v1"
_KEYS = re.compile(r"\b(?:(?:sk|pk|rk|gsk|hf|xai|ghp)[-_]|AIza)[A-Za-z0-9_\-]{16,}")
_UNAUTHORISED = (401, 402, 403, 405)
_ONE_RUNG = re.compile(r"tool|function|response_format|json|schema", re.IGNORECASE)
_WRONG_NAME = re.compile(
    r"(unknown|invalid|no such) model\b|\bmodel\b.{0,80}(not found|does ?n[o']t exist|is unknown)|valid model id",
    re.IGNORECASE,
)
_LONGEST_DETAIL = 500
_LONGEST_ERROR = 64_000
"""Bytes that are read of an answer that is an error."""
_SHORTEST_SECRET = 16
"""A shorter key is the word that a local server wants, and may stand in any answer: it is no secret."""


class CallsForbidden(RuntimeError):
    """A call of a language model that the global switch does not allow."""


class Wire(Protocol):
    """Whatever sends a request of the chat-completions protocol."""

    def send(self, call_id: str, body: dict[str, Any]) -> Reply:
        """Send a request once and return how it ended; ``call_id`` is the id of the row that will hold it."""
        ...


def scrubbed(text: str, secret: str | None) -> str:
    """Return text without a secret and without anything that looks like the key of a known service."""
    if secret and len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "[secret]")
    return _KEYS.sub("[secret]", text)


class OpenAIWire:
    """Any server that speaks chat completions, through the OpenAI SDK with its own retries switched off.

    Parameters
    ----------
    settings
        Address, deadlines and the key.

    Raises
    ------
    CallsForbidden
        If the global switch forbids calls to that address.
    SettingsError
        If there is neither an address nor a key, or no header can carry the key.
    """

    def __init__(self, settings: ModelSettings) -> None:
        address = settings.base_url or _HOSTED
        allowed = calls_allowed()
        if allowed == "none" or (allowed == "local" and not _is_local(address)):
            raise CallsForbidden(
                f"{CALLS_VARIABLE} is {allowed!r}, which forbids a call to {settings.server or _HOSTED}; unset it to "
                "allow real calls"
            )
        key = settings.key  # one that no header can carry is refused here, before anything is sent
        if not settings.own_server and key is None:
            raise SettingsError(
                "a language model is named, but no server is: set OPENAI_BASE_URL to the address of one of your own "
                "(http://localhost:11434/v1, say), or OPENAI_API_KEY for the hosted server of OpenAI; "
                "without `agents:` in the campaign file no model is needed"
            )
        self._settings = settings
        self._address = address
        self._client: OpenAI | None = None

    def _open(self) -> OpenAI:
        import httpx2
        from openai import OpenAI

        settings = self._settings
        key = settings.key
        timeout = httpx2.Timeout(settings.timeout_s, connect=settings.connect_timeout_s)
        # A proxy of the environment would carry calls for this machine elsewhere.
        client = httpx2.Client(
            timeout=timeout,
            trust_env=not _is_local(self._address),
            follow_redirects=False,
            event_hooks={"response": [self._shorten]},
        )
        return OpenAI(
            api_key=key.get_secret_value() if key else "none",
            base_url=self._address,
            max_retries=0,
            http_client=client,
        )

    def send(self, call_id: str, body: dict[str, Any]) -> Reply:
        """Send a request once; see :class:`Wire`."""
        client = self._client = self._client or self._open()
        found: list[Reply | Exception] = []

        def exchange() -> None:
            try:
                found.append(self._exchange(client, body))
            except Exception as error:  # noqa: BLE001 - raised again below, in the thread that asked
                found.append(error)

        # In a thread, for the library's deadlines are a read's: a server that drips headers would meet them for ever.
        thread = threading.Thread(target=exchange, name=f"call {call_id}", daemon=True)
        thread.start()
        thread.join(self._settings.connect_timeout_s + self._settings.timeout_s)
        if not found:
            self._client = None
            with contextlib.suppress(Exception):
                client.close()
            return Reply(CallStatus.TIMEOUT, detail=f"no answer within {self._settings.timeout_s:g} s")
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    def _exchange(self, client: OpenAI, body: dict[str, Any]) -> Reply:
        import httpx2
        import openai

        key = self._settings.key
        secret = key.get_secret_value() if key else None
        try:
            with client.chat.completions.with_streaming_response.create(**body) as response:
                content, whole = self._read(response)
                status = response.http_response.status_code
        except openai.APITimeoutError:
            return Reply(CallStatus.TIMEOUT, detail=f"no answer within {self._settings.timeout_s:g} s")
        except (openai.APIConnectionError, httpx2.ConnectError) as error:
            return Reply(CallStatus.CONNECTION, detail=scrubbed(_words(error), secret))
        except openai.APIStatusError as error:
            return _refusal(error, secret)
        except httpx2.TimeoutException:
            return Reply(CallStatus.TIMEOUT, detail=f"no answer within {self._settings.timeout_s:g} s")
        except httpx2.HTTPError as error:
            return Reply(CallStatus.BAD_BODY, detail=scrubbed(f"the answer was cut short: {_words(error)}", secret))
        text = scrubbed(content.decode("utf-8", errors="replace"), secret)
        if whole is None:
            return Reply(CallStatus.OK, status, text)
        return Reply(CallStatus.TIMEOUT if whole == "late" else CallStatus.BAD_BODY, status, None, _CUT[whole])

    def _shorten(self, response: Any) -> None:
        """Let an error's body end early, for its status says what matters: it may be huge, or never end."""
        if response.status_code >= 300:
            response.stream = _shortened(response.stream, self._settings.timeout_s)

    def _read(self, response: Any) -> tuple[bytes, str | None]:
        """Return the body, and why it is not whole; a server that drips bytes is held to the deadline too."""
        until = time.monotonic() + self._settings.timeout_s
        found = bytearray()
        for piece in response.iter_bytes():
            found += piece
            if len(found) > self._settings.largest_answer:
                return b"", "large"
            if time.monotonic() > until:
                return b"", "late"
        return bytes(found), None


def _shortened(stream: Any, timeout_s: float) -> Any:
    import httpx2

    class Shortened(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            until, left = time.monotonic() + timeout_s, _LONGEST_ERROR
            with contextlib.suppress(httpx2.TransportError):
                for piece in stream:
                    yield piece[:left]
                    left -= len(piece)
                    if left <= 0 or time.monotonic() > until:
                        return

        def close(self) -> None:
            stream.close()

    return Shortened()


_CUT = {"large": "the answer is larger than models.largest_answer allows", "late": "the answer did not end in time"}


def _refusal(error: Any, secret: str | None) -> Reply:
    code = int(error.status_code)
    detail = scrubbed(f"{code}: {_words(error)}", secret)[:_LONGEST_DETAIL]
    match code:
        case 429 | 408 | 409:
            return Reply(CallStatus.RATE_LIMITED, code, None, detail, _retry_after(error))
        case code if code in _UNAUTHORISED:
            return Reply(CallStatus.UNAUTHORISED, code, None, detail)
        case code if 300 <= code < 400 or (code < 500 and _WRONG_NAME.search(detail)):
            return Reply(CallStatus.UNAUTHORISED, code, None, detail)
        case 404 if not _ONE_RUNG.search(detail):
            # An address without its /v1, say: no other form of the request would be found there either.
            return Reply(CallStatus.UNAUTHORISED, code, None, detail)
        case code if code >= 500:
            return Reply(CallStatus.SERVER_ERROR, code, None, detail, _retry_after(error))
        case _:
            return Reply(CallStatus.REJECTED, code, None, detail)


def _retry_after(error: Any) -> float | None:
    try:
        asked = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return asked if 0 <= asked < 3600 else None


def _words(error: BaseException) -> str:
    cause = error.__cause__
    said = " ".join(str(error).split()) or type(error).__name__
    return said if cause is None or not str(cause) else f"{said} ({' '.join(str(cause).split())})"


def _is_local(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
