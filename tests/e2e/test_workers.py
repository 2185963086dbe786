"""A campaign is the same whoever runs its jobs: one worker, two, or the test's own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.calibration.plants import seal_round
from theodolite.experiments import CampaignRun, LocalRunner, prepare
from theodolite.store import JobState, Ledger, diff, verify


def run_with(small_world: Any, folder: Path, workers: int) -> set[int]:
    """Run a whole campaign with so many workers, none of whose results were known; return which processes ran jobs."""
    # The number in the file is the number of workers, and no part of what the campaign is.
    setting = prepare(small_world.spec("any", workers=workers), small_world.private_workspace(folder))
    with (
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run_campaign(CampaignRun(setting, ledger, runner), Planner(), LintReviewer(), trials=seal_round)
        jobs = ledger.ops.jobs()
    assert len(jobs) > 30
    assert {(job.state, job.attempts, job.campaign) for job in jobs} == {(JobState.DONE, 1, setting.campaign_id)}
    return {job.worker_pid or 0 for job in jobs}


def test_one_worker_and_two_write_the_same_ledger(small_world: Any, tmp_path: Path) -> None:
    assert len(run_with(small_world, tmp_path / "one", 1)) == 1
    assert len(run_with(small_world, tmp_path / "two", 2)) == 2
    small_world.run_in_process(tmp_path / "none", small_world.spec("any"))
    names = ("one", "two", "none")
    opened = [Ledger.open(tmp_path / name / "ledger.sqlite", read_only=True) for name in names]
    one, two, none = opened
    assert diff(one, two) == []
    assert diff(one, none) == []
    assert len({ledger.head().hash for ledger in opened}) == 1
    assert verify(two).ok
    for ledger in opened:
        ledger.close()
