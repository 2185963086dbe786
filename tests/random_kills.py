"""Campaigns whose processes are killed at random instants, and what must hold of them in the end.

The same command is given again after every kill, until the campaign is complete; then another one is begun, until
there were as many kills as were asked for. ``tests/e2e/test_chaos.py`` does twenty, ``evidence/chaos.py`` two hundred.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from chat_server import ChatServer
from killing import PATIENCE, command, finish, kill_group, log_of
from numpy.random import SeedSequence
from players import EXECUTOR, REVIEWER, capable, cast, fair

from theodolite.experiments.replay import verify_decisions
from theodolite.store import Ledger, diff, verify

__all__ = ["Campaign", "Chaos", "Kill", "Tally", "undisturbed"]

MARK = "THEODOLITE_CHAOS"
"""Environment variable by which every process that a command started is found again."""
PLAYER = cast(partial(capable, looks=2), fair)
WORKER = "theodolite.experiments.worker"
MOST_OF_WORKERS = 2
"""Workers that are killed in one run of the command: whoever kills the workers of one job three times means the job."""
ORPHANS_S = 20.0
"""How long what a killed command started may take to notice."""

Whom = Literal["coordinator", "worker", "both", "group"]
How = Literal["SIGKILL", "SIGTERM", "SIGSTOP, then SIGKILL"]
WHOM: tuple[Whom, ...] = ("coordinator", "worker", "both", "group")
HOW: tuple[How, ...] = ("SIGKILL", "SIGTERM", "SIGSTOP, then SIGKILL")
HOW_OFTEN = (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes
    ----------
    whom
        The coordinator, one of its workers, both, or the process group of the command.
    how
        By which signals.
    after_s
        Seconds after the command was given or the kill before; None where it follows a row.
    after_row
        Number of rows in the ledger upon which it comes at once.
    """

    whom: Whom
    how: How
    after_s: float | None = None
    after_row: int | None = None


@dataclass(frozen=True)
class Campaign:
    """A campaign file and an undisturbed run of it.

    Attributes
    ----------
    file, folder
        The file, and the workspace in which it was run.
    seconds, rows, calls
        How long that took, how many rows it wrote, how many requests a server of language models was sent.
    workers
        Worker processes.
    models
        Whether language models take part.
    """

    file: Path
    folder: Path
    seconds: float
    rows: int
    calls: int
    workers: int
    models: bool


@dataclass
class Tally:
    """What was done and what it cost, over all campaigns.

    Attributes
    ----------
    kills, rows
        In the order in which they came, and how many rows the ledger had then.
    campaigns
        Campaigns that were completed, each checked against the undisturbed one.
    attempts_again
        Attempts at jobs beyond the first.
    calls_again
        Requests to the server beyond those of the undisturbed runs.
    parts
        Half-written files that kills left behind; none of them is taken for a result.
    """

    kills: list[Kill] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    campaigns: int = 0
    attempts_again: int = 0
    calls_again: int = 0
    parts: int = 0

    def of(self, **wanted: str) -> int:
        """Return how many kills were of a kind."""
        return sum(all(getattr(kill, name) == value for name, value in wanted.items()) for kill in self.kills)


