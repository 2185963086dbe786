"""Backup, restore, anchors and collection as a person gives the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disks import small_disk

from theodolite.cli.anchoring import anchoring
from theodolite.store import Ledger

Cli = Callable[..., Any]


def test_a_backup_restores_to_a_workspace_that_continues(
    cli: Cli, finished: Path, finished_file: Path, tmp_path: Path
) -> None:
    made = cli("ledger", "backup", tmp_path / "backup", "-w", finished)
    assert made.exit_code == 0, made.stderr
    assert "It verifies." in made.stdout
    again = json.loads(cli("ledger", "backup", tmp_path / "backup", "-w", finished, "--json").stdout)
    assert again["new"] == 0
    restored = cli("ledger", "restore", tmp_path / "backup", "-w", tmp_path / "again")
    assert restored.exit_code == 0, restored.stderr
    assert cli("ledger", "diff", finished, tmp_path / "again").exit_code == 0
    run = cli("run", finished_file, "-w", tmp_path / "again")
    assert run.exit_code == 0, run.stderr
    assert "This campaign is complete" in run.stderr
    refused = cli("ledger", "restore", tmp_path / "backup", "-w", tmp_path / "again")
    assert refused.exit_code == 3
    assert "overwrites nothing" in refused.stderr


def test_an_anchor_holds_until_the_ledger_is_another(cli: Cli, finished: Path, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors"
    assert cli("ledger", "anchor", anchors, "-w", finished).exit_code == 0
    assert json.loads(cli("ledger", "anchor", "-", "-w", finished).stdout) | {"at": ""} == json.loads(
        anchors.read_text()
    ) | {"at": ""}
    verified = cli("ledger", "verify", "-w", finished, "--anchor", anchors)
    assert verified.exit_code == 0, verified.stdout
    assert "It extends 1 anchor," in verified.stdout
    forged = json.loads(anchors.read_text()) | {"hash": "0" * 64}
    anchors.write_text(json.dumps(forged) + "\n")
    found = cli("ledger", "verify", "-w", finished, "--anchor", anchors)
    assert found.exit_code == 1
    assert f"row {forged['seq']} " in found.stdout
    assert cli("ledger", "verify", "-w", finished, "--anchor", tmp_path / "none").exit_code == 2
    inside = cli("ledger", "anchor", finished / "anchors", "-w", finished)
    assert inside.exit_code == 3
    assert "is inside the workspace" in inside.stderr


def test_a_campaign_anchors_by_itself_and_only_warns(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        monkeypatch.setenv("THEODOLITE_ANCHOR", str(tmp_path / "anchors"))
        note = anchoring(ledger, said.append)
        note()
        note()
        assert len((tmp_path / "anchors").read_text().splitlines()) == 1, "the head had not moved"
        monkeypatch.setenv("THEODOLITE_ANCHOR", str(tmp_path / "no" / "such" / "folder"))
        anchoring(ledger, said.append)()
        monkeypatch.delenv("THEODOLITE_ANCHOR")
        anchoring(ledger, said.append)()
    (warning,) = said
    assert "could not be anchored in THEODOLITE_ANCHOR=" in warning


def test_collect_shows_asks_and_removes(cli: Cli, finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite") as ledger:
        stray = ledger.artefacts.path(ledger.artefacts.put(b"no row names this"))
    shown = cli("ledger", "collect", "-w", finished, "--dry-run")
    assert shown.exit_code == 0, shown.stderr
    assert "1 artefact, 0.0 KB, named by no row." in shown.stdout
    asked = cli("ledger", "collect", "-w", finished)
    assert asked.exit_code != 0
    assert stray.exists()
    assert cli("ledger", "collect", "-w", finished, "--json").exit_code == 2
    removed = cli("ledger", "collect", "-w", finished, "--yes")
    assert removed.exit_code == 0, removed.stderr
    assert not stray.exists()
    assert cli("ledger", "verify", "--deep", "-w", finished).exit_code == 0


def test_a_campaign_is_refused_where_there_is_no_room(cli: Cli, finished_file: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "20m") as disk:
        folder = disk.folder / "workspace"
        planned = cli("plan", finished_file, "-w", folder)
        assert "Cannot run: 20 MB are free at" in planned.stdout
        refused = cli("run", finished_file, "-w", folder)
        assert refused.exit_code == 3
        assert "make room or name a workspace on another disk" in refused.stderr
        assert not folder.exists()
        checked = json.loads(cli("doctor", "-w", folder, "--json").stdout)["findings"]
        (room,) = (finding for finding in checked if finding["name"] == "free disk")
        assert room["ok"] is False
        assert "20 MB are free" in room["value"]
        disk.read_only()
        refused = cli("run", finished_file, "-w", folder)
        assert refused.exit_code == 3
        assert "cannot be written by this user" in refused.stderr
