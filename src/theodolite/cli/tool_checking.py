"""``tools check`` and ``tools new``: what an instrument does in worlds of known truth, and how one begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.tool_commands import JsonOption, PluginOption, app, tool_called
from theodolite.cli.workspaces import find_ledger

if TYPE_CHECKING:
    from theodolite.store import ToolCheckRecord

__all__ = ["app", "check", "new"]


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="A name that `tools list` prints.")],
    plugin: PluginOption = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="Folder of a ledger that the check is written to as a row."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure an instrument's power and error in small worlds of known truth, by the gates' own nulls.

    Ends with 1 if its error is above its level: then it cannot be used for verdicts.
    """
    from theodolite.cli.progress import counted, waiting

    ledger_file = None if workspace is None else find_ledger(workspace)
    with waiting("Loading the gates"):
        from theodolite.calibration.toolcheck import check_tool
        from theodolite.experiments import put_check
        from theodolite.store import Ledger
        from theodolite.tools import ToolError
    tool = tool_called(name, plugin)
    try:
        with counted("Judging worlds of known truth", 1) as update:
            found = check_tool(tool, progress=lambda done, total: update(done, "", total))
    except ToolError as error:
        raise UserError(str(error)) from error
    if ledger_file is not None:
        with Ledger.open(ledger_file) as ledger, ledger.coordinator(f"theodolite tools check {name}"):
            put_check(ledger, found)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    if not found.fit:
        raise typer.Exit(ExitCode.PROBLEM)


def _print(found: ToolCheckRecord) -> None:
    console = results()
    console.print(f"{found.tool}, version {found.version}, source {found.source_sha256[:12]}", style="bold")
    places = f"{', '.join(found.places[:3])}{' …' if len(found.places) > 3 else ''}"
    for label, value in (
        ("places tried", f"{len(found.places)} ({places})"),
        (
            "power",
            f"{found.power:.3f}: the planted claim passed in {found.found} of {found.planted} worlds, "
            f"so at least {found.power_low:.3f} (95 %)",
        ),
        (
            "error",
            f"{found.error:.3f}: a claim passed in {found.passed_empty} of {found.empty} worlds where none is true, "
            f"so at least {found.error_low:.3f} and at most {found.error_high:.3f} (95 % each)",
        ),
    ):
        console.print(f"{label}: {value}", soft_wrap=True)
    if found.unmeasured:
        console.print(f"could not measure: in {found.unmeasured} worlds, which count as not passed")
    console.print(_sentence(found), soft_wrap=True)


def _sentence(found: ToolCheckRecord) -> str:
    if not found.fit:
        return (
            f"Above its level: an error of at least {found.error_low:.3f} is more than the {found.level:g} that is "
            "allowed. It cannot be used for verdicts."
        )
    said = f"At its level: an error above {found.level:g} is not shown. It may be used for verdicts"
    if found.power_low < 0.5:
        return f"{said}, but it misses much of what is planted: that it finds nothing says little."
    return f"{said}."


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the package: lower-case letters, digits and underscores.")],
    directory: Annotated[Path, typer.Option("--dir", help="Folder in which the package's folder is made.")] = Path(),
) -> None:
    """Write a small installable package with one working instrument and its test, to begin from."""
    from theodolite.cli.new_tool import write_package

    folder = write_package(name, directory)
    console = results()
    console.print(f"Wrote {folder}. Next:", soft_wrap=True)
    for command in (
        f"python -m pytest {folder}",
        f"theodolite tools check {name}.distance --plugin {folder}",
        f"pip install -e {folder}",
    ):
        console.print(f"  {command}", soft_wrap=True)
