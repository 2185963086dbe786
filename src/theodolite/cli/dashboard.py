"""``dashboard``: serve the pages of one ledger on this machine, or to those who have a token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.console import say
from theodolite.cli.errors import UserError
from theodolite.cli.workspaces import find_ledger

__all__ = ["TOKEN_VARIABLE", "dashboard"]

TOKEN_VARIABLE = "THEODOLITE_DASHBOARD_TOKEN"


def dashboard(
    ledger: Annotated[
        str | None,
        typer.Argument(
            metavar="[LEDGER_URL]",
            help="A workspace, its ledger.sqlite, or sqlite:///PATH; where not given, the only workspace here.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; another than this machine's own needs a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8321,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Let people hand in notes, proposals and approvals; needs a token.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers reach the server, beside --host.")
    ] = None,
    https: Annotated[
        bool, typer.Option("--https", help="It is reached by https only (a proxy in front); cookies then say so.")
    ] = False,
    behind_proxy: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a proxy in front; it alone is believed for whom it asks (X-Forwarded-For).",
        ),
    ] = None,
) -> None:
    """Open the dashboard of a ledger, read-only, on this machine; Ctrl-C ends it.

    A server that others reach needs a token of 16 characters or more in THEODOLITE_DASHBOARD_TOKEN.
    """
    path = find_ledger(ledger_path(ledger))
    from theodolite.dashboard import DashboardError, DashboardSettings
    from theodolite.dashboard.serving import serve

    try:
        settings = DashboardSettings(
            ledger=path,
            host=host,
            port=port,
            token=os.environ.get(TOKEN_VARIABLE) or None,
            allow_writes=allow_writes,
            names=tuple(name or ()),
            secure=https,
            behind_proxy=behind_proxy,
        )
    except DashboardError as error:
        raise UserError(str(error)) from error
    try:
        serve(settings, ready=lambda address: say(f"{path}: {address} (Ctrl-C ends it)"))
    except DashboardError as error:
        raise UserError(str(error)) from error


def ledger_path(given: str | None) -> Path | None:
    """Return the path that a ledger's address names.

    Raises
    ------
    UserError
        If it is the address of another kind of database.
    """
    if given is None:
        return None
    if given.startswith("sqlite:///"):
        return Path(given.removeprefix("sqlite:///"))
    if "://" in given:
        raise UserError(f"{given!r} is no SQLite ledger; give a workspace, its ledger.sqlite, or sqlite:///PATH")
    return Path(given)
