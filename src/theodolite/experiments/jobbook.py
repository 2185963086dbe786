"""The book of jobs: attempts, heartbeats and what jobs took, in the operations tables and in the log."""

from __future__ import annotations

import logging
import time

from theodolite.experiments.jobs import JobOutcome, JobSpec
from theodolite.store import JobState, Ops

__all__ = ["JobBook", "title_of"]

_BEAT_S = 5.0
_STATES = {"done": JobState.DONE, "timeout": JobState.TIMEOUT}

_logger = logging.getLogger(__name__)


class JobBook:
    """Keeps the jobs of one campaign; without operations tables it only logs."""

    def __init__(self, ops: Ops | None, campaign: str | None) -> None:
        self._ops = ops
        self._campaign = campaign
        self._beaten = 0.0
        if ops is not None and campaign is not None:
            ops.release_jobs(campaign)

    def begin(self, job: JobSpec, attempt: int, worker: int) -> int:
        """Record an attempt, and return how often the job has been begun, in this run and before."""
        extra = {"event": "job_begins", "job": job.sha256, "attempt": attempt, "worker": worker}
        _logger.info("a job is begun: %s", title_of(job), extra=extra)
        if self._ops is None:
            return attempt
        return self._ops.start_job(job.sha256, campaign=self._campaign, what=title_of(job), worker_pid=worker)

    def end(self, outcome: JobOutcome, job: JobSpec, worker: int) -> None:
        """Record how a job ended."""
        state = _STATES.get(outcome.status, JobState.FAILED)
        detail = None if outcome.status == "done" else f"{outcome.reason}\n{outcome.output}".strip()
        self._finish(job, worker, state, outcome.seconds, detail, outcome.peak_bytes)

    def give_up(self, job: JobSpec, worker: int, seconds: float, why: str, *, stopped: bool = False) -> None:
        """Record that an attempt came to nothing: its worker died, or the coordinator was ``stopped``."""
        self._finish(job, worker, JobState.CANCELLED if stopped else JobState.FAILED, seconds, why, None)

    def _finish(
        self, job: JobSpec, worker: int, state: JobState, seconds: float, detail: str | None, peak: int | None
    ) -> None:
        extra = {
            "event": "job_ends",
            "job": job.sha256,
            "worker": worker,
            "state": state.value,
            "seconds": round(seconds, 3),
        }
        level = logging.INFO if state is JobState.DONE else logging.WARNING
        _logger.log(level, "a job has ended: %s, %s", title_of(job), state.value, extra=extra)
        if self._ops is not None:
            self._ops.finish_job(job.sha256, state, seconds=seconds, peak_bytes=peak, detail=detail)

    def beat(self, running: list[JobSpec]) -> None:
        """Record now and then that the workers of running jobs live."""
        now = time.monotonic()
        if self._ops is not None and running and now - self._beaten > _BEAT_S:
            self._beaten = now
            self._ops.beat([job.sha256 for job in running])


def title_of(job: JobSpec) -> str:
    """Return a job in a few words."""
    place = "".join(f" {name} {value}" for name, value in job.params.items() if value is not None)
    return f"{job.tool}{place} on {job.variant}, {job.split}"
