"""One module a page, or a family of addresses; each has a ``router``."""

from __future__ import annotations

from theodolite.dashboard.routes import entries

__all__ = ["ROUTERS"]

ROUTERS = (entries.router,)
