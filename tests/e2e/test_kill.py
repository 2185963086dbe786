"""``kill -9`` in every node of the real command; the same command again ends in the ledger of an undisturbed run."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from killing import PATIENCE, command, finish, has_row, kill_at, kill_group

from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, diff, verify

pytestmark = pytest.mark.slow

NODES = {
    "propose (looks)": EntryKind.LOOK,
    "propose": EntryKind.HYPOTHESIS,
    "register": EntryKind.REGISTRATION,
    "review_plans": EntryKind.PLAN_REVIEW,
    "run_jobs": EntryKind.RESULT,
    "judge": EntryKind.JUDGEMENT,
    "review_records": EntryKind.RECORD_REVIEW,
    "record": EntryKind.VERDICT,
    "steer": EntryKind.ROUND,
}
"""The kind of row that is the first sign of a node at work."""


BUDGET_OF_LATE_KILLS, BUDGET = 3, 2
"""A round has two slots. Two experiments are one round, whose budget is used up while it is under way. The last nodes
take milliseconds: with three experiments a second round follows, so that the kill cannot come after the end."""


@pytest.fixture(scope="module")
def campaign_file(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _campaign_file(small_world, tmp_path_factory, BUDGET)


def _campaign_file(small_world: Any, tmp_path_factory: pytest.TempPathFactory, budget: int) -> Path:
    file = tmp_path_factory.mktemp("files") / "killed.yaml"
    return small_world.campaign_file(file, budget={"experiments": budget})


@pytest.fixture(scope="module")
def undisturbed(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, Path]]:
    """Return the campaign file and the folder of an undisturbed run, by budget."""
    runs = {}
    for budget in (BUDGET, BUDGET_OF_LATE_KILLS):
        file = _campaign_file(small_world, tmp_path_factory, budget)
        folder = tmp_path_factory.mktemp("e2e") / "undisturbed"
        finish(file, folder)
        runs[budget] = (file, folder)
    return runs


@pytest.mark.parametrize("kind", NODES.values(), ids=NODES.keys())
def test_the_same_command_again_loses_nothing(
    undisturbed: dict[int, tuple[Path, Path]], tmp_path: Path, kind: EntryKind
) -> None:
    late = kind in (EntryKind.JUDGEMENT, EntryKind.RECORD_REVIEW, EntryKind.VERDICT, EntryKind.ROUND)
    campaign_file, whole = undisturbed[BUDGET_OF_LATE_KILLS if late else BUDGET]
    folder = tmp_path / "killed"
    kill_at(campaign_file, folder, kind)
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.STOP) == 0, "the campaign was over before it was killed"
        assert verify(ledger).ok
    finish(campaign_file, folder)
    with (
        Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger,
        Ledger.open(whole / "ledger.sqlite", read_only=True) as expected,
    ):
        assert diff(ledger, expected) == []
        assert ledger.head().hash == expected.head().hash
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


def test_a_second_process_on_the_same_ledger_is_turned_away(campaign_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "contended"
    first = command(campaign_file, folder)
    try:
        until = time.monotonic() + PATIENCE
        while not has_row(folder / "ledger.sqlite", EntryKind.CAMPAIGN):
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGSTOP)
        second = command(campaign_file, folder)
        try:
            assert second.wait(timeout=PATIENCE) == 3
        finally:
            kill_group(second)
    finally:
        kill_group(first)
