"""A real HTTP server on this machine that sends files, or what a broken or lying server sends instead.

with FileServer({"/a.gmt": b"..."}) as server:
    fetch(resource, mirror=server.url)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["FileServer"]


class FileServer:
    """The server as a context manager.

    Attributes
    ----------
    files
        What it sends by path; another path is 404.
    cut
        Bytes after which it ends the connection though it said that there are more; None for none.
    asked
        Paths in the order of arrival.
    """

    def __init__(self, files: Mapping[str, bytes], cut: int | None = None) -> None:
        self.files = dict(files)
        self.cut = cut
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content if outer.cut is None else content[: outer.cut])

            def log_message(self, *given: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address of its root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"
