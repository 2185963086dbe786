"""Running a campaign file in a workspace; what ``demo`` and ``run`` have in common."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.cli.anchoring import anchoring, refuse_unfit_anchor
from theodolite.cli.console import results, say
from theodolite.cli.descriptions import print_descriptions
from theodolite.cli.errors import UserError
from theodolite.cli.progress import CampaignProgress, waiting
from theodolite.cli.room import naming_the_disk, refuse_unfit
from theodolite.cli.verdicts import print_counts, print_verdicts

if TYPE_CHECKING:
    from theodolite.agents import Halt
    from theodolite.experiments import CampaignSpec, Setting, Workspace
    from theodolite.store import Ledger, StopReason

_log = logging.getLogger(__name__)

__all__ = [
    "Finished",
    "describe_setting",
    "leave",
    "open_ledger",
    "prepared",
    "refuse_conflicts",
    "run_in_workspace",
    "run_on_ledger",
    "show_finished",
    "workspace_at",
]


@dataclass(frozen=True)
class Finished:
    """A campaign that stopped.

    Attributes
    ----------
    campaign
        Its id.
    reason
        Why it stopped.
    was_complete
        Whether it had stopped before, so that nothing was run.
    paused
        Why it waits, where it goes on with the same command; None where it is over.
    """

    campaign: str
    reason: str
    was_complete: bool
    paused: StopReason | None = None


def workspace_at(folder: Path) -> Workspace:
    """Return the workspace at a folder, without making it."""
    from theodolite.experiments import Workspace

    # Not Workspace.at: a campaign file that is refused leaves no folder behind.
    folder = folder.resolve()
    return Workspace(folder, folder / "cache")


def prepared(file: Path, folder: Path) -> Setting:
    """Check a campaign file and resolve its inputs; nothing is written.

    Raises
    ------
    CampaignError, CellDataError, ModelNotFoundError and their like
        With the line of the file where that is known.
    """
    with waiting("Reading the campaign file, the model's facts and the cells"):
        from theodolite.experiments import load_campaign, prepare

        spec = load_campaign(file)
        try:
            return prepare(spec, workspace_at(folder))
        except (ValueError, OSError) as error:
            line = _line_of(file, spec, error)
            if line is None:
                raise
            raise UserError(f"{file}, line {line}: {error}") from error


def _line_of(file: Path, spec: CampaignSpec, error: Exception) -> int | None:
    """Return the line of the file whose value an error quotes, None if it quotes none of the inputs' names."""
    from theodolite.experiments.references_spec import each_of, names_in

    text = str(error)
    inputs = [
        ("model:", spec.model),
        ("source:", spec.cells.source),
        *(("references:", name) for item in each_of(spec.references) for name in names_in(item)),
        ("families:", spec.families),
    ]
    for key, value in inputs:
        if repr(value) not in text and f"{value}:" not in text:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            # Several references may stand on lines of their own, below the key.
            if line.strip().startswith(key) and (value in line or key == "references:"):
                return number
    return None


def describe_setting(setting: Setting) -> None:
    """Print what a campaign stands on, in a few plain lines."""
    from rich.table import Table

    from theodolite.agents import same_family
    from theodolite.data import CONFIRMATION, DISCOVERY

    spec, model, cells = setting.spec, setting.model, setting.cells
    first = setting.split.blocks[0]
    sets = [reference for reference in setting.references.values() if reference.kind == "set"]
    usable = sum(setting.testability(first)[reference.id].testable for reference in sets)
    blocks = f"{setting.split.k} hold-out block{'s' if setting.split.k > 1 else ''}"
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    unverified = "" if model.verified else "; unverified, and every verdict will say so (`theodolite models verify`)"
    table.add_row(
        "model",
        f"{model.name}: {model.n_layers} layers of {model.n_heads} heads, {len(model.genes):,} genes{unverified}",
    )
    table.add_row("cells", f"{cells.name}: {len(cells.cells):,} cells, {len(cells.genes):,} genes ({cells.species})")
    others = sum(reference.kind != "set" for reference in setting.references.values())
    made = sum(f"{reference.id}_pairs" in setting.references for reference in sets)
    more = f"; {others - made} lists of pairs or regulons" if others > made else ""
    table.add_row(
        "references", f"{len(sets)} gene programs, {usable} of them large enough to be tested as sets here{more}"
    )
    table.add_row(
        "split",
        f"{len(setting.genes(DISCOVERY))} genes to explore; {len(setting.genes(CONFIRMATION))} of other gene families "
        f"kept for tests, in {blocks}",
    )
    table.add_row(
        "budget",
        f"{spec.budget.experiments} experiments; on average at most {100 * spec.error.q:g} % of supports are false",
    )
    if spec.agents is not None:
        table.add_row("agents", f"executor {spec.agents.executor}, reviewer {spec.agents.reviewer}{_spending(spec)}")
    results().print(table)
    warning = same_family(spec.agents)
    if warning is not None:
        results().print(f"Warning: {warning}", style="bold yellow", soft_wrap=True)


def _spending(spec: CampaignSpec) -> str:
    """Return what language models may spend, the limits that hold where the file names none included."""
    if spec.agents is None or not spec.agents.models:
        return ""
    tokens, looks, money = spec.limit("tokens"), spec.limit("looks"), spec.limit("money")
    parts = [
        "" if tokens is None else f"{tokens:,.0f} tokens",
        "" if looks is None or "executor" not in spec.agents.models else f"{looks:,.0f} looks",
        "" if money is None else f"${money:,.2f}",
    ]
    return f"; at most {', '.join(part for part in parts if part)}"


