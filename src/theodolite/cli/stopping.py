"""``stop``: ask a running campaign to stop in good order, from another process."""

from __future__ import annotations

import getpass
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import results, say
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.workspaces import find_ledger

if TYPE_CHECKING:
    from theodolite.store import LeaseRow, Ledger

__all__ = ["signal_holder", "stop"]

_LOOK_EVERY_S = 0.1


def stop(
    workspace: Annotated[
        Path | None, typer.Argument(help="Folder of the ledger; where not given, the only one here.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Which campaign, where several run: its id or its name.")] = None,
    after_round: Annotated[bool, typer.Option("--after-round", help="Finish the round under way first.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Break off in the midst of a step; it is done again later.")
    ] = False,
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Wait until it has stopped; by default, unless --after-round is given."),
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="Who asks; your login where not given.")] = None,
) -> None:
    """Ask the campaign that runs in a workspace to stop: after the step under way, after its round, or at once.

    It does not matter how it was started. Nothing recorded is lost, and the same `theodolite run` continues to the same
    ledger as if nothing had happened. The stopped run ends with exit code 130.
    """
    if after_round and now:
        raise UserError("--after-round and --now contradict each other; give one of them")
    path = find_ledger(workspace)
    from theodolite.agents.stop_requests import StopAt, hand_in_stop
    from theodolite.prompts import clean_text
    from theodolite.store import Ledger, Life

    name = clean_text(person or _login(), 80)
    if not name:
        raise UserError(f"--person is {person!r}, which names nobody; give a name, or leave it out")
    mode = StopAt.ROUND if after_round else StopAt.NOW if now else StopAt.STEP
    console = results()
    with Ledger.open(path) as ledger:
        held = _running(ledger, path.parent, campaign)
        found = str(held.campaign)
        hand_in_stop(ledger, found, name, mode, held)
        when = {StopAt.ROUND: "after its round", StopAt.STEP: "after the step under way", StopAt.NOW: "at once"}[mode]
        who = f"process {held.pid}"
        console.print(f"Asked {found} ({who}) to stop {when}.", soft_wrap=True)
        if mode is not StopAt.ROUND and not signal_holder(ledger, held, at_once=mode is StopAt.NOW):
            why = (
                "it runs on another machine"
                if held.life is Life.UNKNOWN
                else f"{who} on {held.host} cannot be told from here to be the one that holds the ledger"
            )
            console.print(f"No signal was sent, for {why}; it finds the request between two steps.", soft_wrap=True)
        if wait if wait is not None else not after_round:
            _wait(ledger, found, held)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"


def _running(ledger: Ledger, folder: Path, campaign: str | None) -> LeaseRow:
    """Return who runs the campaign, or the only one that runs."""
    from theodolite.store import Life, campaign_rows

    # Several campaigns of a ledger may have one name: a changed file makes another.
    meant = {campaign, *(row.campaign for row in campaign_rows(ledger) if row.name == campaign)}
    everybody = ledger.ops.leases()
    running = [row for row in everybody if row.life is not Life.STALE]
    found = [row for row in running if row.campaign is not None and (campaign is None or row.campaign in meant)]
    if len(found) == 1:
        return found[0]
    names = [str(row.campaign) for row in running if row.campaign is not None]
    if len(found) > 1:
        raise UserError(f"several campaigns run in {str(folder)!r}: {', '.join(names)}; say which with --campaign")
    if names:
        raise UserError(f"{campaign!r} is not running in {str(folder)!r}; {', '.join(map(repr, names))} is")
    if running:
        raise UserError(
            f"{running[-1].name!r}, process {running[-1].pid}, holds {str(folder)!r} and runs no campaign; wait for "
            "it, or end it as it was started"
        )
    if everybody:
        lease = everybody[-1]
        raise UserError(
            f"nothing is running in {str(folder)!r}: {lease.name!r}, process {lease.pid}, which ran there since "
            f"{lease.at[:19]}, is dead; `theodolite run` continues"
        )
    raise UserError(f"nothing is running in {str(folder)!r}; `theodolite status {folder}` shows how it stands")


def _still(ledger: Ledger, lease: LeaseRow) -> LeaseRow | None:
    """Return a lease as it stands now, None where it is no longer held."""
    from theodolite.store import Life

    return next((row for row in ledger.ops.leases() if row.same(lease) and row.life is not Life.STALE), None)


def signal_holder(ledger: Ledger, held: LeaseRow, *, at_once: bool) -> bool:
    """Signal the process that holds a ledger's lock, if the kernel confirms that it is the one of the lease.

    The process is pinned first and the lock is asked about after that, so that a number that was given to another
    process in between is never signalled.

    Returns
    -------
    bool
        Whether a signal was sent.
    """
    from theodolite.agents.halting import BREAK_OFF

    def confirmed() -> bool:
        now = _still(ledger, held)
        return now is not None and now.confirmed

    number = BREAK_OFF if at_once else signal.SIGTERM
    if not held.confirmed:
        return False
    try:
        if not hasattr(os, "pidfd_open"):
            if not confirmed():
                return False
            os.kill(held.pid, number)
            return True
        pinned = os.pidfd_open(held.pid)
        try:
            if not confirmed():
                return False
            signal.pidfd_send_signal(pinned, number)
            return True
        finally:
            os.close(pinned)
    except (ProcessLookupError, PermissionError):
        return False


def _wait(ledger: Ledger, campaign: str, lease: LeaseRow) -> None:
    from theodolite.cli.progress import waiting

    try:
        with waiting(f"Waiting for process {lease.pid}"):
            while _still(ledger, lease) is not None:
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        say("Not waited for; the request stands.", style="bold yellow")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    session = next((item for item in reversed(ledger.ops.sessions(campaign)) if item.started_at >= lease.at), None)
    if session is None or session.ended is None:
        say(f"Process {lease.pid} died before it said how {campaign} ended; `theodolite run` continues.", "bold red")
        raise typer.Exit(ExitCode.PROBLEM)
    results().print(f"{campaign} ended: {session.ended}: {session.detail}", soft_wrap=True)
