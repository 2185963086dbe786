"""``run --detach``: a campaign as a process of its own session, which outlives the terminal that started it."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.cli.anchoring import refuse_unfit_anchor
from theodolite.cli.campaigning import Finished, refuse_conflicts, show_finished
from theodolite.cli.console import program, results, say
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.logs import chosen_log, run_log
from theodolite.cli.progress import waiting
from theodolite.cli.room import refuse_unfit

if TYPE_CHECKING:
    from theodolite.experiments import Setting

__all__ = ["output_of", "run_detached"]

_LOOK_EVERY_S = 0.1
_LARGEST = 5_000_000
"""Bytes of standard output from earlier runs, beyond which they are put aside."""
_LAST_LINES = 12


def output_of(folder: Path, campaign: str) -> Path:
    """Return the file that takes the standard streams of a detached campaign."""
    return folder / "logs" / f"{campaign}.out"


def run_detached(settings: Sequence[Setting], name: str, file: Path, folder: Path, workers: int | None = None) -> None:
    """Start a prepared campaign or a matrix of them, or continue it, in a new process; return once it is seen to run.

    Parameters
    ----------
    settings
        The campaign, or all of the matrix in their order.
    name
        Id of the campaign, or name of the matrix, after which log and output are named.
    file, folder, workers
        As for ``run``.

    Raises
    ------
    LedgerBusy
        Naming the coordinator that holds the ledger.
    SettingsError, CallsForbidden
        If its language models cannot be asked.
    typer.Exit
        With the new process's own exit code, where it ended before it ran.
    """
    import typer

    place = settings[0].workspace
    setting, done = _first_to_run(settings)
    if setting is None:
        if len(settings) > 1:
            say("Every campaign of this matrix is complete; nothing was run again.")
        else:
            show_finished(folder, Finished(name, done, was_complete=True))
        return
    output = output_of(place.folder, name)
    begins = _begin(output)
    words = [*chosen_log().words, "run", str(file), "--workspace", str(folder)]
    words += [] if workers is None else ["--workers", str(workers)]
    with output.open("ab") as stream, _hangup_ignored():
        # A fresh interpreter: what this one has loaded, threads and locks included, is not carried along.
        child = subprocess.Popen(
            # A folder of that name where it was started must not take the program's place.
            [sys.executable, "-P", "-m", "theodolite", *words],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        with waiting(f"Starting process {child.pid}"):
            runs = _runs(child, setting)
    except KeyboardInterrupt:
        say(f"Not waited for: process {child.pid} goes on by itself. Its output is in {output}.", style="bold yellow")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not runs and child.returncode != 0:
        _obituary(child, output, begins)
        # A signal has no exit code of its own in the contract.
        raise typer.Exit(child.returncode if child.returncode > 0 else ExitCode.PROBLEM)
    _describe(name, child.pid, folder, output, over=not runs)


def _first_to_run(settings: Sequence[Setting]) -> tuple[Setting | None, str]:
    """Refuse what would fail at once; return the first campaign that is not complete, and why the last one stopped."""
    with waiting("Checking the ledger and the settings"):
        from theodolite.agents import refuse_unusable
        from theodolite.store import EntryKind, Ledger, LedgerBusy, campaign_scopes, conflict, entry_id
    for setting in settings:
        refuse_unusable(setting.spec)
    place = settings[0].workspace
    refuse_unfit(settings[0])
    refuse_unfit_anchor(place.folder)
    path = place.ledger
    if not path.is_file():
        return settings[0], ""
    done = ""
    # For writing, as the run will: an older ledger is brought up to date here, where a failure is seen.
    with Ledger.open(path) as ledger:
        for setting in settings:
            refused = conflict(ledger, campaign_scopes(setting.split.sha256, setting.spec.error.stream))
            if refused is not None:
                raise LedgerBusy(refused)
        for setting in settings:
            refuse_conflicts(setting, ledger)
        for setting in settings:
            stop = ledger.get(entry_id(setting.campaign_id, EntryKind.STOP))
            if stop is None:
                return setting, ""
            done = f"{stop.payload['reason']}: {stop.payload['detail']}"
    return None, done


def _begin(output: Path) -> int:
    """Return where in the output file this run begins; one that has grown large is put aside."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.is_file() and output.stat().st_size > _LARGEST:
        output.replace(output.with_name(output.name + ".1"))
    return output.stat().st_size if output.is_file() else 0


@contextlib.contextmanager
def _hangup_ignored() -> Iterator[None]:
    """Let what is started meanwhile ignore that a terminal is closed; an ignored signal stays so in a new program."""
    try:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    except ValueError:  # not the main thread: a session of its own has no terminal to lose
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _runs(child: subprocess.Popen[bytes], setting: Setting) -> bool:
    """Wait until the process coordinates the campaign, or has ended; return whether it runs."""
    while child.poll() is None:
        if _lives(child.pid, setting):
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def _lives(pid: int, setting: Setting) -> bool:
    """Return whether a process holds the lease, has begun a session, and has opened the campaign without a refusal."""
    from sqlalchemy.exc import OperationalError

    from theodolite.store import EntryKind, Ledger, LedgerError, entry_id

    path = setting.workspace.ledger
    if not path.is_file() or path.stat().st_size == 0:
        return False
    try:
        with Ledger.open(path, read_only=True) as ledger:
            mine = [row for row in ledger.ops.leases() if row.alive and row.pid == pid]
            sessions = ledger.ops.sessions(setting.campaign_id)
            began = bool(mine and sessions) and sessions[-1].started_at >= mine[-1].at
            return began and ledger.has(entry_id(setting.campaign_id, EntryKind.CAMPAIGN))
    except (LedgerError, OperationalError):
        return False  # it is being made


def _obituary(child: subprocess.Popen[bytes], output: Path, begins: int) -> None:
    with output.open("rb") as file:
        file.seek(begins)
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    code = child.returncode
    how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    say(f"Process {child.pid} ended with {how} before the campaign ran. Its last lines, from {output}:", "bold red")
    for line in lines[-_LAST_LINES:]:
        say(f"  {line}")


def _describe(name: str, pid: int, folder: Path, output: Path, *, over: bool) -> None:
    console = results()
    called, where = shlex.quote(program()), shlex.quote(str(folder))
    console.print()
    does = "is over already; it was" if over else "runs on its own, as"
    console.print(f"Campaign {name} {does} process {pid}.", style="bold", soft_wrap=True)
    console.print(f"  log     {run_log(folder.resolve(), name)}", soft_wrap=True)
    console.print(f"  output  {output}", soft_wrap=True)
    for title, command in (
        ("Follow it", f"status {where} --watch"),
        ("Stop it", f"stop {where} --after-round"),
        ("Read its verdicts", f"ledger list -w {where}"),
    ):
        console.print(f"  {title + ':':<19}{called} {command}", soft_wrap=True)
