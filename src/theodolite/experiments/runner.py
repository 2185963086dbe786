"""Runners: jobs go in, and one outcome each comes out, in the order asked for, whichever ended first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from theodolite.experiments.jobbook import JobBook
from theodolite.experiments.jobs import JobOutcome, JobSpec, Materials, Orders
from theodolite.experiments.machine import memory_bytes, worker_count
from theodolite.experiments.needs import MIB, job_memory_bytes, memory_needed
from theodolite.experiments.pool import Pool, Task
from theodolite.experiments.results import readable
from theodolite.experiments.workers import WorkerLog
from theodolite.store import Ops

if TYPE_CHECKING:
    from theodolite.experiments.setting import Setting

__all__ = ["LocalRunner", "Runner"]

_logger = logging.getLogger(__name__)


class Runner(Protocol):
    """Whatever runs jobs: this machine, later a cluster."""

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Begin to run jobs, all at once as far as there is room, and yield one outcome each, in their order.

        Whoever does not want to wait yet asks again later: a job is run once, however often it is asked for.
        """
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...


class LocalRunner:
    """Runs jobs in a pool of spawned worker processes; a job whose result file exists is not run again.

    Parameters
    ----------
    materials
        Where workers find what jobs name.
    timeout_s
        Seconds after which a job is killed; loading a model before the first job is not counted.
    log
        File for what workers print, bounded.
    workers
        Most processes at once; they are started when there is work for them, and stay.
    job_memory_bytes
        Resident memory that a worker and what it starts may hold; what the machine has where not given.
    needs
        Says how many bytes a job needs; one that needs more than it may hold is not begun.
    ops, campaign
        Operations tables of the ledger in which attempts and heartbeats are kept, and for which campaign.
    """

    def __init__(
        self,
        materials: Materials,
        *,
        timeout_s: float,
        log: Path,
        workers: int = 1,
        job_memory_bytes: int | None = None,
        needs: Callable[[JobSpec], int] | None = None,
        ops: Ops | None = None,
        campaign: str | None = None,
    ) -> None:
        self._most = memory_bytes() if job_memory_bytes is None else job_memory_bytes
        self._orders = Orders(materials=materials, memory_bytes=self._most)
        self._needs = needs
        self._book = JobBook(ops, campaign)
        self._start = partial(
            Pool, self._orders, timeout_s=timeout_s, workers=workers, log=WorkerLog(log), book=self._book
        )
        self._pool: Pool | None = None
        self._open: dict[str, Task] = {}

    @classmethod
    def for_campaign(cls, setting: Setting, ops: Ops | None = None, *, workers: int | None = None) -> Self:
        """Return the runner that a campaign asks for; ``workers`` takes the place of the number in its file."""
        spec = setting.spec
        return cls(
            setting.materials(),
            timeout_s=spec.budget.job_timeout_s,
            log=setting.workspace.worker_log,
            workers=worker_count(workers or spec.workers, spec.threads),
            job_memory_bytes=job_memory_bytes(spec),
            needs=partial(memory_needed, setting),
            ops=ops,
            campaign=setting.campaign_id,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Begin to run jobs at once, and yield one outcome each, in the order given.

        Raises
        ------
        OSError, StepError
            If the disk is full, or an input is no longer what the job names: that says nothing of the job, which can be
            asked for again.
        """
        # Not a generator itself: the jobs are to be under way before anybody waits for the first of them.
        return self._outcomes([self._take(job) for job in jobs])

    def close(self) -> None:
        """Stop the workers and everything that they started."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        self._open.clear()

    def _take(self, job: JobSpec) -> Task:
        known = self._open.get(job.sha256)
        if known is not None and known.error is None:
            return known
        task = Task(job)
        result = self._orders.result(job)
        if result.is_file():
            if readable(result.read_bytes(), job):
                task.outcome = JobOutcome(job_sha256=job.sha256, status="done", content_file=str(result))
                return task
            _logger.warning("the result of a job cannot be read and is made again", extra={"job": job.sha256})
            result.unlink()
        refused = self._refused(job)
        if refused is not None:
            task.outcome = JobOutcome(job_sha256=job.sha256, status="memory", reason=refused)
            return task
        self._pool = self._pool or self._start()
        self._open[job.sha256] = task
        self._pool.add(task)
        return task

    def _refused(self, job: JobSpec) -> str | None:
        needed = 0 if self._needs is None else self._needs(job)
        if needed <= self._most:
            return None
        return (
            f"{job.tool} needs some {-(-needed // MIB):,} MiB, more than a job may hold (budget.job_memory_mb, or what "
            "the machine has); it was not begun"
        )

    def _outcomes(self, tasks: list[Task]) -> Iterator[JobOutcome]:
        for task in tasks:
            outcome = task.outcome
            if outcome is None:
                if self._pool is None:
                    raise RuntimeError(f"the runner was closed before job {task.job.sha256[:12]} had ended")
                outcome = self._pool.wait(task)
            self._open.pop(task.job.sha256, None)
            yield outcome
