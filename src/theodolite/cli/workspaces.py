"""Which workspace a command means: the folder that holds ``ledger.sqlite``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.errors import UserError

__all__ = ["LEDGER_FILE", "WorkspaceOption", "campaign_id", "find_ledger", "find_workspace", "workspace_of"]

LEDGER_FILE = "ledger.sqlite"
_SHOWN = 8

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Folder of the ledger; where not given, the only one here or one folder below."
    ),
]


def find_workspace(given: Path | None, here: Path | None = None) -> Path:
    """Return the folder of the ledger that is meant.

    Parameters
    ----------
    given
        What the person named: a workspace, or its ledger file.
    here
        Where to look where nothing was named; the current folder by default.

    Raises
    ------
    UserError
        If there is none, or more than one.
    """
    if given is not None:
        folder = given.parent if given.name == LEDGER_FILE else given
        if not (folder / LEDGER_FILE).is_file():
            raise UserError(f"{str(given)!r} is no workspace: it holds no {LEDGER_FILE}; {_candidates(folder)}")
        return folder
    here = here or Path.cwd()
    found = _workspaces(here)
    if len(found) != 1:
        raise UserError(
            f"there {'is no workspace' if not found else 'are several workspaces'} in {str(here)!r}; "
            f"{_candidates(here)}"
        )
    return found[0]


def find_ledger(given: Path | None) -> Path:
    """Return the ledger file that is meant; raises as :func:`find_workspace` does."""
    return find_workspace(given) / LEDGER_FILE


def workspace_of(file: Path, given: Path | None) -> Path:
    """Return where a campaign file runs.

    The folder that was given; else the file's own folder where that holds a ledger (as the demo's does); else
    ``<stem>.theodolite`` beside the file.

    Raises
    ------
    UserError
        If a folder was given in place of a campaign file.
    """
    if file.is_dir():
        raise UserError(f"{str(file)!r} is a folder; give the campaign file in it, or write one with `theodolite init`")
    if given is not None:
        return given
    if (file.parent / LEDGER_FILE).is_file():
        return file.parent
    return file.with_name(f"{file.stem}.theodolite")


def _workspaces(folder: Path) -> list[Path]:
    if (folder / LEDGER_FILE).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{LEDGER_FILE}")) if folder.is_dir() else []


def _candidates(folder: Path) -> str:
    found = _workspaces(folder if folder.is_dir() else Path.cwd())
    if found:
        shown = ", ".join(str(path) for path in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        return f"name the folder of one ledger: {shown}"
    return "name the folder of a ledger, or make one: `theodolite demo` or `theodolite run FILE`"


def campaign_id(path: Path, given: str | None) -> str | None:
    """Return the id of the campaign that is meant by its id or its name, None where none is named.

    Raises
    ------
    UserError
        If the ledger holds no such campaign, or several of that name.
    """
    if given is None:
        return None
    from theodolite.store import Ledger, campaign_rows

    with Ledger.open(path, read_only=True) as ledger:
        rows = campaign_rows(ledger)
    found = [row.campaign for row in rows if given in (row.campaign, row.name)]
    if len(found) != 1:
        known = ", ".join(found or [row.campaign for row in rows]) or "none"
        which = "names several campaigns" if found else "is no campaign"
        raise UserError(f"--campaign is {given!r}, which {which} of {path}; choose one of: {known}")
    return found[0]
