"""The ``theodolite`` command; what a command needs is imported when it runs, so that help is instant."""

from __future__ import annotations

from typing import Annotated

import typer

from theodolite import __version__
from theodolite.cli import (
    approving,
    calibrating,
    campaign_commands,
    coverage,
    dashboard,
    data_commands,
    doctor,
    ledger_commands,
    model_commands,
    planning,
    prompt_commands,
    proposing,
    replaying,
    reviewing,
    sae_commands,
    status,
    stopping,
    tool_checking,
)
from theodolite.cli.errors import Commands
from theodolite.cli.exit_codes import epilog
from theodolite.cli.logs import choose_log
from theodolite.cli.streams import open_standard_streams
from theodolite.cli.threads import one_thread

__all__ = ["app", "main"]

app = typer.Typer(
    name="theodolite",
    cls=Commands,
    help="An unattended, pre-registered survey of what single-cell foundation models encode. Start with `demo`.",
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=False,
    # Help in boxes would triple the time that help takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"theodolite {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    log_format: Annotated[
        str | None, typer.Option(metavar="text|json", help="Form of log lines of run, demo, replay and calibrate.")
    ] = None,
    log_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the log there too; - is standard error.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="The least that is logged: debug, info, warning or error.")
    ] = None,
) -> None:
    one_thread()
    choose_log(log_format, log_file, log_level)


app.command(short_help="Run a small unattended campaign on packaged cells.")(campaign_commands.demo)
app.command(short_help="Write a commented campaign file.")(campaign_commands.init)
app.command(short_help="Show what a campaign could find, and its cost.")(planning.plan)
app.command(short_help="Run a campaign file, or continue it.")(campaign_commands.run)
app.command(short_help="Hand in a claim of your own.")(proposing.propose)
app.command(short_help="Show or approve what waits for people.")(approving.approve)
app.command(short_help="Run a recorded campaign again, offline.")(replaying.replay)
app.command(short_help="Show how the campaigns of a workspace stand.")(status.status)
app.command(short_help="Show what was tried, judged and never tried.")(coverage.coverage)
app.command(short_help="Ask a running campaign to stop in good order.")(stopping.stop)
app.command(short_help="Open the pages of a ledger in a browser.")(dashboard.dashboard)
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(tool_checking.app, name="tools")
app.add_typer(model_commands.app, name="models")
app.add_typer(sae_commands.app, name="saes")
app.add_typer(data_commands.app, name="data")
app.add_typer(prompt_commands.app, name="prompts")
app.add_typer(reviewing.app, name="reviewers")
app.command(short_help="Measure error rates in worlds of known truth.")(calibrating.calibrate)
app.command(short_help="Check machine, packages, model and cells.")(doctor.doctor)


def main() -> None:
    """Run the command line; the console script."""
    open_standard_streams()
    app(prog_name="theodolite")