def undisturbed(world: Any, folder: Path, *, models: bool, workers: int, experiments: int = 3) -> Campaign:
    """Write a campaign file and run it once to its end."""
    of_models = {
        "agents": {"executor": EXECUTOR, "reviewer": REVIEWER, "looks_a_claim": 2},
        "tools": ["geometry.axis_separation"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = world.campaign_file(
        folder / "chaos.yaml",
        budget={"experiments": experiments},
        workers=workers,
        **(of_models if models else {}),
    )
    with _server(models) as server:
        started = time.monotonic()
        finish(file, folder / "whole", _environment(server))
        seconds = time.monotonic() - started
        calls = 0 if server is None else len(server.asked)
    with Ledger.open(folder / "whole" / "ledger.sqlite", read_only=True) as ledger:
        rows = ledger.head().seq
    return Campaign(file, folder / "whole", seconds, rows, calls, workers, models)


class Chaos:
    """Kills campaigns until there were enough kills, and checks each that it completes.

    Parameters
    ----------
    campaign
        What is run.
    folder
        A folder for the workspaces.
    seed
        Of all instants and choices.
    most_a_campaign
        Kills after which a campaign is left in peace.
    """

    def __init__(self, campaign: Campaign, folder: Path, seed: int, most_a_campaign: int = 6) -> None:
        self._campaign = campaign
        self._folder = folder
        self._rng = np.random.default_rng(SeedSequence(seed))
        self._most = most_a_campaign
        self._deck: list[Whom] = []
        self.tally = Tally()

    def run(self, kills: int) -> Tally:
        """Run, kill and check until there were so many kills.

        Raises
        ------
        AssertionError
            If anything was lost, done twice or left behind; it says of which campaign, and what came before.
        """
        while len(self.tally.kills) < kills:
            number = self.tally.campaigns + 1
            before = len(self.tally.kills)
            try:
                self._one(self._folder / f"{number:03d}", min(self._most, kills - before))
            except AssertionError as error:
                raise AssertionError(f"campaign {number}, after {self.tally.kills[before:]}: {error}") from error
            self.tally.campaigns = number
            assert len(self.tally.kills) > before or number < 3 * kills + 3, "campaigns end before anything is killed"
        return self.tally

    def _one(self, folder: Path, most: int) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        mine: list[Kill] = []
        made: dict[str, tuple[int, int]] = {}
        with _server(self._campaign.models) as server:
            while True:
                mark = uuid.uuid4().hex
                process = command(self._campaign.file, folder, {**_environment(server), MARK: mark})
                try:
                    complete = self._disturb(process, folder, mine, most)
                finally:
                    kill_group(process)
                _check_alone(mark)
                _check_once(folder, made)
                if complete:
                    break
            calls = 0 if server is None else len(server.asked)
        self._check(folder, mine, calls)

    def _disturb(self, process: subprocess.Popen[bytes], folder: Path, mine: list[Kill], most: int) -> bool:
        """Kill the command, or workers of it, until it ends; return whether its campaign is complete."""
        of_workers = 0
        while len(mine) < most:
            kill = self._next(_rows(folder), worker=of_workers < MOST_OF_WORKERS)
            pause = float(self._rng.uniform(0.0, 0.3))
            if not _reached(process, folder, kill) or _rows(folder) >= self._campaign.rows:
                break  # nothing is left that could be lost
            if not _deliver(process, kill, pause):
                break
            self._deck.remove(kill.whom)
            mine.append(kill)
            self.tally.kills.append(kill)
            self.tally.rows.append(_rows(folder))
            if kill.whom != "worker":
                break
            of_workers += 1
        code = process.wait(timeout=PATIENCE)
        killed = {-signal.SIGKILL, -signal.SIGTERM, 130}
        assert code == 0 or (mine and mine[-1].whom != "worker" and code in killed), (
            f"exit code {code}\n{log_of(folder)}"
        )
        return code == 0

    def _next(self, rows: int, *, worker: bool) -> Kill:
        """Draw the next kill: whom, how, and when, half of them in time and half upon a row of the ledger.

        Parameters
        ----------
        rows
            Rows that the ledger has.
        worker
            Whether a worker alone may be killed.
        """
        while not any(worker or whom != "worker" for whom in self._deck):
            self._deck += [WHOM[index] for index in self._rng.permutation(len(WHOM))]
        whom = next(whom for whom in self._deck if worker or whom != "worker")
        how = HOW[int(self._rng.choice(len(HOW), p=HOW_OFTEN))]
        if self._rng.random() < 0.5 or rows >= self._campaign.rows - 1:
            return Kill(whom, how, after_s=float(self._rng.uniform(0.0, self._campaign.seconds)))
        return Kill(whom, how, after_row=int(self._rng.integers(rows + 1, self._campaign.rows)))

    def _check(self, folder: Path, mine: list[Kill], calls: int) -> None:
        """Check that what stands in the end is what an undisturbed run writes, and what the kills cost."""
        whole = self._campaign
        with (
            Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger,
            Ledger.open(whole.folder / "ledger.sqlite", read_only=True) as expected,
        ):
            differences = diff(ledger, expected)
            assert differences == [], f"{len(differences)} differences: {differences[:3]}"
            assert ledger.head().hash == expected.head().hash
            report = verify(ledger)
            assert report.ok, str(report)
            assert verify_decisions(ledger, deep=True) == []
            assert not any(lease.alive for lease in ledger.ops.leases())
            attempts = [job.attempts for job in ledger.ops.jobs()]
            wanted = len(expected.ops.jobs())
        assert len(attempts) == wanted, f"{len(attempts)} jobs were run, {wanted} in the undisturbed campaign"
        assert max(attempts) <= 1 + len(mine), f"a job was begun {max(attempts)} times in {len(mine)} kills"
        again = sum(attempts) - len(attempts)
        assert again <= len(mine) * whole.workers, f"{again} jobs were begun again in {len(mine)} kills"
        of_coordinator = sum(kill.whom != "worker" for kill in mine)
        assert whole.calls <= calls <= whole.calls + of_coordinator, f"{calls} calls, {whole.calls} undisturbed"
        results = _results(folder)
        assert results == _results(whole.folder), "other results than those of the undisturbed campaign"
        self.tally.attempts_again += again
        self.tally.calls_again += calls - whole.calls
        self.tally.parts += sum(1 for _ in folder.rglob(".part-*"))


@contextlib.contextmanager
def _server(models: bool) -> Iterator[ChatServer | None]:
    if not models:
        yield None
        return
    with ChatServer(PLAYER) as server:
        yield server


def _environment(server: ChatServer | None) -> Mapping[str, str]:
    if server is None:
        return {}
    return {
        "OPENAI_BASE_URL": server.url,
        "THEODOLITE_MODEL_CALLS": "local",
        "THEODOLITE_MODELS_BACKOFF_S": "0",
        "THEODOLITE_MODELS_TIMEOUT_S": "120",
    }


def _rows(folder: Path) -> int:
    """Return how many rows a ledger has, as another program would ask."""
    ledger = folder / "ledger.sqlite"
    if not ledger.is_file():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=1.0)) as connection:
            return int(connection.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def _reached(process: subprocess.Popen[bytes], folder: Path, kill: Kill) -> bool:
    """Wait for the instant of a kill; return False where the command ends before."""
    started = time.monotonic()
    while process.poll() is None:
        passed = time.monotonic() - started
        assert passed < PATIENCE, f"nothing happens\n{log_of(folder)}"
        if (kill.after_s is not None and passed >= kill.after_s) or (
            kill.after_row is not None and _rows(folder) >= kill.after_row
        ):
            return True
        time.sleep(0.002)
    return False


def _deliver(process: subprocess.Popen[bytes], kill: Kill, pause: float) -> bool:
    """Send the signals; return False where there was nobody to get them any more."""
    targets: list[int] = []
    if kill.whom in ("worker", "both"):
        worker = _worker(process, wait=kill.whom == "worker")
        targets += [] if worker is None else [worker]
    if kill.whom != "worker":
        targets.append(process.pid)
    if not targets or process.poll() is not None:
        return False
    names = ["SIGSTOP", "SIGKILL"] if kill.how.startswith("SIGSTOP") else [kill.how]
    for name in names:
        for target in targets:
            with contextlib.suppress(ProcessLookupError):
                send = os.killpg if kill.whom == "group" else os.kill
                send(target, signal.Signals[name])
        if name == "SIGSTOP":
            time.sleep(pause)
    return True


def _worker(process: subprocess.Popen[bytes], *, wait: bool) -> int | None:
    """Return a worker of the command, None where it has none; ``wait`` waits for one until the command ends."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(psutil.Error):
            found = [item for item in psutil.Process(process.pid).children() if WORKER in " ".join(item.cmdline())]
            if found:
                return int(max(found, key=lambda item: item.cpu_times().user).pid)
        if not wait:
            return None
        time.sleep(0.01)
    return None


def _marked(mark: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid}: {' '.join(process.cmdline())}")
    return found


def _check_alone(mark: str) -> None:
    """Check that nothing which a command started outlives it."""
    until = time.monotonic() + ORPHANS_S
    while left := _marked(mark):
        assert time.monotonic() < until, f"still running: {left}"
        time.sleep(0.05)


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in (folder / "cache" / "results").glob("*") if not path.name.startswith(".part-")}


def _results(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in _files(folder).items()}


def _check_once(folder: Path, made: dict[str, tuple[int, int]]) -> None:
    """Check that no result that was there is made again: its file stays the one that it was."""
    for name, path in _files(folder).items():
        known = path.stat().st_ino, path.stat().st_mtime_ns
        assert made.setdefault(name, known) == known, f"the result {name[:12]} was made twice"
