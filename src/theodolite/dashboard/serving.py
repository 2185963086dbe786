"""One server on one address, until it is told to stop."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from theodolite.dashboard.app import create_app
from theodolite.dashboard.settings import DashboardError, DashboardSettings

__all__ = ["DashboardServer", "configured", "serve", "spare_memory"]

_BACKLOG = 256
_M_ARENA_MAX, _ARENAS = -8, 2
"""A number of glibc's ``malloc.h``, and how many heaps all threads share."""


def serve(settings: DashboardSettings, *, ready: Callable[[str], None]) -> None:
    """Serve a ledger until the process is interrupted.

    Parameters
    ----------
    settings
        What to serve, and where; port 0 takes a free one.
    ready
        Called with the address once the port is taken.

    Raises
    ------
    DashboardError
        If the port is taken or the address is not this machine's.
    """
    spare_memory()
    app = create_app(settings)
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    if settings.everywhere:
        # An address that a browser can be given; the unspecified one is none.
        host = socket.gethostname()
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    DashboardServer(app, configured(app, settings)).run(sockets=[listener])


def configured(app: FastAPI, settings: DashboardSettings) -> uvicorn.Config:
    """Return how an application is served; for whom a request was sent on is believed of a named proxy alone."""
    return uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
        backlog=_BACKLOG,
        access_log=False,
        proxy_headers=settings.behind_proxy is not None,
        forwarded_allow_ips=settings.behind_proxy,
    )


class DashboardServer(uvicorn.Server):
    """A server that ends its live streams first when it stops; it would wait for them, and they never end.

    Parameters
    ----------
    app
        What :func:`~theodolite.dashboard.app.create_app` made.
    config
        How it is served.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._app.state.feed.close()
        await super().shutdown(sockets)


def spare_memory() -> None:
    """Let what readers' threads gave back be used by others; to be called before there are any.

    glibc keeps freed memory by thread, and so does the pool that pyarrow takes by default: many readers at once would
    leave several times what each needs.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (OSError, AttributeError, TypeError):
        pass  # another C library, which has no arenas
    # pyarrow reads it when it is loaded, which is at the first Parquet file.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def _listen(settings: DashboardSettings) -> socket.socket:
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        return listener
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DashboardError(
                f"port {settings.port} of {host} is taken; give another with --port, or --port 0 for a free one"
            ) from error
        raise DashboardError(f"{host!r} port {settings.port} cannot be listened on: {error}") from error
