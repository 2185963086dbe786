"""A server of model repositories on this machine, which can misbehave: for tests of downloads."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["COMMIT", "Hub", "serving"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """One repository and how it misbehaves.

    Attributes
    ----------
    repository
        ``owner/name``.
    files
        Content by path.
    cut_off
        Paths of which half is sent before the connection ends.
    forged
        Paths that come with other bytes of the same number.
    fails
        HTTP status for everything, where given.
    page
        Whether everything is answered with a page for people.
    asked
        Requests, in order.
    """

    repository: str
    files: dict[str, bytes]
    cut_off: set[str] = field(default_factory=set)
    forged: set[str] = field(default_factory=set)
    fails: int | None = None
    page: bool = False
    asked: list[str] = field(default_factory=list)
    endpoint: str = ""

    def listing(self) -> bytes:
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": "0" * 40,
                "lfs": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130},
            }
            for path, content in self.files.items()
        ]
        return json.dumps({"id": self.repository, "sha": COMMIT, "siblings": siblings, "tags": []}).encode()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            path = self.path.partition("?")[0]
            if hub.fails is not None:
                self.send(hub.fails, b"", body)
            elif hub.page:
                self.send(200, b"<html>Please log in</html>", body)
            elif path.startswith(f"/api/models/{hub.repository}"):
                revision = path.removeprefix(f"/api/models/{hub.repository}").removeprefix("/revision/")
                if revision in ("", "main", COMMIT):
                    self.send(200, hub.listing(), body, {"Content-Type": "application/json"})
                else:
                    self.send(404, b"{}", body, {"X-Error-Code": "RevisionNotFound"})
            elif path.startswith(f"/{hub.repository}/resolve/{COMMIT}/"):
                self.file(path.removeprefix(f"/{hub.repository}/resolve/{COMMIT}/"), body)
            else:
                self.send(404, b"{}", body, {"X-Error-Code": "RepoNotFound"})

        def file(self, path: str, body: bool) -> None:
            if path not in hub.files:
                self.send(404, b"", body, {"X-Error-Code": "EntryNotFound"})
                return
            content = hub.files[path]
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            if path in hub.forged:
                content = bytes(len(content))
            sent = content[: len(content) // 2] if path in hub.cut_off else content
            self.send(200, sent, body, {"ETag": etag, "X-Repo-Commit": COMMIT}, length=len(content))

        def send(
            self,
            status: int,
            content: bytes,
            body: bool,
            headers: dict[str, str] | None = None,
            length: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a repository until the block ends; ``hub.endpoint`` is its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
