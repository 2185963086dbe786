"""The pool of workers against tools that leak, break, babble and hang: each ends in its outcome, the next job runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from odd_jobs import gone, make_job, pids, start_runner

from theodolite.claims import Direction, Hypothesis
from theodolite.experiments import CampaignRun
from theodolite.experiments.needs import memory_needed
from theodolite.store import JobState, Ledger, hypothesis_rows

MIB = 2**20


def test_outcomes_come_in_the_order_asked_for_whichever_worker_ends_first(odd_setting: Any) -> None:
    jobs = [make_job(odd_setting, name, layer) for layer in (2, 0, 1) for name in ("odd.raises", "odd.dies")]
    with start_runner(odd_setting, workers=2) as runner:
        # Asked for twice, a job is run once, and whoever asks later hears the same.
        outcomes = list(runner.submit([*jobs, jobs[0]]))
        assert runner._pool is not None
        assert len({place.worker.pid for place in runner._pool._places}) == 2
    assert [outcome.job_sha256 for outcome in outcomes] == [job.sha256 for job in [*jobs, jobs[0]]]
    assert outcomes[-1] == outcomes[0]
    assert {outcome.status for outcome in outcomes} == {"done"}


def test_jobs_are_under_way_before_anybody_waits_for_them(odd_setting: Any) -> None:
    first, second = make_job(odd_setting, "odd.raises"), make_job(odd_setting, "odd.raises", 1)
    with start_runner(odd_setting) as runner:
        runner.submit([first])
        # Whoever waits for the second finds that the first was not forgotten: the queue has one order.
        (outcome,) = runner.submit([second])
        assert outcome.status == "done"
        assert (Path(odd_setting.materials().results) / first.sha256).is_file()


def test_a_tool_that_leaks_is_killed_at_its_limit_with_what_it_started(odd_setting: Any, trouble: Path) -> None:
    with start_runner(odd_setting, job_memory_bytes=1024 * MIB) as runner:
        (fine,) = runner.submit([make_job(odd_setting, "odd.leaks", layer=2)])
        assert fine.status == "done"
        assert 10 * MIB < (fine.peak_bytes or 0) < 1024 * MIB
        trouble.touch()
        leaky = runner.submit([make_job(odd_setting, "odd.leaks"), make_job(odd_setting, "odd.breeds")])
        # The first was in a worker that had run another job, and is believed only of one that had not.
        for outcome, attempts in zip(leaky, (2, 1), strict=True):
            assert (outcome.status, outcome.attempts) == ("memory", attempts)
            assert outcome.reason == (
                "the worker's processes held more than the 1,024 MiB that a job may hold (budget.job_memory_mb); its "
                "process group was killed"
            )
            assert (outcome.peak_bytes or 0) > 1024 * MIB
        trouble.unlink()
        (after,) = runner.submit([make_job(odd_setting, "odd.leaks", layer=1)])
        assert after.status == "done"


def test_a_worker_whose_model_alone_is_too_large_is_no_riddle(odd_setting: Any) -> None:
    with start_runner(odd_setting, job_memory_bytes=64 * MIB) as runner:
        (outcome,) = runner.submit([make_job(odd_setting, "odd.raises")])
    assert (outcome.status, outcome.content_file) == ("memory", None)
    assert "64 MiB" in outcome.reason


def test_a_job_that_cannot_fit_is_refused_before_it_starts(odd_setting: Any) -> None:
    wanted = make_job(odd_setting, "odd.gapes")
    with start_runner(odd_setting, needs=lambda job: memory_needed(odd_setting, job)) as runner:
        (outcome,) = runner.submit([wanted])
        assert runner._pool is None, "a worker was started for a job that cannot fit"
    assert (outcome.status, outcome.attempts) == ("memory", 0)
    assert outcome.reason.startswith("odd.gapes needs some")
    assert outcome.reason.endswith("it was not begun")


def test_tools_that_break_babble_or_write_garbage_end_in_their_outcome(odd_setting: Any, trouble: Path) -> None:
    trouble.touch()
    tools = ("odd.segfaults", "odd.garbles", "odd.talks", "odd.raises")
    with start_runner(odd_setting) as runner:
        broken, garbled, talked, raised = runner.submit([make_job(odd_setting, tool) for tool in tools])
    assert (broken.status, broken.attempts) == ("crash", 3)
    assert broken.reason == "the worker died in each of 3 attempts"
    assert "odd_tools.py" in broken.output, "the last words hold no traceback"
    assert (garbled.status, garbled.content_file) == ("tool_error", None)
    assert garbled.reason == "the result file is not what the worker wrote, or no measurement"
    assert not (Path(odd_setting.materials().results) / garbled.job_sha256).exists()
    # A gigabyte was printed; the end of it is kept, and the measurement is none the worse.
    assert talked.status == "done"
    assert talked.output.endswith("the last word\n")
    assert raised.status == "tool_error"
    log = odd_setting.workspace.worker_log
    assert log.stat().st_size < MIB
    assert "[the beginning is left out]" in log.read_text()


def test_a_job_whose_worker_somebody_kills_is_begun_again(odd_setting: Any, trouble: Path) -> None:
    trouble.touch()
    job = make_job(odd_setting, "odd.dies_once")
    with (
        Ledger.open(odd_setting.workspace.ledger, create=True) as ledger,
        start_runner(odd_setting, ops=ledger.ops, campaign="c") as runner,
    ):
        (outcome,) = runner.submit([job])
        (row,) = ledger.ops.jobs()
    assert (outcome.status, outcome.attempts) == ("done", 2)
    assert (row.job_id, row.attempts, row.state, row.campaign) == (job.sha256, 2, JobState.DONE, "c")
    assert row.what == "odd.dies_once layer 0 on main, discovery"
    assert row.coordinator_pid == os.getpid()
    assert (row.seconds or 0) > 0
    assert (row.peak_bytes or 0) > 0
    assert row.heartbeat_at is not None


def test_a_job_that_took_ten_coordinators_with_it_is_given_up(odd_setting: Any) -> None:
    job, often = make_job(odd_setting, "odd.raises"), make_job(odd_setting, "odd.raises", 1)
    with Ledger.open(odd_setting.workspace.ledger, create=True) as ledger:
        for _ in range(10):
            ledger.ops.start_job(job.sha256, campaign="c")
            ledger.ops.release_jobs("c")
            # Attempts that ended, or were stopped in good order, are none of those.
            ledger.ops.start_job(often.sha256, campaign="c")
            ledger.ops.finish_job(often.sha256, JobState.CANCELLED)
        with start_runner(odd_setting, ops=ledger.ops, campaign="c") as runner:
            given_up, fine = runner.submit([job, often])
    assert (given_up.status, fine.status) == ("crash", "done")
    assert given_up.reason == "it was begun 10 times, and whatever ran it died before it ended"


def test_a_full_disk_ends_no_hypothesis_but_stops_the_campaign(odd_setting: Any, trouble: Path) -> None:
    trouble.touch()
    job = make_job(odd_setting, "odd.fills")
    with start_runner(odd_setting) as runner, pytest.raises(OSError, match="No space left on device"):
        list(runner.submit([job]))
    trouble.unlink()
    with start_runner(odd_setting) as runner:
        (outcome,) = runner.submit([job])
    assert outcome.status == "done"


def test_a_result_that_a_disk_spoiled_is_made_again(odd_setting: Any) -> None:
    job = make_job(odd_setting, "odd.raises")
    with start_runner(odd_setting) as runner:
        (first,) = runner.submit([job])
        good = Path(str(first.content_file)).read_bytes()
        Path(str(first.content_file)).write_bytes(good[:-7])
        (again,) = runner.submit([job])
    assert Path(str(again.content_file)).read_bytes() == good


def test_a_worker_that_cannot_start_ends_in_an_outcome_that_says_so(
    odd_setting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.experiments.workers.sys.executable", "/bin/false")
    with start_runner(odd_setting) as runner:
        (outcome,) = runner.submit([make_job(odd_setting, "odd.raises")])
    assert outcome.status == "crash"
    assert outcome.reason == "no worker could be started; worker.log has its last words"


def test_a_tool_that_never_lets_the_interpreter_go_is_killed_with_its_child(odd_setting: Any, trouble: Path) -> None:
    with start_runner(odd_setting, timeout_s=10.0) as runner:
        list(runner.submit([make_job(odd_setting, "odd.grips", layer=2)]))
        trouble.touch()
        (outcome,) = runner.submit([make_job(odd_setting, "odd.grips")])
        assert outcome.status == "timeout"
        assert outcome.reason == "no answer within 10 s; the worker's process group was killed"
        assert all(gone(pid) for pid in pids(trouble))


def test_closing_the_runner_kills_what_it_started(odd_setting: Any, trouble: Path) -> None:
    trouble.touch()
    with Ledger.open(odd_setting.workspace.ledger, create=True) as ledger:
        runner = start_runner(odd_setting, ops=ledger.ops, campaign="c")
        waiting = runner.submit([make_job(odd_setting, "odd.sleeps")])
        found = pids(trouble)
        runner.close()
        assert all(gone(pid) for pid in found)
        assert [job.state for job in ledger.ops.jobs()] == [JobState.CANCELLED]
        with pytest.raises(RuntimeError, match="was closed"):
            next(waiting)
    assert not [child for child in psutil.Process().children(recursive=True) if "worker" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_a_round_of_misbehaving_tools_ends_in_rows_and_the_campaign_goes_on(
    odd_setting: Any, trouble: Path, strongest: Callable[..., Hypothesis], make_hypothesis: Callable[..., Hypothesis],
    recorded_as: Callable[..., Any],
) -> None:  # fmt: skip
    place = {"kind": "layer", "layer": 0}
    tools = {"odd.leaks": "memory", "odd.segfaults": "crash", "odd.garbles": "tool_error", "odd.talks": None}
    with (
        Ledger.open(odd_setting.workspace.ledger, create=True) as ledger,
        start_runner(odd_setting, workers=2, job_memory_bytes=1024 * MIB, ops=ledger.ops) as runner,
    ):
        run = CampaignRun(odd_setting, ledger, runner, check=recorded_as(0))
        run.open()
        sound = strongest(run, "program_1")
        trouble.touch()
        for slot, tool in enumerate(tools, start=1):
            hypothesis = make_hypothesis(run, "program_1", tool=tool, locus=place, direction=Direction.GREATER)
            run.propose(1, slot, hypothesis)
        run.propose(1, len(tools) + 1, sound)
        run.register(1)
        run.run_jobs(1)
        run.judge(1)
        run.record(1)
        run.close_round(1)
        rows = hypothesis_rows(ledger)
    assert [row.failure_code for row in rows] == [*tools.values(), None]
    assert [row.verdict for row in rows][:3] == ["error"] * 3
    assert rows[-1].verdict == "supported"
