"""``ledger nodes`` and ``ledger invalidate``, as a person gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.store import EntryKind, Ledger, hypothesis_rows

AXIS = "tool:geometry.axis_separation"
WHY = "vectors of genes outside the vocabulary are zero"


def rows(folder: Path) -> int:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.head().seq


def turned(folder: Path) -> list[str]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return [row.subject for row in hypothesis_rows(ledger) if row.invalid_because is not None]


def test_nodes_are_listed_with_the_verdicts_that_rest_on_them(cli: Callable[..., Any], finished: Path) -> None:
    shown = cli("ledger", "nodes", "-w", finished)
    assert shown.exit_code == 0, shown.stderr
    assert "  6  model:planted-model#" in shown.stdout
    assert "jobs; --kind job lists them" in shown.stdout
    plain = json.loads(cli("ledger", "nodes", "-w", finished, "--kind", "tool", "--json").stdout)
    assert {item["kind"] for item in plain} == {"tool"}
    assert all(item["verdicts"] > 0 and item["invalidated"] is None for item in plain)
    assert any(item["node"].startswith(f"{AXIS}@1#") and len(item["sha256"]) == 64 for item in plain)
    refused = cli("ledger", "nodes", "-w", finished, "--kind", "toll")
    assert refused.exit_code == 2 and "rest on model, cells, reference" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([AXIS], "say what is wrong with it: --reason TEXT"),
        ([AXIS, "--reason", WHY], "say who you are with --person NAME"),
        ([AXIS, "--reason", WHY, "--person", "Ada"], "nothing was written; give --yes to write it"),
        ([AXIS, "--reason", WHY, "--person", "Ada", "--json"], "--json asks no questions"),
        (["tool:geometry.axis", "--dry-run"], "the nearest are tool:geometry.axis_separation@1#"),
        (["axis", "--dry-run"], "does not say what it is; write KIND:NAME"),
    ],
)
def test_without_reason_name_or_consent_nothing_is_written(
    cli: Callable[..., Any], finished: Path, words: list[str], said: str
) -> None:
    before = rows(finished)
    refused = cli("ledger", "invalidate", *words, "-w", finished)
    assert refused.exit_code == 2
    assert said in refused.stderr.replace("\n", " ")
    assert rows(finished) == before


def test_a_dry_run_shows_what_would_fall_and_why(cli: Callable[..., Any], finished: Path) -> None:
    before = rows(finished)
    shown = cli("ledger", "invalidate", AXIS, "--dry-run", "-w", finished)
    assert shown.exit_code == 0, shown.stderr
    assert "verdicts rest on tool:geometry.axis_separation@1#" in shown.stdout
    assert "supported -> invalid" in shown.stdout
    assert "Nothing was written." in shown.stdout
    assert "theodolite propose finished.yaml --tool geometry.axis_separation --reference" in shown.stdout
    assert rows(finished) == before


def test_verdicts_fall_once_and_every_reader_sees_it(cli: Callable[..., Any], finished: Path) -> None:
    said = ["--reason", WHY, "--person", "Ada", "--yes", "-w", finished]
    written = cli("ledger", "invalidate", AXIS, *said)
    assert written.exit_code == 0, written.stderr
    fallen, after = turned(finished), rows(finished)
    assert f"{len(fallen)} verdicts turned to invalid." in written.stdout
    again = cli("ledger", "invalidate", AXIS, *said)
    assert again.exit_code == 0
    assert "It was written before, for that reason" in again.stdout
    assert rows(finished) == after

    assert "INVALIDATED by Ada: vectors of genes" in cli("ledger", "nodes", "-w", finished).stdout
    shown = cli("ledger", "show", fallen[0], "-w", finished).stdout
    assert "INVALID" in shown and "Invalidated" in shown and f"by Ada: {WHY}" in " ".join(shown.split())
    assert "it was supported until then" in shown
    assert "verdict" in shown.partition("Entries")[2], "the row of the first verdict is part of the history"
    listed = json.loads(cli("ledger", "list", "-w", finished, "--json").stdout)
    assert {line["subject"] for line in listed if line["first_unmet"] == "invalidated"} == set(fallen)
    assert cli("ledger", "verify", "-w", finished).exit_code == 0
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.INVALIDATION) == 1


def test_what_cannot_be_run_again_is_named_with_the_reason(cli: Callable[..., Any], finished: Path) -> None:
    plain = json.loads(
        cli(
            "ledger", "invalidate", "model:planted-model", "--reason", "wrong weights", "--person", "Ada", "--yes",
            "--json", "-w", finished,
        ).stdout
    )  # fmt: skip
    assert (plain["recorded"], plain["written"], plain["person"]) == (True, 6, "Ada")
    assert [item["command"] for item in plain["run_again"]] == [None] * 6
    assert "by its content" in plain["run_again"][0]["first"]
    assert all(item["path"][0] == plain["node"] and item["written"] for item in plain["verdicts"])
    shown = cli("ledger", "invalidate", "model:planted-model", "--reason", "x", "-w", finished).stdout
    assert "Cannot be run again" in shown and "To run again" not in shown


def test_nobody_invalidates_what_a_running_campaign_writes(cli: Callable[..., Any], finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite") as ledger, ledger.coordinator("somebody"):
        refused = cli("ledger", "invalidate", AXIS, "--reason", WHY, "--person", "Ada", "--yes", "-w", finished)
    assert refused.exit_code != 0 and "somebody" in refused.stderr
    assert turned(finished) == []
