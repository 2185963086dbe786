"""One module a page, or a family of addresses; each has a ``router``."""

from __future__ import annotations

from theodolite.dashboard.routes import (
    campaigns,
    entries,
    error_control,
    exports,
    glossary,
    hypotheses,
    ledger,
    live,
    logins,
    map,
    people,
    proposals,
)

__all__ = ["ROUTERS"]

ROUTERS = tuple(
    module.router
    for module in (
        campaigns, live, ledger, exports, hypotheses, entries, map, error_control, people, proposals, logins,
        glossary,
    )
)  # fmt: skip
