"""``ledger backup``, ``restore`` and ``collect``: what people do with a workspace, between campaigns or during one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.progress import counted, waiting
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import WorkspaceOption, find_ledger, find_workspace

if TYPE_CHECKING:
    from theodolite.experiments.collecting import Leftovers
    from theodolite.store import Copied

__all__ = ["backup_ledger", "collect", "restore_ledger"]


def backup_ledger(
    target: Annotated[Path, typer.Argument(help="Folder of the backup: a new one, or one of this ledger's.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the ledger and its artefacts to a folder, and verify the copy; a campaign may be running.

    The same folder again is brought up to date: artefacts that it holds are checked and not copied again. Results,
    captures and checkpoints can be made again and are left out.
    """
    path = find_ledger(workspace)
    from theodolite.store import backup

    with counted("Copying artefacts", 1) as shown:
        made = backup(path, target, progress=lambda done, total: shown(done, "", total))
    _print_copied(made, f"Backed up to {target}", as_json)


def restore_ledger(
    source: Annotated[Path, typer.Argument(help="Folder that `ledger backup` wrote.")],
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", help="Folder of the new workspace; it must not exist or be empty.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Make a workspace from a backup, which is verified first; campaigns continue there."""
    from theodolite.store import restore

    with counted("Copying artefacts", 1) as shown:
        made = restore(source, workspace, progress=lambda done, total: shown(done, "", total))
    _print_copied(made, f"Restored to {workspace}", as_json)
    if not as_json:
        results().print(f"To continue: theodolite run FILE -w {workspace}", soft_wrap=True)


def collect(
    workspace: WorkspaceOption = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache",
            help="Captures of models too, and whatever lies in a cache outside of the workspace: no other workspace "
            "may use it.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove artefacts and results that no row of the ledger names; what any row names stays.

    Results that were not recorded yet are measured again.
    """
    folder = find_workspace(workspace)
    with waiting("Reading what the ledger names"):
        from theodolite.experiments import Workspace
        from theodolite.experiments.collecting import leftovers, remove
        from theodolite.store import Ledger

        place = Workspace.at(folder)
    if as_json and not (dry_run or yes):
        raise UserError("--json asks nothing; give --dry-run to see what would be removed, or --yes to remove it")
    # Under the lease nothing is being written, so that what no row names now is named by none that is under way.
    with Ledger.open(place.ledger) as ledger, ledger.coordinator("theodolite ledger collect"):
        found = leftovers(ledger, place, captures=cache)
        if as_json:
            _print_leftovers_json(found, removed=not dry_run)
        else:
            _print_leftovers(found, dry_run)
        if dry_run or not found.files:
            return
        if not yes and not typer.confirm(f"Remove {_files(len(found.files))}?"):
            raise UserError("nothing was removed")
        remove(found)
    if not as_json:
        results().print(f"Removed {_files(len(found.files))}; `theodolite ledger verify --deep` still holds.")


def _print_copied(made: Copied, what: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {"entries": made.entries, "head": made.head.hash, "artefacts": made.artefacts, "new": made.new, "ok": True}
        )
        return
    results().print(
        f"{what}: {made.entries} entries, head {made.head.hash}; {made.artefacts} artefacts, {made.new} of them "
        "copied now. It verifies.",
        soft_wrap=True,
    )


def _print_leftovers(found: Leftovers, dry_run: bool) -> None:
    console = results()
    number, size = Counter[str](), Counter[str]()
    for item in found.files:
        number[item.what] += 1
        size[item.what] += item.size
    console.print(f"{_files(found.kept)} are named by the ledger and stay.")
    for what in sorted(number):
        plural = "" if number[what] == 1 else "s"
        console.print(f"{number[what]} {what}{plural}, {_size(size[what])}, named by no row.")
    if not found.files:
        console.print("Nothing is left over.")
    if found.shared is not None:
        console.print(
            f"The cache {found.shared} is outside of the workspace and others may use it; --cache looks there too.",
            soft_wrap=True,
        )
    if dry_run and found.files:
        console.print("Nothing was removed (--dry-run).")


def _print_leftovers_json(found: Leftovers, *, removed: bool) -> None:
    files = [{"what": item.what, "path": str(item.path), "bytes": item.size} for item in found.files]
    print_json(
        {"kept": found.kept, "removed": removed, "bytes": sum(item.size for item in found.files), "files": files}
    )


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"


def _size(number: int) -> str:
    return f"{number / 2**20:,.1f} MB" if number >= 2**20 else f"{number / 1024:,.1f} KB"
