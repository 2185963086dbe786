"""``plan``: what a campaign file could find and what it would cost; nothing is written."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.campaign_commands import NewWorkspace
from theodolite.cli.console import print_json, results
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.matrices import ChildOption, matrix_of, plan_matrix, prepared_one
from theodolite.cli.room import room_warnings
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import LEDGER_FILE, workspace_of

if TYPE_CHECKING:
    from theodolite.reports.forecast import Forecast

__all__ = ["plan"]


def plan(
    file: Annotated[Path, typer.Argument(help="The campaign file.")],
    workspace: NewWorkspace = None,
    as_json: JsonOption = False,
    child: ChildOption = None,
) -> None:
    """Show what a campaign could find and what it would cost; nothing is written or run.

    Testable claims by instrument, what cannot be tested and why, the smallest detectable effects, how many rounds can
    still return a support, and about how much time and memory it takes. Of a matrix: its campaigns, and what their one
    error stream is planned for.
    """
    from theodolite.cli.campaigning import describe_setting
    from theodolite.cli.progress import counted, waiting

    folder = workspace_of(file, workspace)
    matrix = matrix_of(file) if child is None else None
    if matrix is not None:
        plan_matrix(matrix, folder, as_json=as_json)
        return
    setting = prepared_one(file, folder, child)
    with waiting("Loading the statistics"):
        from theodolite.reports.forecast import forecast
        from theodolite.store import Ledger
    with ExitStack() as stack:
        path = folder / LEDGER_FILE
        ledger = stack.enter_context(Ledger.open(path, read_only=True)) if path.is_file() else None
        update = stack.enter_context(counted("Computing power", 1))
        found = forecast(setting, ledger, lambda done, total, title: update(done, title, total))
    warnings = room_warnings(setting)
    if as_json:
        print_json({**vars(found), "warnings": warnings})
    else:
        describe_setting(setting)
        _print(found, str(folder) if ledger is not None else None)
        for warning in warnings:
            results().print(warning, style="bold yellow", soft_wrap=True)
    if found.conflicts:
        raise typer.Exit(ExitCode.BAD_INPUT)


def _print(found: Forecast, folder: str | None) -> None:
    console = results()
    console.print(f"\nCampaign {found.campaign}", style="bold")
    on = f"on the ledger in {folder}, which has spent {found.spent} tests" if folder else "on a new ledger"
    console.print(f"It would run {on}, in rounds of {found.round_size}.")
    for conflict in found.conflicts:
        console.print(f"Cannot run: {conflict}", style="bold red")
    _print_instruments(found)
    _print_detectable(found)
    if found.not_testable:
        _print_not_testable(found)
    if found.descriptions:
        _print_descriptions(found)
    units = "donors" if any(tool.units == "anchors" for tool in found.tools) else "genes"
    rounds = "rounds" if found.blocks_left != 1 else "round"
    console.print(
        f"\nSupport: {found.blocks_left} of {found.blocks} hold-out blocks are fresh, so {found.blocks_left} {rounds} "
        f"can return supports on {units} never tested before; later ones are tagged."
    )
    console.print(
        f"Cost, estimated: {found.jobs} jobs, about {_duration(found.seconds)} and "
        f"{found.memory_bytes / 2**30:.1f} GB of memory on this machine."
    )


def _print_instruments(found: Forecast) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("instrument", "claims", "references x places"):
        table.add_column(heading, no_wrap=True)
    table.add_column("large enough at first / last")
    for tool in found.tools:
        first = sum(item.worth_first for item in tool.detectable)
        last = sum(item.worth_last for item in tool.detectable)
        table.add_row(tool.tool, str(tool.claims), f"{len(tool.detectable)} x {tool.loci}", f"{first} / {last}")
    results().print()
    results().print(table)


def _print_detectable(found: Forecast) -> None:
    """Print one row a reference; instruments of one shape share their numbers."""
    from rich.table import Table

    columns: dict[str, dict[str, str]] = {}
    limits: dict[str, float] = {}
    for tool in found.tools:
        cells = columns.setdefault(tool.units, {})
        for item in tool.detectable:
            limits[tool.units] = item.limit
            cells[item.title] = f"{item.units:>5}  {_effect(item.first, item.limit)} {_effect(item.last, item.limit)}"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("smallest detectable effect")
    for unit in columns:
        table.add_column(f"{unit:>5}  first last", no_wrap=True)
    for title in dict.fromkeys(title for cells in columns.values() for title in cells):
        table.add_row(title, *(cells.get(title, "") for cells in columns.values()))
    console = results()
    console.print()
    console.print(table)
    of_anchors = "anchors" in limits
    scale = "As Spearman's rho (0 is no order)" if of_anchors else "As AUROC (0.5 is chance)"
    larger = ", ".join(f"{limit:.2f} for {unit}" for unit, limit in limits.items())
    console.print(
        f"{scale}, found nine times in ten at the level of the next test ({found.level_first:.1e}) "
        f"and of test {found.spent + found.budget} of the stream if nothing more were supported "
        f"({found.level_last:.1e}); every support raises the levels. * is above the limit ({larger}): "
        "refused as underpowered, nothing spent.",
        style="dim",
    )


def _effect(value: float, limit: float) -> str:
    return f"{value:.2f}{'*' if value > limit else ' '}"


def _print_not_testable(found: Forecast) -> None:
    from rich.table import Table

    console = results()
    console.print(f"\nNot testable on {found.block.rpartition('/')[2]}", style="bold")
    reasons: dict[str, list[str]] = {}
    for item in found.not_testable:
        reasons.setdefault(item.title, []).append(item.reason.replace(f" in {found.block.rpartition('/')[2]}", ""))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for title, why in reasons.items():
        table.add_row(title, "; ".join(why))
    console.print(table)
    for remedy in sorted({item.remedy for item in found.not_testable}):
        console.print(f"What would help: {remedy}.")


def _print_descriptions(found: Forecast) -> None:
    from rich.table import Table

    console = results()
    console.print("\nDescriptions, which make no claim and spend no level", style="bold")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for item in found.descriptions:
        against = f"against {item.references} reference{'s' * (item.references != 1)}" if item.references else ""
        memory = f"about {item.memory_bytes / 2**20:,.0f} MiB"
        memory += "" if item.fits else ", too much for a job"
        table.add_row(item.description, f"on {item.variant}", against, memory)
    console.print(table)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
