"""``ledger anchor``: note the head of a ledger where agents cannot write; by itself too, where a file is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import results
from theodolite.cli.errors import UserError
from theodolite.cli.workspaces import WorkspaceOption, find_ledger

if TYPE_CHECKING:
    from theodolite.store import AnchorCheck, Ledger

__all__ = ["ANCHOR_VARIABLE", "AnchorOption", "anchor", "anchoring", "anchors_hold", "refuse_unfit_anchor"]

ANCHOR_VARIABLE = "THEODOLITE_ANCHOR"
"""File to which campaigns anchor by themselves, at the end of every round and when they stop."""

AnchorOption = Annotated[
    Path | None,
    typer.Option("--anchor", help="File of anchors, `-` for standard input; the ledger must extend each of its own."),
]


def anchor(
    to: Annotated[
        str,
        typer.Argument(metavar="TO", help="File outside of the workspace, to which a line is appended; `-` prints it."),
    ],
    workspace: WorkspaceOption = None,
) -> None:
    """Note the head of the ledger elsewhere, so that a rewritten or shortened ledger can be told from this one.

    The line is worth as much as its place: a file that agents cannot change, paper, a mail, a commit. `ledger verify
    --anchor FILE` compares. With THEODOLITE_ANCHOR=FILE campaigns do this at the end of every round.
    """
    path = find_ledger(workspace)
    from theodolite.store import anchor_of, write_anchor

    found = anchor_of(path, _now())
    if to == "-":
        typer.echo(found.line)
        return
    write_anchor(found, Path(to))
    results().print(f"Anchored row {found.seq}, head {found.hash}, in {to}.", soft_wrap=True)


def anchoring(ledger: Ledger, say: Callable[[str], None]) -> Callable[[], None]:
    """Return what anchors a ledger in the file that the environment names, if its head is a new one.

    A file that cannot be written is warned of and never stops a campaign.
    """
    named = os.environ.get(ANCHOR_VARIABLE, "").strip()
    last: list[str] = []

    def note() -> None:
        from theodolite.store import LedgerError, anchor_of, write_anchor

        if not named or ledger.path is None:
            return
        try:
            found = anchor_of(ledger.path, _now())
            if last != [found.hash]:
                write_anchor(found, Path(named))
                last[:] = [found.hash]
        except (LedgerError, OSError) as error:
            say(f"Warning: the head could not be anchored in {ANCHOR_VARIABLE}={named}: {error}")

    return note


def refuse_unfit_anchor(workspace: Path) -> None:
    """Refuse, before a campaign begins, a file that the environment names and that no head can be noted in.

    Raises
    ------
    UserError
        Naming the file and the remedy.
    """
    named = os.environ.get(ANCHOR_VARIABLE, "").strip()
    if not named:
        return
    file = Path(named).resolve()
    if file.is_relative_to(workspace.resolve()):
        raise UserError(
            f"{ANCHOR_VARIABLE} is {named!r}, inside of the workspace, where whoever rewrites the ledger can rewrite "
            "it too; name a file elsewhere, or unset it"
        )
    if not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(
            f"{ANCHOR_VARIABLE} is {named!r}, which cannot be written; make its folder, or name another file"
        )


def anchors_hold(path: Path, anchors: Path) -> AnchorCheck:
    """Compare a ledger with a file of anchors.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    import sys

    from theodolite.store import check_anchors

    try:
        text = sys.stdin.read() if str(anchors) == "-" else anchors.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"the anchors cannot be read: {error}; give a file that `ledger anchor` wrote") from error
    return check_anchors(path, text.split("\n"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
