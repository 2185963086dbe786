"""``kill -9`` in a matrix; the same command again goes on with the campaign it was at, to the undisturbed ledger."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from killing import PATIENCE, finish, kill_at

from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, verify

pytestmark = pytest.mark.slow


def theodolite(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "theodolite", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_small(small_world: Any, folder: Path) -> Path:
    file = folder / "many.yaml"
    content = small_world.content("many", budget={"experiments": 2}, error={"n_max": 40})
    file.write_text(yaml.safe_dump({**content, "matrix": {"seeds": [1, 2]}}), encoding="utf-8")
    return file


def check_kills(file: Path, folder: Path, kills: list[tuple[EntryKind, int]], patience: float = PATIENCE) -> None:
    """Run a matrix undisturbed and killed at some rows, and compare the two ledgers as a person would."""
    whole, killed = folder / "undisturbed", folder / "killed"
    finish(file, whole, patience=patience)
    # Reading the model again would take most of the time, and is not what is killed here.
    (killed / "cache").mkdir(parents=True)
    for taken in (whole / "cache").glob("*.safetensors"):
        shutil.copy(taken, killed / "cache")
    for kind, number in kills:
        kill_at(file, killed, kind, number, patience=patience)
        with Ledger.open(killed / "ledger.sqlite", read_only=True) as ledger:
            assert ledger.count(EntryKind.STOP) < 2, "the matrix was over before it was killed"
            assert verify(ledger).ok
    finish(file, killed, patience=patience)
    compared = theodolite("ledger", "diff", killed / "ledger.sqlite", whole / "ledger.sqlite")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    with Ledger.open(killed / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok and verify_decisions(ledger, deep=True) == []
        head, entries = ledger.head().hash, [entry.kind for entry in ledger.entries()]
    assert entries.count(EntryKind.STOP) == 2
    # Every campaign was opened before anything was tested in one of them.
    assert entries.index(EntryKind.LOOK) > max(n for n, kind in enumerate(entries) if kind is EntryKind.CAMPAIGN)
    finish(file, killed, patience=patience)
    with Ledger.open(killed / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.head().hash == head, "complete campaigns are not run again"


def test_the_same_command_again_loses_nothing(small_world: Any, tmp_path: Path) -> None:
    kills = [(EntryKind.CAMPAIGN, 1), (EntryKind.REGISTRATION, 1), (EntryKind.STOP, 1), (EntryKind.VERDICT, 3)]
    file = write_small(small_world, tmp_path)
    check_kills(file, tmp_path, kills)
    for number in (1, 2):
        again = theodolite("replay", file, "--child", number, "-w", tmp_path / "killed", "--json")
        assert again.returncode == 0, again.stdout + again.stderr
        assert json.loads(again.stdout)["same_head"]


def test_the_example_survives_a_kill_half_way(checkout: Path, tmp_path: Path) -> None:
    """Two seeds of the packaged model on the packaged cells; the model is read once, which takes most of the time."""
    check_kills(checkout / "examples" / "matrix.yaml", tmp_path, [(EntryKind.STOP, 1)], patience=6 * PATIENCE)
