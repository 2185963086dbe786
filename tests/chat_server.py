"""A real server of the chat-completions protocol on this machine, whose answers a player chooses.

    with ChatServer(player) as server:
        settings = ModelSettings(base_url=server.url, backoff_s=0)

A player is a function of the parsed request, so that a request that is sent again is answered again in the same way.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Answer", "Asked", "ChatServer", "Player", "act", "call", "choice", "failure", "raw", "said"]

_FENCE = re.compile(r"<data of='([^']*)'>\n(.*?)\n</data>", re.DOTALL)
_SECRET_HEADERS = {"authorization", "cookie"}
USAGE = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}


@dataclass(frozen=True)
class Asked:
    """One request as a player sees it.

    Attributes
    ----------
    path, headers, body
        As they came, without the key.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The request in one form, to decide by."""
        return json.dumps(self.body, sort_keys=True)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", ()))

    @property
    def model(self) -> str:
        return str(self.body.get("model"))

    @property
    def rung(self) -> str:
        """How a structured answer was asked for."""
        if "tools" in self.body:
            return "tools"
        return str(self.body["response_format"]["type"]) if "response_format" in self.body else "text"

    @cached_property
    def actions(self) -> dict[str, dict[str, Any]]:
        """The schema of the arguments of each action on offer, however it was told."""
        if self.rung == "tools":
            return {item["function"]["name"]: item["function"]["parameters"] for item in self.body["tools"]}
        if self.rung == "json_schema":
            schema = self.body["response_format"]["json_schema"]["schema"]
        else:
            schema = json.loads(self.messages[0]["content"].rpartition("JSON schema:\n\n")[2])
        return {
            option["properties"]["action"]["enum"][0]: option["properties"]["arguments"]
            for option in schema.get("anyOf", [schema])
        }

    @cached_property
    def data(self) -> list[tuple[str, Any]]:
        """What stands inside the fences of the messages, in order: label and content."""
        told = [str(message["content"]) for message in self.messages if message["role"] == "user"]
        return [(label, json.loads(text)) for one in told for label, text in _FENCE.findall(one)]

    def told(self, label: str) -> list[Any]:
        """What stands inside the fences of one label."""
        return [content for name, content in self.data if name == label]


@dataclass(frozen=True)
class Answer:
    """What the server sends.

    Attributes
    ----------
    status, headers, body
        Of the response.
    declared
        Content-Length, where it is not that of the body.
    then
        ``close`` ends the connection; ``hang`` keeps it open and sends nothing more; ``drip`` sends spaces for ever;
        ``reset`` breaks the connection without a response; ``never`` keeps it open without a response; ``drip headers``
        sends a header that does not end.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    then: str = "close"


Player = Callable[[Asked], Answer]


def raw(body: str | bytes, **more: Any) -> Answer:
    """Answer with a body as it is."""
    return Answer(body.encode("utf-8", errors="surrogatepass") if isinstance(body, str) else body, **more)


def choice(message: Mapping[str, Any], finish: str = "stop", usage: Any = USAGE) -> Answer:
    """Answer with one message; ``usage`` None leaves it out."""
    content: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "player",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
    }
    return raw(json.dumps(content if usage is None else {**content, "usage": usage}))


def said(text: str | None, finish: str = "stop", usage: Any = USAGE) -> Answer:
    """Answer in prose."""
    return choice({"content": text}, finish, usage)


def call(name: str, arguments: Mapping[str, Any] | str, usage: Any = USAGE) -> Answer:
    """Answer with a function call."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": text}}
    return choice({"content": None, "tool_calls": [function]}, "tool_calls", usage)


def act(asked: Asked, name: str, arguments: Mapping[str, Any], *, form: str = "plain", usage: Any = USAGE) -> Answer:
    """Answer with an action in the way that was asked for; in text plain or ``fenced``."""
    if asked.rung == "tools":
        return call(name, arguments, usage)
    text = json.dumps({"action": name, "arguments": arguments})
    return said(f"Here it is.\n```json\n{text}\n```\nDone." if form == "fenced" else text, usage=usage)


def failure(status: int, message: str = "no", headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with an error in the protocol's form."""
    content = {"error": {"message": message, "type": "error", "code": None}}
    return raw(json.dumps(content), status=status, headers=headers or {})


class ChatServer:
    """The server as a context manager.

    Attributes
    ----------
    player
        Who answers; may be exchanged between requests.
    asked
        Every request in the order of arrival.
    """

    def __init__(self, player: Player) -> None:
        self.player = player
        self.asked: list[Asked] = []
        self.faults: list[Exception] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *given: Any) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        if error is None and self.faults:
            raise AssertionError("the player itself failed") from self.faults[0]

    @property
    def url(self) -> str:
        """Address of the protocol's root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        content = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): text for name, text in handler.headers.items() if name.lower() not in _SECRET_HEADERS}
        asked = Asked(handler.path, headers, json.loads(content))
        with self._lock:
            self.asked.append(asked)
        try:
            answer = self.player(asked)
        except Exception as error:  # noqa: BLE001 - told to the test when the server ends
            self.faults.append(error)
            answer = failure(418, f"the player failed: {error!r}")
        try:
            self._send(handler, answer)
        except OSError:
            pass  # whoever asked has gone

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        match answer.then:
            case "never":
                self._over.wait()
                return
            case "reset":
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                handler.connection.close()
                return
            case "drip headers":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
                self._drip(handler)
                return
        handler.send_response(answer.status)
        for name, text in answer.headers.items():
            handler.send_header(name, text)
        if answer.then == "close":
            handler.send_header("Content-Length", str(len(answer.body) if answer.declared is None else answer.declared))
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(answer.body)
        handler.wfile.flush()
        if answer.then == "hang":
            self._over.wait()
        elif answer.then == "drip":
            self._drip(handler)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        while not self._over.is_set():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.01)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that was killed breaks its connection
