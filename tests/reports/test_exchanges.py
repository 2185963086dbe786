"""What was said in a call is read back from the ledger, in full."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from theodolite.cli import app
from theodolite.reports import exchange
from theodolite.store import EntryKind, Ledger


@pytest.fixture
def kept(checkout: Path, tmp_path: Path) -> Path:
    """Return a copy of a ledger that holds calls of language models."""
    return shutil.copytree(checkout / "tests" / "ledgers" / "models-catalogue-2", tmp_path / "kept")


def test_every_call_is_read_back_with_its_answer(kept: Path) -> None:
    with Ledger.open(kept / "ledger.sqlite") as ledger:
        for entry in ledger.entries(kind=EntryKind.MODEL_CALL):
            said = exchange(ledger, entry)
            assert said is not None
            assert [role for role, _ in said.messages[:2]] == ["system", "user"]
            assert said.answer
        other = next(iter(ledger.entries(kind=EntryKind.CAMPAIGN)))
        assert exchange(ledger, other) is None


def test_the_command_prints_it(kept: Path) -> None:
    with Ledger.open(kept / "ledger.sqlite") as ledger:
        call = next(iter(ledger.entries(kind=EntryKind.MODEL_CALL))).id
    found = CliRunner().invoke(app, ["ledger", "show", call, "-w", str(kept)])
    assert found.exit_code == 0, found.output
    assert "# Who you are" in found.stdout
    assert "<data of='references'>" in found.stdout
