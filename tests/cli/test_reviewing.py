"""``theodolite reviewers``: trials outside of campaigns, and what they amount to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.store import Ledger, trial_rows, verify


@pytest.fixture
def tried(cli: Callable[..., Any], tmp_path: Path) -> Path:
    """Return a folder that got a ledger with one plant of each class and as many shams."""
    result = cli("reviewers", "trials", "-w", tmp_path / "reviewers", "--per-class", 1, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "Gave 26 items" in result.stderr
    return tmp_path / "reviewers"


def test_trials_are_rows_of_a_ledger_that_verifies(tried: Path) -> None:
    with Ledger.open(tried / "ledger.sqlite", read_only=True) as ledger:
        rows = trial_rows(ledger)
        assert len(rows) == ledger.count() == 26
        assert {row.subject for row in rows} == {"reviewers"}
        assert verify(ledger).ok


def test_the_same_items_are_given_once_and_a_larger_set_adds_to_them(cli: Callable[..., Any], tried: Path) -> None:
    again = cli("reviewers", "trials", "-w", tried, "--per-class", 1, "--seed", 3)
    assert (again.exit_code, "Gave 0 items" in again.stderr) == (0, True)
    more = cli("reviewers", "trials", "-w", tried, "--per-class", 2, "--seed", 3)
    assert (more.exit_code, "Gave 26 items" in more.stderr) == (0, True)


def test_show_prints_the_standing_and_draws_it(cli: Callable[..., Any], tried: Path) -> None:
    shown = cli("reviewers", "show", "-w", tried, "--figure", tried / "figure.png")
    assert shown.exit_code == 0, shown.output
    assert "lint reviewer 2: unmeasured" in shown.stdout
    assert "1 of 1" in shown.stdout
    assert "clean items objected to" in shown.stdout
    assert (tried / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_show_as_json(cli: Callable[..., Any], tried: Path) -> None:
    told = json.loads(cli("reviewers", "show", "-w", tried, "--json").stdout)
    (one,) = told["reviewers"]
    assert (one["reviewer"], one["standing"], one["shams"], one["false_alarms"]) == (
        "lint reviewer 2",
        "unmeasured",
        13,
        0,
    )
    assert one["classes"]["label_leak"]["caught"] == 1
    assert one["beyond_code"]["plants"] == 3


def test_a_ledger_without_trials_says_so(cli: Callable[..., Any], tmp_path: Path) -> None:
    Ledger.create(tmp_path / "ledger.sqlite").close()
    shown = cli("reviewers", "show", "-w", tmp_path)
    assert (shown.exit_code, "run `theodolite reviewers trials`" in shown.stdout) == (0, True)
    drawn = cli("reviewers", "show", "-w", tmp_path, "--figure", tmp_path / "figure.png")
    assert drawn.exit_code != 0
    assert "no reviewer was tried" in drawn.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trials", "--reviewer", "oracle"), "forbids a call"),
        (("show", "--figure", "figure.pdf"), "ends in .png or .svg"),
    ],
)
def test_mistakes_are_told(cli: Callable[..., Any], finished: Path, words: tuple[str, ...], said: str) -> None:
    result = cli("reviewers", *words, "-w", finished)
    assert result.exit_code != 0
    assert said in result.stderr
