"""The pool: a thread that serves worker processes, so that they never wait for a coordinator that judges meanwhile.

It starts workers when there is work for them, kills a worker's process group when a job outlives its time, and begins
a job again whose worker died.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from theodolite.canonical import sha256_bytes
from theodolite.experiments.jobbook import JobBook, title_of
from theodolite.experiments.jobs import JobOutcome, JobSpec, Orders, StepError
from theodolite.experiments.machine import gpus
from theodolite.experiments.results import readable
from theodolite.experiments.workers import WorkerLog, WorkerProcess

__all__ = ["ABANDONED", "ATTEMPTS", "Pool", "Task"]

ATTEMPTS: Final = 3
"""How often a job is begun whose worker dies: whoever killed it from outside may not have meant the job."""
ABANDONED: Final = 10
"""Attempts, over all runs of a campaign, after which a job is given up whose coordinators died with it."""
_START_S = 600.0
"""Seconds in which a worker must have loaded model and cells; they are not counted to a job."""

_GARBLED = "the result file is not what the worker wrote, or no measurement"

_logger = logging.getLogger(__name__)


def _trouble(answer: dict[str, Any]) -> OSError | StepError:
    """Return what a worker met that says nothing of its job."""
    if "errno" in answer:
        return OSError(answer["errno"], answer.get("said"), answer.get("file"))
    return StepError(f"a worker could not go on: {answer.get('said')}; mend that, then the same command continues")


@dataclass(eq=False)
class Task:
    """A job that was asked for, by whoever and however often, until its outcome is known."""

    job: JobSpec
    attempts: int = 0
    outcome: JobOutcome | None = None
    error: OSError | StepError | None = None
    deaths: list[str] = field(default_factory=list)
    alone: bool = False
    """Whether it wants a worker that has run nothing yet."""


@dataclass(eq=False)
class _Place:
    """A worker and what it is doing; without a task it is free, without ``ready`` it is still loading its model."""

    number: int
    worker: WorkerProcess
    deadline: float
    started: float
    ready: bool = False
    task: Task | None = None
    served: int = 0

    def take(self, task: Task) -> None:
        self.task, self.started = task, time.monotonic()
        self.served += 1

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Pool:
    """Worker processes and the tasks that wait for them.

    Parameters
    ----------
    orders
        What every worker is told.
    timeout_s
        Seconds after which a job is killed.
    workers
        Most processes at once.
    log, book
        Where what workers print, and what becomes of jobs, is kept.
    """

    def __init__(self, orders: Orders, *, timeout_s: float, workers: int, log: WorkerLog, book: JobBook) -> None:
        self._orders = orders
        self._timeout_s = timeout_s
        self._workers = workers
        self._log = log
        self._book = book
        self._gpus = gpus()
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()
        self._places: list[_Place] = []
        self._failed_starts = 0
        self._error: BaseException | None = None
        self._closing = False
        self._over = False
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="theodolite-pool", daemon=True)
        self._thread.start()

    def add(self, task: Task) -> None:
        """Put a task at the end of the queue."""
        with self._changed:
            self._waiting.append(task)
        os.write(self._wake_in, b"x")

    def wait(self, task: Task) -> JobOutcome:
        """Wait until the outcome of a task is known.

        Raises
        ------
        OSError, StepError
            If the disk is full, or an input is no longer what the job names: nothing is said of the job.
        """
        with self._changed:
            while task.outcome is None:
                if task.error is not None:
                    raise task.error
                if self._error is not None:
                    raise self._error
                if self._closing or self._over:
                    raise RuntimeError(f"the runner was closed before job {task.job.sha256[:12]} had ended")
                self._changed.wait()
            return task.outcome

    def close(self) -> None:
        """Kill the workers and everything that they started."""
        with self._changed:
            self._closing = True
        os.write(self._wake_in, b"x")
        self._thread.join()
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)

    # --- the thread

    def _serve(self) -> None:
        try:
            while not self._closing:
                self._start_workers()
                self._hand_out()
                for key, _ in self._selector.select(self._patience()):
                    if key.data is None:
                        os.read(self._wake_out, 4096)
                    elif key.fileobj is key.data.worker.output and not key.data.worker.listen():
                        self._selector.unregister(key.fileobj)
                for place in list(self._places):
                    self._attend(place)
                self._book.beat([place.task.job for place in self._places if place.task is not None])
        except BaseException as error:  # noqa: BLE001  whoever waits for an outcome must hear of it
            with self._changed:
                self._error = error
        finally:
            try:
                for place in list(self._places):
                    with contextlib.suppress(Exception):
                        self._remove(place)
                        if place.task is not None:
                            why = "the coordinator was stopped; the job is run again when it is asked for"
                            self._book.give_up(place.task.job, place.worker.pid, place.seconds, why, stopped=True)
            finally:
                with self._changed:
                    self._over = True
                    self._changed.notify_all()

    def _patience(self) -> float:
        """Return for how long nothing can need attention but what a worker says."""
        now = time.monotonic()
        deadlines = [place.deadline - now for place in self._places if place.task is not None or not place.ready]
        return max(0.0, min([0.5, *deadlines]))

    def _next(self) -> Task | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _start_workers(self) -> None:
        with self._changed:
            wanted = len(self._waiting) - sum(place.task is None for place in self._places)
        while wanted > 0 and len(self._places) < self._workers:
            taken = {place.number for place in self._places}
            number = next(item for item in range(self._workers) if item not in taken)
            gpu = self._gpus[number % len(self._gpus)] if self._gpus else None
            now = time.monotonic()
            place = _Place(number, WorkerProcess(self._orders, gpu), deadline=now + _START_S, started=now)
            self._places.append(place)
            for stream in (place.worker.answers, place.worker.output):
                self._selector.register(stream, selectors.EVENT_READ, place)
            _logger.info("a worker is started", extra={"event": "worker_starts", "worker": place.worker.pid})
            wanted -= 1

    def _hand_out(self) -> None:
        for place in list(self._places):
            if not place.ready or place.task is not None:
                continue
            with self._changed:
                wanted = self._waiting[0] if self._waiting else None
            if wanted is not None and wanted.alone and place.served:
                self._remove(place)  # a fresh one takes its place
                continue
            task = self._next()
            if task is None:
                return
            if self._begin(place, task) > ABANDONED:
                self._end(place, "crash", f"it was begun {ABANDONED} times, and whatever ran it died before it ended")
                continue
            place.deadline = place.started + self._timeout_s
            place.worker.send(task.job)

    def _begin(self, place: _Place, task: Task) -> int:
        task.attempts += 1
        place.take(task)
        return self._book.begin(task.job, task.attempts, place.worker.pid)

    def _attend(self, place: _Place) -> None:
        """Hear a worker's answers; notice that it died, or that it takes too long."""
        dead = place.worker.dead()  # asked first, so that what it said last is heard before it is buried
        heard = place.worker.hear()
        for answer in heard or ():
            if not self._hear(place, answer):
                return
        if dead or heard is None:
            self._bury(place)
        elif time.monotonic() >= place.deadline and (place.task is not None or not place.ready):
            self._lose_patience(place)

    def _hear(self, place: _Place, answer: dict[str, Any]) -> bool:
        """Take in an answer; return whether the worker may go on. What is no answer to its task is passed over."""
        status = str(answer.get("status"))
        if status == "ready" and not place.ready:
            place.ready = True
            self._failed_starts = 0
            self._log.add(f"worker {place.worker.pid} started", place.worker.take_output())
            return True
        if status == "memory" and "job" not in answer:
            self._over_its_memory(place, answer)
            return False
        if place.task is None or answer.get("job") != place.task.job.sha256:
            return True
        if status == "machine":
            self._refuse(place, _trouble(answer))
        elif status == "done" and self._result_of(place.task.job) != answer.get("sha256"):
            self._end(place, "tool_error", _GARBLED, {**answer, "broken": True})
        elif status in ("done", "tool_error", "memory", "unsound"):
            self._end(place, status, str(answer.get("reason", "")), answer)
        return True

    def _over_its_memory(self, place: _Place, answer: dict[str, Any]) -> None:
        """Deal with a worker that its watchdog kills: believe it of a worker that held nothing of other jobs."""
        if place.task is None and not place.ready:
            self._blame(place)  # the model alone is more than a job may hold
        task = place.task
        text, _ = self._remove(place)
        if task is None:
            return
        if self._result_of(task.job) is not None:
            self._end(place, "done", "", answer, text=text)
        elif place.served > 1:
            self._book.give_up(task.job, place.worker.pid, place.seconds, "begun again in a worker of its own")
            task.alone = True
            self._again(task)
        else:
            self._end(place, "memory", str(answer.get("reason", "")), answer, text=text)

    def _again(self, task: Task) -> None:
        with self._changed:
            self._waiting.appendleft(task)

    def _refuse(self, place: _Place, error: OSError | StepError) -> None:
        """Give a task back to whoever waits: that a disk is full, or a file changed, says nothing of the job."""
        task = place.task
        assert task is not None
        place.task = None
        self._book.give_up(task.job, place.worker.pid, place.seconds, str(error), stopped=True)
        with self._changed:
            task.error = error
            self._changed.notify_all()

    def _result_of(self, job: JobSpec) -> str | None:
        """Return the hash of a job's result, None if there is none that can be read; such a file is removed."""
        path = self._orders.result(job)
        if not path.is_file():
            return None
        content = path.read_bytes()
        if readable(content, job):
            return sha256_bytes(content)
        path.unlink()
        return None

    def _blame(self, place: _Place) -> bool:
        """Let a worker that never became ready answer for the next job, which cannot be run without it."""
        task = self._next()
        if task is not None:
            self._begin(place, task)
        return task is not None

    def _lose_patience(self, place: _Place) -> None:
        reason = f"no answer within {self._timeout_s:g} s; the worker's process group was killed"
        if not place.ready:
            reason = f"no worker was ready within {_START_S:g} s"
            self._blame(place)
        text, _ = self._remove(place)
        if place.task is None:
            return
        if self._result_of(place.task.job) is not None:
            self._end(place, "done", "", text=text)  # it was written in the last moment
        else:
            self._end(place, "timeout", reason, text=text)

    def _bury(self, place: _Place) -> None:
        """Take a dead worker out, and begin its job again, or give it up."""
        text, how = self._remove(place)
        _logger.warning("a worker died", extra={"event": "worker_dies", "worker": place.worker.pid, "how": how})
        if not place.ready:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS and self._blame(place):
                self._failed_starts = 0
                self._end(place, "crash", "no worker could be started; worker.log has its last words", text=text)
            return
        task = place.task
        if task is None:
            return
        if self._result_of(task.job) is not None:
            self._end(place, "done", "", text=text)  # it had written the result and could not say so any more
            return
        task.deaths.append(how)
        if task.attempts >= ATTEMPTS:
            # What killed it goes to the log: a row is the same whether or not somebody killed one of the attempts.
            _logger.error("a job is given up: %s", ", ".join(task.deaths), extra={"job": task.job.sha256})
            self._end(place, "crash", f"the worker died in each of {ATTEMPTS} attempts", text=text)
            return
        self._book.give_up(task.job, place.worker.pid, place.seconds, f"the worker died ({how})\n{text[-2000:]}")
        self._again(task)

    def _remove(self, place: _Place) -> tuple[str, str]:
        """Kill a worker; return the end of what it printed and how it ended."""
        for stream in (place.worker.answers, place.worker.output):
            with contextlib.suppress(KeyError):
                self._selector.unregister(stream)
        text = place.worker.take_output()
        how = place.worker.kill()
        self._places.remove(place)
        doing = "at rest" if place.task is None else title_of(place.task.job)
        self._log.add(f"worker {place.worker.pid}, {doing}, ended with {how}", text)
        return text, how

    def _end(
        self, place: _Place, status: str, reason: str, answer: dict[str, Any] | None = None, *, text: str | None = None
    ) -> None:
        """Make the outcome of a worker's task known; ``text`` is what it printed where that was taken already."""
        task = place.task
        assert task is not None
        if text is None:
            text = place.worker.take_output()
            self._log.add(f"worker {place.worker.pid}, {title_of(task.job)}, {status}", text)
        outcome = JobOutcome(
            job_sha256=task.job.sha256,
            status=status,  # type: ignore[arg-type]  # the record refuses what it does not know
            content_file=str(self._orders.result(task.job)) if status == "done" else None,
            reason=reason,
            broken=bool((answer or {}).get("broken")),
            seconds=place.seconds,
            peak_bytes=(answer or {}).get("peak_bytes"),
            attempts=task.attempts,
            output=text[-2000:],
        )
        self._book.end(outcome, task.job, place.worker.pid)
        place.task = None
        with self._changed:
            task.outcome = outcome
            self._changed.notify_all()