def run_in_workspace(setting: Setting, *, who: str, workers: int | None = None) -> Finished:
    """Run a prepared campaign, or continue it, under the lease of its split and its error stream.

    ``workers`` takes the place of the number in its file; nothing that is recorded depends on it.

    Raises
    ------
    LedgerError
        If the ledger cannot be opened, another process coordinates all of it, this split or this stream, or its disk
        has no room for the campaign.
    StepError
        If the campaign cannot go on.
    """
    with waiting("Opening the ledger"):
        from theodolite.agents import Halt, halt_on_signals
        from theodolite.store import campaign_scopes

        ledger = open_ledger(setting)
    halt = Halt()
    scopes = campaign_scopes(setting.split.sha256, setting.spec.error.stream)
    # Whoever sees the lease may send a signal, so that it must be heard before.
    with ledger, halt_on_signals(halt, say), ledger.coordinator(who, scopes, setting.campaign_id):
        return run_on_ledger(setting, ledger, halt, workers=workers)


def open_ledger(setting: Setting) -> Ledger:
    """Open the ledger of a campaign's workspace, or begin one; its caller closes it."""
    from theodolite.agents import refuse_unusable
    from theodolite.experiments import Workspace
    from theodolite.store import Ledger

    place = setting.workspace
    refuse_unfit(setting)
    refuse_unfit_anchor(place.folder)
    if not place.ledger.is_file():
        # Of a campaign that could not begin, nothing is left behind.
        refuse_unusable(setting.spec)
    Workspace.at(place.folder, place.cache)
    ledger = Ledger.open(place.ledger, create=True)
    try:
        refuse_conflicts(setting, ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


def refuse_conflicts(setting: Setting, ledger: Ledger) -> None:
    """Refuse a campaign whose error stream the ledger has locked otherwise.

    Raises
    ------
    UserError
        Naming the value that is locked, and the remedy.
    """
    from theodolite.reports.forecast import stream_conflicts

    conflicts = stream_conflicts(setting, ledger)
    if conflicts:
        raise UserError("; ".join(conflicts))


def run_on_ledger(setting: Setting, ledger: Ledger, halt: Halt, *, workers: int | None = None) -> Finished:
    """Run a prepared campaign, or continue it, on a ledger that this process coordinates; raises as its caller does."""
    from theodolite.agents import CampaignPaused, assemble, run_campaign
    from theodolite.agents.stop_requests import StopRequests
    from theodolite.calibration.plants import seal_round
    from theodolite.calibration.toolcheck import check_tool
    from theodolite.experiments import Event, LocalRunner, campaign_run

    with (
        naming_the_disk(),
        CampaignProgress() as progress,
        LocalRunner.for_campaign(setting, ledger.ops, workers=workers) as runner,
    ):
        halt.requests = StopRequests(ledger, setting.campaign_id)

        def notify(event: Event) -> None:
            halt.check()
            progress(event)

        run = campaign_run(setting, ledger, runner, notify, check=check_tool)
        stopped = run.stopped()
        if stopped is not None:
            return Finished(setting.campaign_id, stopped, was_complete=True)
        team = assemble(run, halt=halt, warn=_warn)
        anchored = anchoring(ledger, _warn)
        try:
            reason = run_campaign(
                run, team.executor, team.reviewer, trials=seal_round, meter=team.meter, halt=halt, closed=anchored
            )
        except CampaignPaused as paused:
            return Finished(setting.campaign_id, str(paused), was_complete=False, paused=paused.reason)
        finally:
            anchored()
    return Finished(setting.campaign_id, reason, was_complete=False)


def _warn(said: str) -> None:
    """Tell people, and the log, of a budget's mark or of calls that fail."""
    say(said)
    _log.warning("%s", said, extra={"event": "warning"})


def show_finished(folder: Path, finished: Finished) -> None:
    """Print the table, the counts, why the campaign stopped, and where its ledger is."""
    from theodolite.reports import count_outcomes, description_lines, reused_supports, verdict_lines
    from theodolite.store import Ledger

    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        lines = verdict_lines(ledger, finished.campaign)
        described = description_lines(ledger, finished.campaign)
        head = ledger.head()
    console = results()
    if finished.was_complete:
        say("This campaign is complete; nothing was run again.")
    console.print()
    console.print(f"Campaign {finished.campaign}", style="bold")
    print_verdicts(lines)
    console.print()
    if lines:
        print_counts(count_outcomes(lines), reused_supports(lines))
    if described:
        print_descriptions(described)
        console.print()
    waits = finished.paused is not None
    console.print(f"{'Waiting' if waits else 'Stopped'}: {finished.reason}", soft_wrap=True)
    console.print(f"Ledger: {folder / 'ledger.sqlite'}, {head.seq} entries, head {head.hash[:16]}", soft_wrap=True)


def leave(finished: Finished) -> None:
    """End the command with the exit code that a waiting campaign has; go on where it is over.

    Raises
    ------
    typer.Exit
        130 after an interrupt, 4 where a server or people are waited for.
    """
    import typer

    from theodolite.cli.exit_codes import ExitCode
    from theodolite.store import StopReason

    if finished.paused is not None:
        interrupted = finished.paused is StopReason.INTERRUPTED
        if interrupted:
            say("Nothing recorded is lost; give the same command again to continue.")
        raise typer.Exit(ExitCode.INTERRUPTED if interrupted else ExitCode.CAMPAIGN)
