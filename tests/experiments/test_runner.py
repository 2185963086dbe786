"""The local runner with real worker processes: time-outs, deaths, orphans and results that are written once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from odd_jobs import gone, make_job, pids, start_runner

from theodolite.claims import Direction, Hypothesis
from theodolite.experiments import CampaignRun
from theodolite.measurements import load_measurement
from theodolite.store import Ledger, hypothesis_rows, stream_state


def test_a_worker_process_gives_what_its_code_gives_here(odd_setting: Any, small_world: Any, tmp_path: Path) -> None:
    here = replace(odd_setting, workspace=replace(odd_setting.workspace, cache=tmp_path / "another-cache"))
    jobs = [make_job(odd_setting, "odd.prints"), make_job(odd_setting, "odd.raises", layer=1, variant="untrained(3)")]
    with start_runner(odd_setting) as runner:
        elsewhere = [Path(str(outcome.content_file)).read_bytes() for outcome in runner.submit(jobs)]
    direct = [Path(str(outcome.content_file)).read_bytes() for outcome in small_world.runner(here).submit(jobs)]
    assert elsewhere == direct
    assert load_measurement(elsewhere[0]).sha256 != load_measurement(elsewhere[1]).sha256


def test_a_result_is_written_once_and_never_made_again(odd_setting: Any) -> None:
    job = make_job(odd_setting, "odd.raises")
    with start_runner(odd_setting) as runner:
        (first,) = runner.submit([job])
        assert first.status == "done"
        before = Path(str(first.content_file)).stat()
        (again,) = runner.submit([job])
    with start_runner(odd_setting) as fresh:
        (later,) = fresh.submit([job])
        assert fresh._pool is None, "a worker was started for a job whose result exists"
    assert again.content_file == later.content_file == first.content_file
    assert Path(str(first.content_file)).name == job.sha256
    after = Path(str(first.content_file)).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_result_that_cannot_be_written_is_no_fault_of_its_job(odd_setting: Any) -> None:
    results = Path(odd_setting.materials().results)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text("a file where a folder should be")
    job = make_job(odd_setting, "odd.raises")
    with start_runner(odd_setting) as runner:
        with pytest.raises(OSError, match="results"):
            list(runner.submit([job]))
        results.unlink()
        (outcome,) = runner.submit([job])
    assert outcome.status == "done"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_sha256": "1" * 64}, "the model changed"),
        ({"cells_sha256": "1" * 64}, "the cells changed"),
        ({"split_sha256": "1" * 64}, "the split changed"),
        ({"source_sha256": "1" * 64}, "changed since the job was made"),
        ({"version": "2"}, "changed since the job was made"),
        ({"tool": "odd.dies"}, "changed since the job was made"),
        ({"tool": "odd.absent"}, "no tool 'odd.absent'"),
        ({"split": "block-9"}, "block-9"),
        ({"params": {"layer": -1}}, "greater than or equal to 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_job_that_names_something_else_than_the_worker_has_is_a_tool_error(
    odd_setting: Any, small_world: Any, change: dict[str, Any], said: str
) -> None:
    from theodolite.experiments.bench import Bench

    job = make_job(odd_setting, "odd.raises").model_copy(update=change)
    with pytest.raises((RuntimeError, ValueError, KeyError), match=said):
        Bench(odd_setting.materials()).run(job)
    assert not (Path(odd_setting.materials().results) / job.sha256).exists()


def test_a_worker_that_dies_or_raises_is_a_row_and_the_next_job_runs(odd_setting: Any, trouble: Path) -> None:
    with start_runner(odd_setting) as runner:
        (fine,) = runner.submit([make_job(odd_setting, "odd.dies", layer=2)])
        assert fine.status == "done"
        trouble.touch()
        jobs = [
            make_job(odd_setting, "odd.raises"),
            make_job(odd_setting, "odd.dies"),
            make_job(odd_setting, "odd.raises", 1),
        ]
        raised, died, after = runner.submit(jobs)
    assert (raised.status, raised.reason) == ("tool_error", "ToolError: there is nothing to measure here")
    assert (died.status, died.content_file) == ("crash", None)
    # Whoever killed it may not have meant the job, which is begun again; what dies each time is given up.
    assert died.reason == "the worker died in each of 3 attempts"
    assert (died.attempts, raised.attempts) == (3, 1)
    assert after.status == "tool_error"
    assert "nothing to measure" in odd_setting.workspace.worker_log.read_text()


@pytest.mark.slow
def test_a_job_that_outlives_its_time_is_killed_with_its_children_and_the_campaign_goes_on(
    odd_setting: Any, small_world: Any, trouble: Path, strongest: Callable[..., Hypothesis],
    make_hypothesis: Callable[..., Hypothesis], go_round: Callable[..., None], recorded_as: Callable[..., Any],
) -> None:  # fmt: skip
    place = {"kind": "layer", "layer": 0}
    with Ledger.open(odd_setting.workspace.ledger, create=True) as ledger, start_runner(odd_setting) as runner:
        run = CampaignRun(odd_setting, ledger, runner, check=recorded_as(0))
        run.open()
        sound = strongest(run, "program_1")
        slow = make_hypothesis(run, "program_1", tool="odd.sleeps", locus=place, direction=Direction.GREATER)
        deadly = make_hypothesis(run, "program_2", tool="odd.dies", locus=place, direction=Direction.GREATER)
        trouble.touch()
        for slot, hypothesis in enumerate((slow, deadly, sound), start=1):
            run.propose(1, slot, hypothesis)
        run.register(1)
        # A worker that loads its model is given the time that this takes, so that a short time is the tool's own.
        assert runner._pool is not None
        runner._pool._timeout_s = 8.0
        run.run_jobs(1)
        worker, child = pids(trouble)
        assert gone(worker)
        assert gone(child)
        run.judge(1)
        run.record(1)
        run.close_round(1)
        rows = hypothesis_rows(ledger)
        assert [row.verdict for row in rows] == ["error", "error", "supported"]
        assert [row.failure_code for row in rows] == ["timeout", "crash", None]
        assert [row.observed for row in rows[:2]] == [False, False]
        assert "process group was killed" in str(rows[0].failure_reason)
        # Neither failure had computed its statistic: the third hypothesis is the first test of the stream.
        assert [row.t for row in rows] == [None, None, 1]
        assert stream_state(ledger, "main").t == 1
        trouble.unlink()
        go_round(run, 2, [make_hypothesis(run, "decoy_1")])
        assert hypothesis_rows(ledger)[-1].verdict in {"inconclusive", "refuted"}


ORPHAN = """
import sys
from pathlib import Path
from theodolite.experiments import JobSpec, LocalRunner, Materials
materials, job, log = (Path(argument) for argument in sys.argv[1:])
runner = LocalRunner(Materials.model_validate_json(materials.read_text()), timeout_s=600, log=log)
print(list(runner.submit([JobSpec.model_validate_json(job.read_text())])))
"""


@pytest.fixture
def orphaned(odd_setting: Any, trouble: Path, tmp_path: Path) -> Iterator[list[int]]:
    """Kill a coordinator while its worker runs a tool; return the ids of the worker and of the tool's child."""
    trouble.touch()
    (tmp_path / "materials.json").write_text(odd_setting.materials().model_dump_json())
    (tmp_path / "job.json").write_text(make_job(odd_setting, "odd.sleeps").model_dump_json())
    arguments = [str(tmp_path / name) for name in ("materials.json", "job.json", "worker.log")]
    coordinator = subprocess.Popen([sys.executable, "-c", ORPHAN, *arguments])
    found: list[int] = []
    try:
        found = pids(trouble)
        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait()
        yield found
    finally:
        coordinator.kill()
        for pid in found:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_does_not_outlive_its_coordinator(orphaned: list[int]) -> None:
    worker, _ = orphaned
    assert gone(worker)


@pytest.mark.slow
def test_what_a_tool_started_does_not_outlive_the_coordinator_either(orphaned: list[int]) -> None:
    worker, child = orphaned
    assert gone(worker)
    assert gone(child, within=3.0)
