"""Jobs and timings live outside the chain."""

from __future__ import annotations

import pytest

from theodolite.store import JobState, LedgerConflict


def test_attempts_at_a_job_are_counted(ledger):
    assert ledger.ops.start_job("a", worker_pid=17) == 1
    ledger.ops.finish_job("a", JobState.FAILED, seconds=6.0, detail="the worker died")
    assert ledger.ops.start_job("a") == 2
    (job,) = ledger.ops.jobs()
    assert (job.attempts, job.state, job.finished_at, job.detail) == (2, JobState.RUNNING, None, None)
    ledger.ops.finish_job("a", JobState.DONE, seconds=1.5)
    (job,) = ledger.ops.jobs(JobState.DONE)
    assert (job.seconds, job.state) == (1.5, JobState.DONE)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.started_at < job.finished_at
    assert ledger.ops.jobs(JobState.FAILED) == []
    # After an attempt that ended, whoever asks for the job again begins anew.
    assert ledger.ops.start_job("a") == 1
    with pytest.raises(LedgerConflict, match="job 'b' was never started"):
        ledger.ops.finish_job("b", JobState.DONE)


def test_jobs_that_a_dead_coordinator_left_running_are_released(ledger):
    ledger.ops.start_job("a", campaign="one", what="attention.edges at layer 2", worker_pid=17)
    ledger.ops.start_job("b", campaign="two")
    ledger.ops.start_job("c", campaign="one")
    ledger.ops.beat(["a"])
    ledger.ops.finish_job("c", JobState.DONE, seconds=1.0, peak_bytes=2**20)

    assert ledger.ops.release_jobs("one") == 1
    assert [(job.job_id, job.state) for job in ledger.ops.jobs(campaign="one")] == [
        ("a", JobState.LOST),
        ("c", JobState.DONE),
    ]
    assert [job.job_id for job in ledger.ops.jobs(JobState.RUNNING)] == ["b"]
    # Begun again, it is another attempt at the same job.
    assert ledger.ops.start_job("a", campaign="one") == 2


def test_timings_are_kept_in_order_and_leave_the_chain_alone(ledger):
    before = ledger.head()
    ledger.ops.record_timings("c/r01.s001", {"run": 2.5})
    ledger.ops.record_timings("c/r01.s001", {"run": 1.5})
    ledger.ops.record_timings("c/r01.s002", {"judge": 0.5, "settle": 0.25})
    assert [(row.phase, row.seconds) for row in ledger.ops.timings("c/r01.s001")] == [("run", 2.5), ("run", 1.5)]
    assert [(row.phase, row.seconds) for row in ledger.ops.timings("c/r01.s002")] == [("judge", 0.5), ("settle", 0.25)]
    ledger.ops.record_timings("c/r01.s003", {})
    assert len(ledger.ops.timings()) == 4
    assert ledger.head() == before


def test_what_people_hand_in_waits_until_it_is_taken_up(ledger):
    before = ledger.head()
    first = ledger.ops.hand_in("c", "proposal", "Ada", "{}")
    ledger.ops.hand_in("c", "approval", "Ada", "{}")
    ledger.ops.hand_in("d", "proposal", "Bob", "{}")
    assert [(item.number, item.person) for item in ledger.ops.inbox("c", "proposal")] == [(first, "Ada")]
    assert [item.campaign for item in ledger.ops.inbox(None)] == ["c", "c", "d"]
    ledger.ops.take_in(first)
    assert ledger.ops.inbox("c", "proposal") == []
    assert len(ledger.ops.inbox("c", waiting=False)) == 2
    assert ledger.head() == before
