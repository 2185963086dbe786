"""Ledgers that earlier versions wrote must verify for ever: chain, levels, decisions, and numbers from artefacts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from theodolite.experiments.replay import verify_decisions
from theodolite.store import Ledger, verify

LEDGERS = sorted(path.parent for path in Path(__file__).parent.glob("*/ledger.sqlite"))


def test_there_is_a_ledger_of_the_first_version() -> None:
    assert "pbmc-demo-0.1.0" in [folder.name for folder in LEDGERS]


def test_there_is_a_ledger_of_catalogue_2_with_models_and_people(tmp_path: Path) -> None:
    folder = shutil.copytree(Path(__file__).parent / "models-catalogue-2", tmp_path / "kept")
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        kinds = {entry.kind.value for entry in ledger.entries()}
        assert {"model_call", "malformed", "control", "approval", "budget", "review_trial"} <= kinds
        assert any(entry.payload.get("person") == "Ada" for entry in ledger.entries(kind="hypothesis"))
        assert {entry.payload["catalogue"] for entry in ledger.entries(kind="campaign")} == {"2"}


@pytest.mark.parametrize("kept", LEDGERS, ids=lambda folder: folder.name)
def test_an_old_ledger_verifies(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / kept.name
    shutil.copytree(kept, folder)
    Ledger.open(folder / "ledger.sqlite").close()  # makes the tables anew where a newer version reads them otherwise
    report = verify(folder / "ledger.sqlite", expected_head=(kept / "HEAD").read_text(encoding="utf-8").strip())
    assert report.ok, report.problems
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert verify_decisions(ledger, deep=True) == []


@pytest.mark.parametrize("kept", LEDGERS, ids=lambda folder: folder.name)
def test_an_old_ledger_with_one_byte_changed_does_not(kept: Path, tmp_path: Path) -> None:
    import sqlite3

    folder = tmp_path / kept.name
    shutil.copytree(kept, folder)
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        row = database.execute("SELECT seq, payload FROM entry WHERE kind = 'verdict' ORDER BY seq LIMIT 1").fetchone()
        changed = row[1].replace('"verdict":"s', '"verdict":"t', 1) if '"verdict":"s' in row[1] else row[1][:-1] + " "
        database.execute("UPDATE entry SET payload = ? WHERE seq = ?", (changed, row[0]))
    report = verify(folder / "ledger.sqlite")
    assert not report.ok
    assert row[0] in {problem.seq for problem in report.problems}
