"""``replay``: run a recorded campaign again, offline, to the same head hash."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.campaign_commands import NewWorkspace
from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.logs import logging_to
from theodolite.cli.matrices import ChildOption, prepared_one
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import LEDGER_FILE, workspace_of

if TYPE_CHECKING:
    from theodolite.agents import Replayed

__all__ = ["replay"]


def replay(
    file: Annotated[Path, typer.Argument(help="The campaign file.")],
    workspace: NewWorkspace = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the replayed ledger in this new folder.")] = None,
    as_json: JsonOption = False,
    child: ChildOption = None,
) -> None:
    """Run a recorded campaign again on a fresh ledger, with recorded answers in place of language models.

    Nothing is sent anywhere. Looks, plans, jobs, gates and levels are done again; results of jobs are read from the
    workspace's cache where they still are. The head hash must come out the same.
    """
    from theodolite.cli.progress import CampaignProgress, waiting

    folder = workspace_of(file, workspace)
    if not (folder / LEDGER_FILE).is_file():
        raise UserError(f"there is no ledger in {str(folder)!r}; run the campaign first, or name its --workspace")
    if keep is not None and keep.exists():
        raise UserError(f"--keep is {str(keep)!r}, which exists; give a folder that does not")
    setting = prepared_one(file, folder, child)
    with waiting("Opening the ledger"):
        from theodolite.agents import replay_campaign
        from theodolite.calibration.plants import seal_round
        from theodolite.experiments import LocalRunner, Workspace
        from theodolite.experiments.opening import opened_as
        from theodolite.store import Ledger
    with ExitStack() as stack:
        stack.enter_context(logging_to(None, setting.campaign_id))
        scratch = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="theodolite-replay-")))
        place = Workspace.at(scratch, setting.workspace.cache)
        again = replace(setting, workspace=place)
        original = stack.enter_context(Ledger.open(folder / LEDGER_FILE, read_only=True))
        again = opened_as(again, original)
        progress = stack.enter_context(CampaignProgress())
        runner = stack.enter_context(LocalRunner.for_campaign(again))
        found = replay_campaign(again, original, scratch, runner, trials=seal_round, notify=progress)
    if as_json:
        print_json(found)
    else:
        _print(found, keep)
    if not found.same_head:
        raise typer.Exit(ExitCode.PROBLEM)


def _print(found: Replayed, keep: Path | None) -> None:
    console = results()
    calls = f", {found.calls} recorded calls answered" if found.calls else ""
    console.print(f"Replayed {found.entries} entries{calls}; head {found.head[:16]}.", soft_wrap=True)
    if found.same_head:
        console.print("The replay ends in the recorded head: the same chain, hash by hash.", style="bold green")
    else:
        console.print("The replay does not end in the recorded head.", style="bold red")
        for difference in found.differences[:10]:
            console.print(f"  {difference}", soft_wrap=True, markup=False)
    if keep is not None:
        console.print(f"Kept in {keep}.", soft_wrap=True)
