"""What a careless tool does must not reach the next job, whichever worker has it, nor the rows of the campaign."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from odd_jobs import gone, make_job, start_runner

from theodolite.experiments import StepError
from theodolite.experiments.bench import Bench
from theodolite.experiments.jobs import JobOutcome, Mismatch
from theodolite.experiments.looking import Looking
from theodolite.tools import get_tool

MIB = 2**20


def contents(outcomes: Any) -> list[bytes]:
    return [Path(str(outcome.content_file)).read_bytes() for outcome in outcomes]


def test_nobody_can_write_into_what_the_next_job_is_given(odd_setting: Any) -> None:
    bench = Bench(odd_setting.materials())
    before = bench.run(make_job(odd_setting, "odd.raises"))
    with pytest.raises(ValueError, match="read-only"):
        bench.run(make_job(odd_setting, "odd.centres"))
    assert bench.run(make_job(odd_setting, "odd.raises")) == before


def test_what_a_tool_draws_it_draws_the_same_anywhere(odd_setting: Any) -> None:
    first, again, other = (
        make_job(odd_setting, "odd.draws", layer, seed=seed) for layer, seed in ((0, 1), (1, 1), (0, 2))
    )
    one, two = Bench(odd_setting.materials()), Bench(odd_setting.materials())
    assert one.run(first) == one.run(again) == two.run(first)
    assert one.run(other) != one.run(first)


def test_what_a_job_leaves_behind_is_killed_before_the_next(odd_setting: Any, trouble: Path) -> None:
    with start_runner(odd_setting) as runner:
        assert [outcome.status for outcome in runner.submit([make_job(odd_setting, "odd.strews")])] == ["done"]
        assert gone(int(trouble.with_name("strewn").read_text()), within=5.0)
        worker = runner._pool._places[0].worker.pid if runner._pool is not None else 0
        list(runner.submit([make_job(odd_setting, "odd.raises")]))
        assert runner._pool is not None and runner._pool._places[0].worker.pid == worker


def test_a_helper_in_a_session_of_its_own_does_not_outlive_its_time(odd_setting: Any, trouble: Path) -> None:
    trouble.touch()
    with start_runner(odd_setting, timeout_s=5.0) as runner:
        (outcome,) = runner.submit([make_job(odd_setting, "odd.escapes")])
        assert outcome.status == "timeout"
        assert gone(int(trouble.with_name("escaped").read_text()))


def test_a_signal_without_a_name_and_scribbles_are_survived(odd_setting: Any) -> None:
    tools = ("odd.scribbles", "odd.rings", "odd.raises")
    with start_runner(odd_setting) as runner:
        scribbled, rung, fine = runner.submit([make_job(odd_setting, tool) for tool in tools])
    assert (scribbled.status, fine.status) == ("done", "done")
    assert (rung.status, rung.reason) == ("crash", "the worker died in each of 3 attempts")


def test_memory_that_another_job_kept_is_not_held_against_one(odd_setting: Any) -> None:
    with start_runner(odd_setting, job_memory_bytes=1100 * MIB) as runner:
        outcomes = list(runner.submit([make_job(odd_setting, "odd.hoards", layer) for layer in (0, 1)]))
    assert [outcome.status for outcome in outcomes] == ["done", "done"]


def test_an_input_that_changed_stops_the_campaign_and_ends_no_hypothesis(odd_setting: Any) -> None:
    job = make_job(odd_setting, "odd.raises", version="2")
    with pytest.raises(Mismatch, match="put it back as it was"):
        Bench(odd_setting.materials()).run(job)
    with start_runner(odd_setting) as runner:
        with pytest.raises(StepError, match=r"odd\.raises changed since the job was made"):
            list(runner.submit([job]))
        assert [outcome.status for outcome in runner.submit([make_job(odd_setting, "odd.raises")])] == ["done"]


def test_a_result_of_another_shape_is_no_result(odd_setting: Any) -> None:
    job = make_job(odd_setting, "odd.raises")
    pairs = make_job(odd_setting, "attention.edges", params={"layer": 1, "head": 1})
    with start_runner(odd_setting) as runner:
        ours, theirs = runner.submit([job, pairs])
        good = contents([ours])
        shutil.copyfile(str(theirs.content_file), str(ours.content_file))
        assert contents(runner.submit([job])) == good


def test_a_slip_of_a_tool_does_not_take_a_baseline_away(odd_setting: Any) -> None:
    with start_runner(odd_setting) as runner:
        (outcome,) = runner.submit([make_job(odd_setting, "odd.stumbles", variant="untrained(0)")])
        assert (outcome.status, outcome.broken) == ("tool_error", True)
        looking = Looking(replace(odd_setting), None, runner)  # type: ignore[arg-type]  # it reads no ledger
        job = make_job(odd_setting, "odd.stumbles", variant="untrained(0)")
        with pytest.raises(StepError, match="could not be read on baseline"):
            looking._effects_of(get_tool("odd.stumbles"), job, outcome)
        declined = JobOutcome(job_sha256=job.sha256, status="tool_error", reason="ToolError: no such place here")
        assert looking._effects_of(get_tool("odd.stumbles"), job, declined) == {}
