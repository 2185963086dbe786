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
    from theodolite.store.holding import Holding

__all__ = ["signal_holder", "stop"]

_LOOK_EVERY_S = 0.1
_PATIENCE_S = 30.0
"""How long a coordinator may take from its lease to the session of its campaign."""


def stop(
    workspace: Annotated[
        Path | None, typer.Argument(help="Folder of the ledger; where not given, the only one here.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Only if this is the campaign that runs: its id.")] = None,
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
    from theodolite.store import Ledger
    from theodolite.store.holding import Life

    name = clean_text(person or _login(), 80)
    if not name:
        raise UserError(f"--person is {person!r}, which names nobody; give a name, or leave it out")
    mode = StopAt.ROUND if after_round else StopAt.NOW if now else StopAt.STEP
    console = results()
    with Ledger.open(path) as ledger:
        held = _running(ledger, path.parent)
        found = _campaign_of(ledger, held.lease, path.parent)
        if campaign is not None and campaign != found:
            raise UserError(f"{campaign!r} is not running in {str(path.parent)!r}; {found!r} is")
        hand_in_stop(ledger, found, name, mode, held.lease)
        when = {StopAt.ROUND: "after its round", StopAt.STEP: "after the step under way", StopAt.NOW: "at once"}[mode]
        who = f"process {held.lease.pid}"
        console.print(f"Asked {found} ({who}) to stop {when}.", soft_wrap=True)
        if mode is not StopAt.ROUND and not signal_holder(path, held, at_once=mode is StopAt.NOW):
            why = (
                "it runs on another machine"
                if held.life is Life.UNKNOWN
                else f"{who} on {held.lease.host} cannot be told from here to be the one that holds the ledger"
            )
            console.print(f"No signal was sent, for {why}; it finds the request between two steps.", soft_wrap=True)
        if wait if wait is not None else not after_round:
            _wait(ledger, found, held.lease)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"


def _running(ledger: Ledger, folder: Path) -> Holding:
    from theodolite.store.holding import Life, holding

    held = holding(ledger)
    if held is None:
        raise UserError(f"nothing is running in {str(folder)!r}; `theodolite status {folder}` shows how it stands")
    if held.life is Life.STALE:
        lease = held.lease
        raise UserError(
            f"nothing is running in {str(folder)!r}: {lease.name!r}, process {lease.pid}, which ran there since "
            f"{lease.at[:19]}, is dead; `theodolite run` continues"
        )
    return held


def _campaign_of(ledger: Ledger, lease: LeaseRow, folder: Path) -> str:
    """Return which campaign a coordinator runs; one that has just started says so in a moment."""
    from theodolite.store.holding import campaign_run, holding

    until = time.monotonic() + _PATIENCE_S
    while True:
        found = campaign_run(ledger, lease)
        if found is not None:
            return found
        held = holding(ledger)
        if held is None or held.lease != lease:
            raise UserError(f"nothing is running in {str(folder)!r} any more; {lease.name!r} has just ended")
        if time.monotonic() > until:
            raise UserError(
                f"{lease.name!r}, process {lease.pid}, holds {str(folder)!r} and runs no campaign; wait for it, or end "
                "it as it was started"
            )
        time.sleep(_LOOK_EVERY_S)


def signal_holder(path: Path, held: Holding, *, at_once: bool) -> bool:
    """Signal the process that holds a ledger's lock, if the kernel confirms that it is the one of the lease.

    The process is pinned first and the lock is asked about after that, so that a number that was given to another
    process in between is never signalled.

    Returns
    -------
    bool
        Whether a signal was sent.
    """
    from theodolite.agents.halting import BREAK_OFF
    from theodolite.store.holding import lock_holder

    number, pid = BREAK_OFF if at_once else signal.SIGTERM, held.lease.pid
    if not held.confirmed:
        return False
    try:
        if not hasattr(os, "pidfd_open"):
            if lock_holder(path) != pid:
                return False
            os.kill(pid, number)
            return True
        pinned = os.pidfd_open(pid)
        try:
            if lock_holder(path) != pid:
                return False
            signal.pidfd_send_signal(pinned, number)
            return True
        finally:
            os.close(pinned)
    except (ProcessLookupError, PermissionError):
        return False


def _wait(ledger: Ledger, campaign: str, lease: LeaseRow) -> None:
    from theodolite.cli.progress import waiting
    from theodolite.store.holding import Life, holding

    try:
        with waiting(f"Waiting for process {lease.pid}"):
            while True:
                held = holding(ledger)
                if held is None or held.lease != lease or held.life is Life.STALE:
                    break
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        say("Not waited for; the request stands.", style="bold yellow")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    session = next((item for item in reversed(ledger.ops.sessions(campaign)) if item.started_at >= lease.at), None)
    if session is None or session.ended is None:
        say(f"Process {lease.pid} died before it said how {campaign} ended; `theodolite run` continues.", "bold red")
        raise typer.Exit(ExitCode.PROBLEM)
    results().print(f"{campaign} ended: {session.ended}: {session.detail}", soft_wrap=True)
