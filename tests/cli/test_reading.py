"""``plan``, ``status``, ``ledger``: what is read is what the ledger holds, and reading writes nothing."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.reports import COLUMNS, OUTCOMES, verdict_lines
from theodolite.store import Ledger


def test_plan_says_what_could_be_found_and_writes_nothing(cli, small_world, tmp_path):
    file = small_world.campaign_file(tmp_path / "small.yaml", **small_world.two_blocks)
    found = cli("plan", file)
    assert found.exit_code == 0, found.stderr
    for text in ("geometry.axis_separation", "planted program 1", "Not testable on block-1", "a set too small to test",
                 "2 of 2 hold-out blocks are fresh", "GB of memory"):  # fmt: skip
        assert text in found.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_plan_in_json(cli, finished_file):
    found = cli("plan", finished_file, "--json")
    told = json.loads(found.stdout)
    assert (told["spent"], told["blocks_left"], told["conflicts"]) == (4, 0, [])
    assert {tool["units"] for tool in told["tools"]} == {"genes", "pairs"}


def test_plan_names_what_contradicts_the_ledger(cli, small_world, finished):
    found = cli("plan", small_world.campaign_file(finished.with_name("finished.yaml"), error={"q": 0.05}))
    assert found.exit_code == ExitCode.BAD_INPUT and "q = 0.1" in found.stdout


def test_status_of_the_only_workspace_here(cli, finished, monkeypatch):
    monkeypatch.chdir(finished.parent)
    found = cli("status")
    assert found.exit_code == 0
    for text in (
        "rounds closed: 3; experiments registered: 6 of 6",
        "stopped: budget",
        "1 of 1 have returned a support",
    ):
        assert text in found.stdout
    assert json.loads(cli("status", finished, "--json").stdout)["campaigns"][0]["registered"] == 6


def test_list_prints_and_filters(cli, finished):
    everything = json.loads(cli("ledger", "list", "-w", finished, "--json").stdout)
    assert len(everything) == 6 and set(everything[0]) >= {
        "claim",
        "effect",
        "scale",
        "p",
        "level",
        "first_unmet",
        "next_step",
    }
    supported = cli("ledger", "list", "-w", finished, "--verdict", "supported", "--campaign", "finished")
    assert "inconclusive" not in supported.stdout and "5 supported" in supported.stdout
    one = json.loads(
        cli("ledger", "list", "-w", finished, "--family", "attention.edges", "--limit", "1", "--json").stdout
    )
    assert [line["family"] for line in one] == ["attention.edges"]


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--verdict", "true", "inconclusive"), ("--family", "nope", "attention.edges"), ("--campaign", "x", "finished-")],
)
def test_a_filter_that_fits_nothing_is_answered_with_what_there_is(cli, finished, option, value, allowed):
    found = cli("ledger", "list", "-w", finished, option, value)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert repr(value) in found.stderr and allowed in found.stderr


def test_the_help_of_verdict_names_every_outcome(cli):
    words = " ".join(cli("ledger", "list", "--help").stdout.split())
    assert ", ".join(OUTCOMES) in words


def test_show_tells_the_life_of_a_slot(cli, finished):
    found = cli("ledger", "show", "r01.s001", "-w", finished)
    for text in (
        "SUPPORTED",
        "Proposed",
        "Locked",
        "pre-registration",
        "G3 null panel",
        "Review of the plan",
        "Entries",
    ):
        assert text in found.stdout
    life = json.loads(cli("ledger", "show", "r01.s001", "-w", finished, "--json").stdout)
    assert life["hypothesis"]["slot"] == 1 and life["plan"]["slot"] == 1


def test_show_takes_any_entry(cli, finished):
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        stop = list(ledger.entries(kind="stop"))[0]
    assert stop.hash in cli("ledger", "show", stop.id, "-w", finished).stdout
    assert json.loads(cli("ledger", "show", stop.id, "-w", finished, "--json").stdout)["payload"] == stop.payload
    missing = cli("ledger", "show", "r77.s001", "-w", finished)
    assert missing.exit_code == ExitCode.BAD_INPUT and "'r77.s001'" in missing.stderr


def test_verify_finds_a_sound_ledger_sound(cli, finished):
    found = cli("ledger", "verify", "-w", finished, "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 0 and told["ok"] and told["problems"] == []
    assert cli("ledger", "verify", "-w", finished, "--head", told["head"]).exit_code == 0
    deep = cli("ledger", "verify", "--deep", "-w", finished)
    assert deep.exit_code == 0 and "recomputed" in deep.stdout


def test_verify_names_the_row_that_was_changed(cli, finished):
    with sqlite3.connect(finished / "ledger.sqlite") as connection:
        (trigger,) = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%UPDATE ON entry%'"
        ).fetchone()
        connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE entry SET payload = replace(payload, 'supported', 'refuted') WHERE kind = 'verdict'")
        (first,) = connection.execute("SELECT min(seq) FROM entry WHERE kind = 'verdict'").fetchone()
    found = cli("ledger", "verify", "-w", finished)
    assert found.exit_code == ExitCode.PROBLEM
    assert f"row {first} " in found.stdout and trigger in found.stdout


def test_verify_misses_a_head_that_was_noted(cli, finished):
    found = cli("ledger", "verify", "-w", finished, "--head", "0" * 63 + "1")
    assert found.exit_code == ExitCode.PROBLEM and "rewritten" in found.stdout


def test_rebuild_changes_nothing_that_was_sound(cli, finished):
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        before, head = verdict_lines(ledger), ledger.head()
    assert f"{head.seq} entries" in cli("ledger", "rebuild", "-w", finished).stdout
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert (verdict_lines(ledger), ledger.head()) == (before, head)


def test_diff_is_empty_for_a_copy_and_not_for_another_campaign(cli, small_world, finished):
    same = cli("ledger", "diff", finished, small_world.finished())
    assert same.exit_code == 0 and "the same" in same.stdout
    other = cli("ledger", "diff", finished, small_world.finished(2) / "ledger.sqlite", "--json")
    assert other.exit_code == ExitCode.PROBLEM and len(json.loads(other.stdout)) > 0


def test_export_to_a_file_and_to_standard_output(cli, finished, tmp_path):
    file = tmp_path / "out.csv"
    assert cli("ledger", "export", "-w", finished, "--out", file).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 6
    assert len(json.loads(cli("ledger", "export", "-w", finished, "--format", "json").stdout)) == 6
    again = cli("ledger", "export", "-w", finished, "--out", file)
    assert again.exit_code == ExitCode.BAD_INPUT and "--force" in again.stderr
    assert cli("ledger", "export", "-w", finished, "--format", "xlsx").exit_code == ExitCode.BAD_INPUT


def test_a_file_that_is_no_ledger(cli, tmp_path):
    (tmp_path / "ledger.sqlite").write_text("not a database at all, but long enough to be looked at" * 40)
    assert cli("status", tmp_path).exit_code == ExitCode.LEDGER
    assert cli("ledger", "verify", "-w", tmp_path).exit_code == ExitCode.PROBLEM
