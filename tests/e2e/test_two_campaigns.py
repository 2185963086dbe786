"""Two campaigns on one ledger at the same time: kept apart where they share anything, the same rows where not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from killing import PATIENCE, command, finish, has_row, kill_group, log_of

from theodolite.cli.exit_codes import ExitCode
from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, campaign_rows, diff, verify

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Campaigns:
    """Campaign files by what they are, and folders in which two of them were run alone."""

    files: dict[str, Path]
    alone: dict[str, Path]


@pytest.fixture(scope="module")
def campaigns(small_world: Any, other_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Campaigns:
    folder = tmp_path_factory.mktemp("two")

    def file(world: Any, name: str, stream: str) -> Path:
        return world.campaign_file(
            folder / f"{name}.yaml", budget={"experiments": 3}, error={"n_max": 12, "stream": stream}
        )

    files = {
        "first": file(small_world, "first", "main"),
        "second": file(other_world, "second", "second"),
        "same-split": file(small_world, "same-split", "third"),
        "same-stream": file(other_world, "same-stream", "main"),
    }
    alone = {}
    for name in ("first", "second"):
        alone[name] = folder / f"alone-{name}"
        finish(files[name], alone[name])
    return Campaigns(files, alone)


def check(campaigns: Campaigns, folder: Path) -> None:
    """Check that each campaign wrote what it writes alone, and that all of it holds together."""
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        ids = {row.name: row.campaign for row in campaign_rows(ledger)}
        assert set(ids) == {"first", "second"}
        for name, alone in campaigns.alone.items():
            with Ledger.open(alone / "ledger.sqlite", read_only=True) as expected:
                assert diff(ledger, expected, ids[name]) == []
        subjects = [entry.subject.partition("/")[0] for entry in ledger.entries()]
        assert subjects.index(ids["second"]) < len(subjects) - subjects[::-1].index(ids["first"]), "one after the other"
        assert subjects.index(ids["first"]) < len(subjects) - subjects[::-1].index(ids["second"]), "one after the other"
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []
        assert ledger.ops.leases() == []


def replayed(file: Path, folder: Path) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "theodolite", "replay", str(file), "--workspace", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr


def test_both_proceed_and_write_what_each_writes_alone(campaigns: Campaigns, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    running = [command(campaigns.files[name], folder) for name in ("first", "second")]
    try:
        for process in running:
            assert process.wait(timeout=2 * PATIENCE) == 0, log_of(folder)
    finally:
        for process in running:
            kill_group(process)
    check(campaigns, folder)
    for name in ("first", "second"):
        replayed(campaigns.files[name], folder)


def test_one_is_killed_and_continues_while_the_other_goes_on(campaigns: Campaigns, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    other = command(campaigns.files["second"], folder)
    try:
        for kind in (EntryKind.LOOK, EntryKind.PLAN_REVIEW):
            first = command(campaigns.files["first"], folder)
            try:
                with_first = _wait_for(folder, kind, campaigns)
                assert with_first, log_of(folder)
            finally:
                kill_group(first)
        finish(campaigns.files["first"], folder)
        assert other.wait(timeout=PATIENCE) == 0, log_of(folder)
    finally:
        kill_group(other)
    check(campaigns, folder)


def _wait_for(folder: Path, kind: EntryKind, campaigns: Campaigns) -> bool:
    """Wait until the first campaign has a row of a kind."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if has_row(folder / "ledger.sqlite", kind):
            with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
                if any(entry.id.startswith("first-") for entry in ledger.entries(kind=kind)):
                    return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(("name", "shared"), [("same-split", "the split"), ("same-stream", "the error stream 'main'")])
def test_what_shares_a_split_or_a_stream_is_refused_by_name_and_process(
    campaigns: Campaigns, tmp_path: Path, name: str, shared: str
) -> None:
    folder = tmp_path / "contended"
    first = command(campaigns.files["first"], folder)
    try:
        until = time.monotonic() + PATIENCE
        while not has_row(folder / "ledger.sqlite", EntryKind.CAMPAIGN):
            assert first.poll() is None and time.monotonic() < until, log_of(folder)
            time.sleep(0.01)
        with Ledger.open(folder / "ledger.sqlite") as ledger, ledger.write():
            os.kill(first.pid, signal.SIGSTOP)  # not while it writes: whoever comes would wait for that
        second = command(campaigns.files[name], folder)
        try:
            assert second.wait(timeout=PATIENCE) == ExitCode.LEDGER, log_of(folder)
        finally:
            kill_group(second)
        said = " ".join(log_of(folder).split())
        assert f"'theodolite run {campaigns.files['first']}', process {first.pid}" in said
        assert shared in said
    finally:
        kill_group(first)
