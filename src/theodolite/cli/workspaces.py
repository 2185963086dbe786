"""Which workspace a command means: the folder that holds ``ledger.sqlite``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.errors import UserError

__all__ = ["LEDGER_FILE", "WorkspaceOption", "find_ledger", "find_workspace", "workspace_of"]

LEDGER_FILE = "ledger.sqlite"

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
        return f"choose one with --workspace: {', '.join(str(path) for path in found)}"
    return "name one with --workspace, or make one: `theodolite demo` or `theodolite run FILE`"
