"""A night's campaign as it is operated: started on its own, watched, stopped from elsewhere, continued to the end.

Every process is a real one.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from killing import PATIENCE, command, finish, has_row, kill_group, log_of
from terminals import Terminal
from typer.testing import CliRunner

from theodolite.cli import app
from theodolite.cli.exit_codes import ExitCode
from theodolite.store import EntryKind, Ledger, diff

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "theodolite"]
KEY = "sk-an0therSecretThatMustNotBeTold"


@pytest.fixture(scope="module")
def file(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a campaign of three rounds."""
    place = tmp_path_factory.mktemp("files") / "night.yaml"
    return small_world.campaign_file(place, budget={"experiments": 3}, round_size=1)


@pytest.fixture(scope="module")
def undisturbed(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("e2e") / "undisturbed"
    finish(file, folder)
    return folder


def wait_for(
    found: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, folder: Path | None = None
) -> None:
    until = time.monotonic() + PATIENCE
    while not found():
        assert process is None or process.poll() is None, folder and log_of(folder)
        assert time.monotonic() < until
        time.sleep(0.01)


def stop(folder: Path, *words: str) -> Any:
    """Give the command in this process, whose libraries are loaded: the campaign is a short one."""
    return CliRunner().invoke(app, ["stop", str(folder), "--person", "Ada", *words])


def same_ledger(folder: Path, other: Path) -> None:
    with (
        Ledger.open(folder / "ledger.sqlite", read_only=True) as first,
        Ledger.open(other / "ledger.sqlite", read_only=True) as second,
    ):
        assert diff(first, second) == []
        assert first.head().hash == second.head().hash


def test_a_detached_campaign_outlives_its_terminal_is_watched_and_tells_no_secret(
    file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "night.theodolite"
    env = {"THEODOLITE_LOG_FORMAT": "json", "OPENAI_API_KEY": KEY}
    words = [*PROGRAM, "run", str(file), "--workspace", str(folder), "--detach"]
    shell = ["bash", "-c", f"{shlex.join(words)}; sleep 600"]
    with Terminal(shell, columns=110, env=env) as terminal:
        terminal.read_until("ledger list", PATIENCE)
        said = terminal.text
        # The terminal is closed under the shell, which hangs up with whatever it has started.
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        (held,) = ledger.ops.leases()
        assert held.alive
        assert f"process {held.pid}." in said and held.name == f"theodolite run {file}"
        (session,) = ledger.ops.sessions(held_campaign := session_campaign(ledger))
    assert session.started_at >= held.at
    assert os.getsid(held.pid) == held.pid, "it has a session of its own"
    os.kill(held.pid, signal.SIGHUP)

    # Held still until it is watched: on a busy machine it would else be over before anybody looks.
    os.kill(held.pid, signal.SIGSTOP)
    again = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert again.returncode == ExitCode.LEDGER
    assert f"'theodolite run {file}', process {held.pid} on" in again.stderr

    with Terminal([*PROGRAM, "status", str(folder), "--watch", "--interval", "0.2"]) as view:
        view.read_until("alive", PATIENCE)
        os.kill(held.pid, signal.SIGCONT)
        assert view.finish(PATIENCE) == 0, view.text[-2000:]
        for part in (
            f"Campaign {held_campaign}",
            "alive",
            "locked",
            "experiments",
            "ended",
            "all 3 experiments",
            "3 of 3",
        ):
            assert part in view.text
    same_ledger(folder, undisturbed)

    logs = sorted((folder / "logs").iterdir())
    assert [path.suffix for path in logs] == [".jsonl", ".out"]
    lines = [json.loads(line) for line in logs[0].read_text(encoding="utf-8").splitlines()]
    assert all({"time", "level", "logger", "event", "message"} <= line.keys() for line in lines)
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert [line["id"] for line in lines if line["event"] == "row"] == [entry.id for entry in ledger.entries()]
    assert [line["round"] for line in lines if line["event"] == "round_begins"] == [1, 2, 3]
    assert {line["step"] for line in lines if line["event"] == "step_begins"} >= {"propose", "run_jobs", "record"}
    assert lines[-1]["event"] == "session_ends" and lines[-1]["reason"] == "budget"
    assert all(KEY.encode() not in path.read_bytes() for path in logs)


def session_campaign(ledger: Ledger) -> str:
    (entry,) = ledger.entries(kind=EntryKind.CAMPAIGN)
    return entry.subject


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        (["--after-round", "--wait"], "stopped by Ada after the round"),
        ([], "stopped by Ada; the step under way was finished"),
        (["--now"], "stopped by Ada in the midst of a step"),
    ],
    ids=["after-round", "step", "now"],
)
def test_a_stopped_campaign_continues_to_the_same_ledger(
    file: Path, undisturbed: Path, tmp_path: Path, words: list[str], detail: str
) -> None:
    folder = tmp_path / "stopped"
    path = folder / "ledger.sqlite"
    process = command(file, folder)
    # In the first round where a round is to be finished; else while it looks, which takes longer.
    sign = EntryKind.HYPOTHESIS if words else EntryKind.LOOK
    try:
        wait_for(lambda: has_row(path, sign), process, folder)
        found = stop(folder, *words)
        assert found.exit_code == 0, found.output
        assert process.wait(timeout=PATIENCE) == ExitCode.INTERRUPTED, log_of(folder)
    finally:
        kill_group(process)
    assert f"interrupted: {detail}" in found.output and "Traceback" not in log_of(folder)
    with Ledger.open(path, read_only=True) as ledger:
        (session,) = ledger.ops.sessions(session_campaign(ledger))
        assert (session.ended, session.detail) == ("interrupted", detail)
        assert ledger.ops.inbox(None, "stop") == [], "the request is taken"
        assert ledger.count(EntryKind.STOP) == 0
        if "--after-round" in words:
            assert ledger.count(EntryKind.HYPOTHESIS) == ledger.count(EntryKind.ROUND) == 1
    finish(file, folder)
    same_ledger(folder, undisturbed)


