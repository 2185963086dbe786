"""The soak, cut to a minute: every hypothesis gets its verdict, and nothing grows with their number."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from theodolite.store import EntryKind, Ledger, hypothesis_rows, verify

HYPOTHESES = 300


@pytest.fixture
def script(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(checkout / "evidence")
    module = importlib.import_module("soak")
    monkeypatch.setattr(module, "CAMPAIGN", 160)
    return module


@pytest.mark.slow
def test_a_short_soak(script: Any, tmp_path: Path) -> None:
    samples, reason = script.soak(tmp_path, HYPOTHESES, layers=8, heads=8, references=6)
    assert reason == "budget: all 140 experiments are registered"
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        assert sum(row.verdict is not None for row in rows) == HYPOTHESES
        assert ledger.count(EntryKind.REFUSAL) == ledger.count(EntryKind.FAILURE) == 0
    assert verify(tmp_path / "ledger.sqlite").ok
    found = script.summary(samples)
    assert found["largest_checkpoint_bytes"] <= script.MOST_CHECKPOINT
    # Memories of pure results fill up first: a leak of all that was ever read is about three times this.
    assert found["growth_last_third"] < 0.25


def test_slopes_and_thirds_are_told(script: Any) -> None:
    samples = [script.Sample(number, 10**6 + 100 * min(number, 60), 10, 1.0 + number) for number in range(90)]
    found = script.summary(samples)
    assert found["slope_first_third_bytes"] == pytest.approx(100)
    assert found["slope_last_third_bytes"] == pytest.approx(0, abs=1e-6)
    assert 0 < found["growth_last_third"] < 0.01
