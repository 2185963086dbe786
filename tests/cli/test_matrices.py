"""A matrix on the command line: planned, counted, and one of its campaigns chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Cli = Callable[..., Any]


@pytest.fixture
def file(small_world: Any, tmp_path: Path) -> Path:
    """Write a matrix of two seeds of the small world."""
    path = tmp_path / "many.yaml"
    content = small_world.content("many", budget={"experiments": 2}, error={"n_max": 40})
    path.write_text(yaml.safe_dump({**content, "matrix": {"seeds": [1, 2]}}), encoding="utf-8")
    return path


def test_the_example_is_planned(cli: Cli, checkout: Path, tmp_path: Path) -> None:
    done = cli("plan", checkout / "examples" / "matrix.yaml", "-w", tmp_path / "w")
    assert done.exit_code == 0, done.stderr
    assert "2 campaigns, one after another" in done.stdout
    assert "blood-seeds-compact-pbmc-s1" in done.stdout and "blood-seeds-compact-pbmc-s2" in done.stdout
    assert "planned for 40 tests" in done.stdout
    assert not (tmp_path / "w").exists()


def test_a_plan_as_data_holds_every_campaign_as_a_file_could_say_it(cli: Cli, file: Path) -> None:
    found = json.loads(cli("plan", file, "--json").stdout)
    assert (found["n_max"], found["experiments"], found["conflicts"]) == (40, 4, [])
    assert [(child["name"], child["axes"]["seed"], child["budget"]) for child in found["children"]] == [
        ("many-s1", 1, 2), ("many-s2", 2, 2),
    ]  # fmt: skip
    assert found["children"][1]["spec"]["error"]["n_max"] == 40


def test_a_stream_that_is_locked_otherwise_is_told_before_anything_runs(cli: Cli, file: Path, finished: Path) -> None:
    done = cli("plan", file, "-w", finished)
    assert done.exit_code == 2
    assert "Cannot run: error stream 'main' was locked with n_max = 12, this file asks for 40" in done.stdout


def test_coverage_of_a_file_counts_what_was_never_begun(cli: Cli, file: Path) -> None:
    done = cli("coverage", file)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("not begun") == 2 and "In all: 0 distinct hypotheses tried of" in done.stdout
    found = json.loads(cli("coverage", file, "--json").stdout)
    assert found["ledger"] is None and found["totals"]["claims"] == found["totals"]["never_tried"] > 0


@pytest.mark.parametrize("columns", [80, 100])
def test_coverage_of_a_ledger_of_one_campaign(
    cli: Cli, finished: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = cli("coverage", finished)
    assert done.exit_code == 0, done.stderr
    assert "geometry.axis_separation" in done.stdout and "complete" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= columns


def test_a_command_about_one_campaign_asks_which(cli: Cli, file: Path) -> None:
    done = cli("replay", file, "-w", file.parent)
    assert done.exit_code == 2
    done = cli("propose", file, "--tool", "geometry.axis_separation")
    assert done.exit_code == 2 and "choose one by --child: many-s1, many-s2" in done.stderr
    done = cli("plan", file, "--child", "many-s3")
    assert done.exit_code == 2 and "--child is 'many-s3'" in done.stderr and "many-s1, many-s2" in done.stderr


def test_one_campaign_is_planned_by_its_name_or_number(cli: Cli, file: Path) -> None:
    named, numbered = (json.loads(cli("plan", file, "--child", child, "--json").stdout) for child in ("many-s2", "2"))
    assert named["campaign"] == numbered["campaign"] and named["campaign"].startswith("many-s2-")
    assert named["n_max"] == 40


def test_a_single_campaign_has_no_children(cli: Cli, finished_file: Path) -> None:
    done = cli("plan", finished_file, "--child", "1")
    assert done.exit_code == 2 and "is a single campaign; leave --child out" in done.stderr