def test_a_request_left_by_a_killed_coordinator_stops_nobody(file: Path, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    path = folder / "ledger.sqlite"
    process = command(file, folder)
    try:
        wait_for(lambda: has_row(path, EntryKind.FIT), process, folder)
        found = stop(folder, "--after-round", "--no-wait")
        assert found.exit_code == 0, found.output
        # Whether it was taken or not: the one who was asked is dead.
    finally:
        kill_group(process)
    refused = stop(folder)
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "nothing is running" in refused.output and f"process {process.pid}" in refused.output
    watched = subprocess.run([*PROGRAM, "status", str(folder), "--watch"], capture_output=True, text=True)
    assert watched.returncode == 0 and "killed" in watched.stdout
    finish(file, folder)
    same_ledger(folder, undisturbed)


def test_a_child_that_fails_is_told_of_with_its_last_lines(small_world: Any, undisturbed: Path, tmp_path: Path) -> None:
    """Only the child notices that the genes were split otherwise; the exit code is its own."""
    other = small_world.campaign_file(tmp_path / "other.yaml", budget={"experiments": 3}, split={"seed": 2})
    words = [*PROGRAM, "run", str(other), "--workspace", str(undisturbed), "--detach"]
    found = subprocess.run(words, capture_output=True, text=True)
    assert found.returncode == ExitCode.CAMPAIGN
    assert "before the campaign ran" in found.stderr and "split with seed" in found.stderr
    assert "Traceback" not in found.stderr


def test_it_starts_without_any_standard_stream(file: Path, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    words = [*PROGRAM, "run", str(file), "--workspace", str(folder), "--detach"]
    shell = f"{shlex.join(words)} 0<&- 1>&- 2>&-"
    assert subprocess.run(["bash", "-c", shell]).returncode == 0
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        (held,) = ledger.ops.leases()
        assert held.confirmed
    found = stop(folder)
    assert found.exit_code == 0 and "interrupted: stopped by Ada" in found.output
    finish(file, folder)
    same_ledger(folder, undisturbed)
