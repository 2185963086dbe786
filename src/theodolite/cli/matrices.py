"""A file of several campaigns on the command line: reading, planning and running a matrix."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.campaigning import Finished, leave, open_ledger, prepared, run_on_ledger, workspace_at
from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.logs import logging_to, run_log
from theodolite.cli.progress import CampaignProgress, counted, waiting
from theodolite.cli.workspaces import LEDGER_FILE

if TYPE_CHECKING:
    from theodolite.agents import Halt
    from theodolite.experiments import Setting
    from theodolite.experiments.matrix import Matrix
    from theodolite.reports.coverage import Coverage
    from theodolite.store import Ledger

__all__ = ["ChildOption", "matrix_of", "plan_matrix", "prepared_all", "prepared_one", "run_matrix"]

ChildOption = Annotated[
    str | None, typer.Option("--child", help="Of a matrix: the campaign that is meant, by its name or number.")
]


def matrix_of(file: Path) -> Matrix | None:
    """Return the matrix of a file; None if it is that of a single campaign.

    Raises
    ------
    CampaignError
        With the line of every mistake of a matrix.
    """
    with waiting("Reading the campaign file"):
        from theodolite.experiments.matrix import load_matrix

        return load_matrix(file)


def _settings(matrix: Matrix, folder: Path) -> list[Setting]:
    with counted("Resolving campaigns", len(matrix.children)) as update:
        from theodolite.experiments.matrix_preparing import prepare_matrix

        done = 0

        def notify(name: str) -> None:
            nonlocal done
            update(done, name)
            done += 1

        found = prepare_matrix(matrix, workspace_at(folder), notify)
        update(len(found), "")
    return found


def prepared_all(file: Path, folder: Path) -> list[Setting]:
    """Resolve every campaign of a file, be it one or a matrix; nothing is written."""
    matrix = matrix_of(file)
    return [prepared(file, folder)] if matrix is None else _settings(matrix, folder)


def prepared_one(file: Path, folder: Path, child: str | None) -> Setting:
    """Resolve the one campaign that is meant: a file's only one, or a child of a matrix by its name or number.

    Raises
    ------
    UserError
        If the file is a matrix and no child of it is named.
    """
    matrix = matrix_of(file)
    if matrix is None:
        if child is not None:
            raise UserError(f"--child is {child!r}, but {str(file)!r} is a single campaign; leave --child out")
        return prepared(file, folder)
    names = [item.name for item in matrix.children]
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    if child is None:
        raise UserError(f"{str(file)!r} is a matrix of {len(names)} campaigns; choose one by --child: {listed}")
    if child not in names and not (child.isdecimal() and 1 <= int(child) <= len(names)):
        raise UserError(f"--child is {child!r}; {str(file)!r} has {listed}")
    return _settings(matrix, folder)[names.index(child) if child in names else int(child) - 1]


def plan_matrix(matrix: Matrix, folder: Path, *, as_json: bool) -> None:
    """Print the campaigns of a matrix, and what their one error stream is planned for; nothing is written."""
    settings = _settings(matrix, folder)
    from theodolite.reports.coverage import coverage
    from theodolite.reports.forecast import stream_conflicts
    from theodolite.store import Ledger

    with ExitStack() as stack:
        path = folder / LEDGER_FILE
        ledger = stack.enter_context(Ledger.open(path, read_only=True)) if path.is_file() else None
        found = coverage(ledger, settings)
        conflicts = () if ledger is None else stream_conflicts(settings[0], ledger)
    if as_json:
        print_json(_as_data(matrix, settings, found, conflicts))
    else:
        _print_plan(matrix, settings, found, conflicts)
    if conflicts:
        raise typer.Exit(ExitCode.BAD_INPUT)


def _as_data(matrix: Matrix, settings: list[Setting], found: Coverage, conflicts: tuple[str, ...]) -> dict[str, object]:
    split = settings[0].split
    return {
        "matrix": matrix.name,
        "experiments": matrix.experiments,
        "stream": matrix.base.error.stream,
        "q": matrix.base.error.q,
        "n_max": matrix.n_max,
        "split_sha256": split.sha256,
        "blocks": split.k,
        "conflicts": conflicts,
        "children": [
            {
                "name": child.name,
                "campaign": child.campaign,
                "axes": {
                    "model": child.model,
                    "cells": child.cells,
                    "references": child.references,
                    "seed": child.seed,
                },
                "budget": child.budget,
                "claims": sum(tool.claims or 0 for tool in child.tools),
                "state": child.state,
                "spec": setting.spec.model_dump(mode="json"),
            }
            for child, setting in zip(found.children, settings, strict=True)
        ],
    }


def _print_plan(matrix: Matrix, settings: list[Setting], found: Coverage, conflicts: tuple[str, ...]) -> None:
    from theodolite.cli.coverage import table_of

    console = results()
    console.print(f"Matrix {matrix.name}: {len(settings)} campaigns, one after another in this order", style="bold")
    table = table_of(words=("", "campaign", "model", "cells", "references", "seed"), numbers=("budget", "claims"))
    for number, child in enumerate(found.children, start=1):
        claims = sum(tool.claims or 0 for tool in child.tools)
        table.add_row(
            str(number), child.name, child.model, child.cells, child.references, str(child.seed), str(child.budget),
            str(claims), "complete" if child.state.startswith("stopped") else child.state,
        )  # fmt: skip
    console.print(table)
    error, split = matrix.base.error, settings[0].split
    console.print(
        f"\nOne error budget: stream {error.stream!r} is planned for {matrix.n_max:,} tests; the campaigns may "
        f"register {matrix.experiments:,} together. On average at most {100 * error.q:g} % of all supports are false."
    )
    blocks = "block" if split.k == 1 else "blocks"
    shared = " by the whole family table, the same for all cells" if split.table is not None else ""
    console.print(
        f"One partition: {split.k} hold-out {blocks}{shared}. A block that returned a support is spent for every "
        "campaign that comes after; what is supported on a spent one is tagged."
    )
    console.print(
        "`budget:` is that of each campaign, time and money too. For the power of one of them: "
        f"theodolite plan {matrix.path} --child 1",
        style="dim",
    )
    for conflict in conflicts:
        console.print(f"Cannot run: {conflict}", style="bold red")


def run_matrix(matrix: Matrix, file: Path, folder: Path, *, workers: int | None = None, detach: bool = False) -> None:
    """Run every campaign of a matrix that is not complete, in order, under one lease; then show what was covered.

    All campaigns are opened before the first test, so that no file of theirs was written after one was judged.

    Raises
    ------
    typer.Exit
        With the code of a waiting campaign, if one waits.
    """
    settings = _settings(matrix, folder)
    if detach:
        from theodolite.cli.detaching import run_detached

        run_detached(settings, matrix.name, file, folder, workers)
        return
    with logging_to(run_log(folder.resolve(), matrix.name), matrix.name):
        finished = _run_all(settings, f"theodolite run {file}", workers)
    from theodolite.cli.coverage import print_coverage
    from theodolite.reports.coverage import coverage
    from theodolite.store import Ledger

    console = results()
    with Ledger.open(folder / LEDGER_FILE, read_only=True) as ledger:
        found, head = coverage(ledger, settings), ledger.head()
    console.print()
    print_coverage(found)
    console.print(f"Ledger: {folder / LEDGER_FILE}, {head.seq} entries, head {head.hash[:16]}", soft_wrap=True)
    if all(item.was_complete for item in finished):
        say("Every campaign of this matrix is complete; nothing was run again.")
    last = finished[-1]
    if last.paused is not None:
        console.print(f"Waiting in {last.campaign}: {last.reason}", soft_wrap=True)
    leave(last)


def _run_all(settings: list[Setting], who: str, workers: int | None) -> list[Finished]:
    with waiting("Opening the ledger"):
        from theodolite.agents import CampaignPaused, Halt, halt_on_signals
        from theodolite.store import campaign_scopes

        ledger = open_ledger(settings[0])
    halt = Halt()
    found: list[Finished] = []
    scopes = {scope for item in settings for scope in campaign_scopes(item.split.sha256, item.spec.error.stream)}
    # One lease for all, so that nothing comes between two of them.
    with ledger, halt_on_signals(halt, say), ledger.coordinator(who, sorted(scopes)):
        try:
            _declare(settings, ledger, halt)
            for number, setting in enumerate(settings, start=1):
                halt.check()
                say(f"Campaign {number} of {len(settings)}: {setting.campaign_id}")
                ledger.ops.name_campaign(setting.campaign_id)
                found.append(run_on_ledger(setting, ledger, halt, workers=workers))
                if found[-1].paused is not None:
                    break
        except CampaignPaused as paused:
            waits = settings[len(found)]
            found.append(Finished(waits.campaign_id, str(paused), was_complete=False, paused=paused.reason))
    return found


def _declare(settings: list[Setting], ledger: Ledger, halt: Halt) -> None:
    """Open every campaign that the ledger does not hold yet."""
    from theodolite.calibration.toolcheck import check_tool
    from theodolite.experiments import Event, LocalRunner, campaign_run

    say(f"Opening {len(settings)} campaigns before the first test ...")
    with CampaignProgress() as progress:

        def notify(event: Event) -> None:
            halt.check()
            progress(event)

        for setting in settings:
            halt.check()
            # Nothing of the model is run here, so that no worker starts.
            with LocalRunner.for_campaign(setting) as runner:
                campaign_run(setting, ledger, runner, notify, check=check_tool).declare()
