"""``demo``, ``init``, ``run``: a campaign file and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.errors import UserError
from theodolite.cli.logs import logging_to, run_log
from theodolite.cli.workspaces import workspace_of

__all__ = ["demo", "init", "run"]

DEMO_FILE = "demo.yaml"
DEMO_NAME = "pbmc-demo"

NewWorkspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="Folder of the ledger; where not given, the file's folder if it holds one, else FILE's name with "
        "'.theodolite' beside it.",
    ),
]


def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Folder for the demonstration; made if absent.")] = Path(
        "theodolite-demo"
    ),
) -> None:
    """Run a small unattended campaign on packaged cells and a packaged model, with no key and no question asked.

    The same command again continues an interrupted demonstration, or shows the table of a complete one.
    """
    from theodolite.cli.campaigning import describe_setting, leave, prepared, run_in_workspace, show_finished
    from theodolite.cli.console import program, results

    file = directory / DEMO_FILE
    if not file.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        _write_template(file, DEMO_NAME)
    setting = prepared(file, directory)
    console = results()
    console.print("A pre-registered survey of a small model of blood cells", style="bold")
    describe_setting(setting)
    console.print(
        "\nHypotheses come from the genes to explore. Each is locked before it is tested, once, on genes of other "
        "families, and every outcome stays in the ledger.\n"
    )
    with logging_to(run_log(setting.workspace.folder, setting.campaign_id), setting.campaign_id):
        finished = run_in_workspace(setting, who="theodolite demo")
    show_finished(directory, finished)
    leave(finished)
    best = _first_slot(directory, finished.campaign)
    console.print("\nTry next:", style="bold")
    called = program()
    for command, why in (
        (f"{called} dashboard {directory}", "all of it as pages, in a browser"),
        (f"{called} ledger show {best} -w {directory}", "every gate of one claim, with a sentence for each"),
        (f"{called} ledger verify --deep -w {directory}", "check the chain and recompute every verdict"),
        (f"{called} init my-campaign.yaml", "write a campaign for your own cells"),
    ):
        console.print(f"  {command}", soft_wrap=True)
        console.print(f"      {why}", style="dim", soft_wrap=True)


def init(
    file: Annotated[Path, typer.Argument(help="Where to write the campaign file.")] = Path("campaign.yaml"),
    name: Annotated[str | None, typer.Option(help="Name of the campaign; where not given, the file's name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a commented campaign file to edit."""
    from theodolite.cli.console import results

    if file.exists() and not force:
        raise UserError(f"{str(file)!r} exists; give another name, or --force to replace it")
    _write_template(file, name or file.stem.lower().replace("_", "-"))
    results().print(f"Wrote {file}. Edit it, then: theodolite plan {file}, and theodolite run {file}.", soft_wrap=True)


def run(
    file: Annotated[Path, typer.Argument(help="The campaign file.")],
    workspace: NewWorkspace = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Worker processes, in place of the file's number; no result depends on it."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Check everything, then run as a process of its own that outlives this one."),
    ] = False,
) -> None:
    """Run a campaign file; the same file again continues where it stopped.

    A changed file is another campaign on the same ledger: it continues its error stream and its hold-out blocks. The
    campaigns of a matrix are opened together and run one after another.
    """
    from theodolite.cli.campaigning import describe_setting, leave, prepared, run_in_workspace, show_finished
    from theodolite.cli.matrices import matrix_of, run_matrix

    folder = workspace_of(file, workspace)
    matrix = matrix_of(file)
    if matrix is not None:
        run_matrix(matrix, file, folder, workers=workers, detach=detach)
        return
    setting = prepared(file, folder)
    describe_setting(setting)
    if detach:
        from theodolite.cli.detaching import run_detached

        run_detached([setting], setting.campaign_id, file, folder, workers)
        return
    with logging_to(run_log(setting.workspace.folder, setting.campaign_id), setting.campaign_id):
        finished = run_in_workspace(setting, who=f"theodolite run {file}", workers=workers)
    show_finished(folder, finished)
    leave(finished)


def _write_template(file: Path, name: str) -> None:
    from theodolite.cli.progress import waiting

    with waiting("Loading the libraries"):
        from theodolite.experiments import TEMPLATE, CampaignSpec
    from pydantic import ValidationError

    try:
        CampaignSpec(name=name)
    except ValidationError as error:
        raise UserError(
            f"{name!r} is no name of a campaign: it has lower-case letters, digits and hyphens, at most 40; "
            "give one with --name"
        ) from error
    if not file.parent.is_dir():
        raise UserError(f"there is no folder {str(file.parent)!r}; make it first")
    file.write_text(TEMPLATE.format(name=name), encoding="utf-8")


def _first_slot(folder: Path, campaign: str) -> str:
    from theodolite.reports import verdict_lines
    from theodolite.store import Ledger

    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        lines = verdict_lines(ledger, campaign, limit=1)
    return lines[0].slot if lines else "r01.s001"
