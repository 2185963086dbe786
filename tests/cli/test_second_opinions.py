"""``ledger rejudge`` and ``ledger audit``: what another catalogue or another error rule says, beside the verdicts."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.reports import audit
from theodolite.store import EntryKind, Ledger, hypothesis_rows

KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


@pytest.fixture
def kept(tmp_path):
    """Return a workspace of one's own with a ledger of the first catalogue."""
    folder = tmp_path / "kept.theodolite"
    shutil.copytree(KEPT, folder)
    return folder


def test_rejudging_shows_both_verdicts_and_says_which_stands(cli, kept):
    found = cli("ledger", "rejudge", "-w", kept)
    assert found.exit_code == 0, found.stderr
    words = " ".join(found.stdout.split())
    for text in ("first verdict", "catalogue 2", "invalid", "unmet: G1", "unmet: G2", "First verdicts stand"):
        assert text in words
    with Ledger.open(kept / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        assert ledger.count(EntryKind.REJUDGEMENT) == len(rows) == 16
        for row in rows:
            assert row.verdict is not None
            assert row.claim_text.split()[0] in words
    assert cli("ledger", "verify", "-w", kept).exit_code == 0


def test_rejudging_in_json_and_again(cli, kept):
    first = cli("ledger", "rejudge", "-w", kept, "--json")
    told = json.loads(first.stdout)
    assert len(told) == 16
    assert {row["catalogue"] for row in told} == {"2"}
    assert set(told[0]) >= {"subject", "verdict", "first_unmet", "next_step", "hypothesis_id"}
    with Ledger.open(kept / "ledger.sqlite", read_only=True) as ledger:
        head = ledger.head()
    assert json.loads(cli("ledger", "rejudge", "-w", kept, "--json").stdout) == told
    with Ledger.open(kept / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.head() == head


def test_the_first_verdicts_are_listed_and_exported_as_before(cli, kept):
    # Tables of an older version are made anew first; the chain is the same.
    assert cli("ledger", "rebuild", "-w", kept).exit_code == 0
    before = [cli("ledger", command, "-w", kept, *rest).stdout for command, *rest in (["list", "--json"], ["export"])]
    assert cli("ledger", "rejudge", "-w", kept).exit_code == 0
    after = [cli("ledger", command, "-w", kept, *rest).stdout for command, *rest in (["list", "--json"], ["export"])]
    assert after == before
    assert len(json.loads(after[0])) == 16


def test_a_ledger_of_todays_catalogue_has_nothing_to_judge_again(cli, finished):
    found = cli("ledger", "rejudge", "-w", finished)
    assert (found.exit_code, found.stdout) == (0, "Every test of this ledger was judged under today's catalogue.\n")
    assert json.loads(cli("ledger", "rejudge", "-w", finished, "--json").stdout) == []


def test_judging_again_waits_for_nobody(cli, kept):
    with Ledger.open(kept / "ledger.sqlite") as ledger, ledger.coordinator("a campaign that runs"):
        found = cli("ledger", "rejudge", "-w", kept)
    assert found.exit_code == ExitCode.LEDGER
    assert "'a campaign that runs'" in found.stderr


def test_auditing_shows_the_tiers_and_writes_nothing(cli, finished):
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        head, lines = ledger.head(), audit(ledger)
    found = cli("ledger", "audit", "-w", finished)
    assert found.exit_code == 0, found.stderr
    for text in ("headline", "candidate", "re-audit", "main/reused", "Only the verdict binds."):
        assert text in " ".join(found.stdout.split())
    assert found.stdout.count("yes") == sum(line.headline + line.candidate + line.retro for line in lines) > 0
    assert json.loads(cli("ledger", "audit", "-w", finished, "--json").stdout) == [asdict(line) for line in lines]
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.head() == head


def test_auditing_a_ledger_without_tests(cli, tmp_path):
    Ledger.create(tmp_path / "ledger.sqlite").close()
    assert cli("ledger", "audit", "-w", tmp_path).stdout == "No test has spent a level yet.\n"
    assert json.loads(cli("ledger", "audit", "-w", tmp_path, "--json").stdout) == []


def test_auditing_takes_a_ledger_of_the_first_catalogue(cli, kept):
    unread = cli("ledger", "audit", "-w", kept)
    assert unread.exit_code == ExitCode.LEDGER and "theodolite ledger rebuild" in unread.stderr
    assert cli("ledger", "rebuild", "-w", kept).exit_code == 0
    told = json.loads(cli("ledger", "audit", "-w", kept, "--json").stdout)
    assert len(told) == 16
    assert {line["stream"] for line in told} == {"main"}
    assert all(line["retro"] for line in told if line["verdict"] == "supported")


@pytest.mark.parametrize("command", ["rejudge", "audit"])
def test_where_there_is_no_ledger_it_says_so(cli, tmp_path, command):
    found = cli("ledger", command, "-w", tmp_path)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "Traceback" not in found.stderr and str(tmp_path) in found.stderr
