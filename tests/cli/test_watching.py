"""``status --watch`` as a person sees it, and as a program reads it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from holders import holder
from rich.console import Console
from terminals import Terminal

from theodolite.agents.stop_requests import StopAt
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.watching import change_line, view
from theodolite.reports.row_words import ROW_WORDS
from theodolite.reports.watching import Budget, StopAsked, Watched, Watcher
from theodolite.store import EntryKind, JobState, Ledger, campaign_rows

CAMPAIGN = "mine-00000001"
PATIENCE = 120.0


@pytest.fixture
def now(tmp_path) -> Watched:
    """A campaign that runs: jobs of every state, budgets of every kind, a stop that was asked for."""
    with (
        Ledger.create(tmp_path / "ledger.sqlite") as ledger,
        ledger.coordinator("theodolite run mine.yaml", campaign=CAMPAIGN),
    ):
        ledger.ops.start_session(CAMPAIGN)
        for job in ("a", "b", "c"):
            ledger.ops.start_job(job, campaign=CAMPAIGN, what="geometry.axis_separation, layer 1 axis 2", worker_pid=17)
        ledger.ops.finish_job("a", JobState.DONE)
        ledger.ops.finish_job("b", JobState.TIMEOUT)
        found = Watcher(ledger).look()
    assert found.campaign is not None
    amounts = {"experiments": (3, 6), "tokens": (1_234_567, 2e6), "money": (12.5, 40), "looks": (9, 120)}
    budgets = tuple(Budget(name, used, limit) for name, (used, limit) in amounts.items())
    time = Budget("wall_time", 5_000, 36_000)
    slots = {"verdict": 3, "ran": 2}
    campaign = replace(found.campaign, slots=slots, budgets=budgets, wall_time=time, blocks=2, blocks_left=1)
    return replace(found, campaign=campaign, stop_asked=StopAsked("Ada", StopAt.ROUND))


def shown(now: Watched, columns: int, height: int = 40) -> list[str]:
    console = Console(width=columns, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(view(now, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("columns", [80, 110])
def test_the_screen_of_a_campaign_that_runs(now, columns):
    lines = shown(now, columns)
    text = "\n".join(lines)
    assert all(len(line) <= columns for line in lines)
    for part in (
        f"Campaign {CAMPAIGN}", "theodolite run mine.yaml, process", "alive", "Ada asked it to stop after its round",
        "round 1        2 measured, 3 settled", "1 done, 1 running, 1 timed out", "worker 17, for", "seen 0 s ago",
        "3 of 6", "1,234,567 of 2,000,000", "$12.50 of $40.00", "9 of 120", "1 h 23 min of 10 h 00 min",
        "1 of 2 hold-out blocks left",
    ):  # fmt: skip
        assert part in text, text


def test_a_low_screen_holds_it_all(now):
    assert len(shown(now, 80, 24)) <= 24


def test_a_dead_coordinator_is_called_dead(finished):
    with Ledger.open(finished / "ledger.sqlite") as ledger:
        with holder(ledger, CAMPAIGN):
            pass
        dead = Watcher(ledger).look()
    assert dead.over and "dead: `theodolite run` continues" in "\n".join(shown(dead, 110))


def test_a_change_is_one_line(now):
    line = change_line(now)
    for part in (
        CAMPAIGN,
        "round 1: 2 measured, 3 settled",
        "jobs: 1 done",
        "asked by Ada to stop after its round",
        "alive",
    ):
        assert part in line
    hostile = replace(now, stop_asked=StopAsked("A\nB\x1b[2J", StopAt.STEP))
    assert "\n" not in change_line(hostile) and "\x1b" not in change_line(hostile)


def test_every_kind_of_row_has_words():
    assert set(ROW_WORDS) == set(EntryKind)


def test_where_nothing_runs_it_ends_with_how_it_ended(cli, finished):
    found = cli("status", finished, "--watch")
    assert found.exit_code == 0
    (line,) = found.stdout.splitlines()
    assert "all 6 experiments are registered" in line and "5 supported" in line and "nothing runs" in line


def test_one_json_object_a_change(cli, finished):
    found = cli("status", finished, "--watch", "--json")
    (line,) = found.stdout.splitlines()
    told = json.loads(line)
    assert told["over"] is True and told["campaign"]["rounds_closed"] == 3 and told["campaign"]["verdicts"]
    assert told["last"][-1]["kind"] == "stop"


def test_ctrl_c_leaves_the_view_and_nothing_else(finished):
    """In a terminal, with a real coordinator behind it."""
    with (
        Ledger.open(finished / "ledger.sqlite") as ledger,
        holder(ledger, campaign_rows(ledger)[0].campaign) as process,
    ):
        words = [sys.executable, "-m", "theodolite", "status", str(finished), "--watch", "--interval", "0.2"]
        with Terminal(words, env={"PYTHONUTF8": "1"}) as terminal:
            terminal.read_until("hold-out blocks left", PATIENCE)
            assert "█  6 of 6" in terminal.text
            terminal.type(b"\x03")
            assert terminal.finish(PATIENCE) == 0
        assert "No longer watching" in terminal.text and "Traceback" not in terminal.text
        assert process.poll() is None


def test_it_ends_with_the_coordinator(finished):
    words = [sys.executable, "-m", "theodolite", "status", str(finished), "--watch", "--interval", "0.2", "--json"]
    with Ledger.open(finished / "ledger.sqlite") as ledger, holder(ledger, CAMPAIGN):
        reader = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        assert json.loads(reader.stdout.readline())["over"] is False
    rest, _ = reader.communicate(timeout=PATIENCE)
    last = json.loads(rest.splitlines()[-1])
    assert reader.returncode == 0 and last["over"] is True and last["coordinator"]["life"] == "stale"


def test_an_interval_is_for_watching(cli, finished):
    found = cli("status", finished, "--interval", "1")
    assert found.exit_code == ExitCode.BAD_INPUT and "--watch" in found.stderr
