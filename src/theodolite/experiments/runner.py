"""The local runner: one spawned worker, killed as a process group when a job outlives its time."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from theodolite.experiments.jobs import JobOutcome, JobSpec, Materials

__all__ = ["LocalRunner", "Runner"]

# Otherwise glibc returns large buffers at every step and faults their pages in again.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
_LAST_LINES = 2000


class Runner(Protocol):
    """Whatever runs jobs: this machine, later a cluster."""

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Run jobs and yield one outcome each, in the order given."""
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...


class LocalRunner:
    """Runs jobs in one worker process; a job whose result file exists is not run again."""

    def __init__(self, materials: Materials, *, timeout_s: float, log: Path) -> None:
        self._materials = materials
        self._timeout_s = timeout_s
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Run jobs in order and yield one outcome each.

        Raises
        ------
        OSError
            If a result could not be written: that says nothing of the job, which runs again once it can be.
        """
        for job in jobs:
            result = Path(self._materials.results) / job.sha256
            started = time.monotonic()
            if result.is_file():
                yield JobOutcome(job_sha256=job.sha256, status="done", content_file=str(result))
                continue
            answer = self._ask(job)
            yield JobOutcome(
                job_sha256=job.sha256,
                status=answer["status"],
                content_file=str(result) if answer["status"] == "done" else None,
                reason=answer.get("reason", ""),
                seconds=time.monotonic() - started,
            )

    def close(self) -> None:
        """Stop the worker and everything that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        threads = str(self._materials.threads)
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "theodolite.experiments.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, **_ALLOCATOR, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            )
        answers: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            if process.stdout is not None:
                for line in process.stdout:
                    answers.put(line)
            answers.put(None)

        threading.Thread(target=read, daemon=True).start()
        self._answers = answers
        self._process = process
        self._send(process, self._materials.model_dump_json())
        return process

    @staticmethod
    def _send(process: subprocess.Popen[str], line: str) -> None:
        if process.stdin is not None:
            process.stdin.write(line + "\n")
            process.stdin.flush()

    def _ask(self, job: JobSpec) -> dict[str, Any]:
        try:
            self._process = self._process or self._start()
            self._send(self._process, job.model_dump_json())
            line = self._answers.get(timeout=self._timeout_s)
        except queue.Empty:
            self.close()
            return {
                "status": "timeout",
                "reason": f"no answer within {self._timeout_s:g} s; the worker's process group was killed",
            }
        except BrokenPipeError:
            line = None
        if line is None:
            return {"status": "crash", "reason": self._obituary()}
        answer: dict[str, Any] = json.loads(line)
        if answer["status"] == "disk":
            raise OSError(answer["errno"], answer["said"], answer["file"])
        return answer

    def _obituary(self) -> str:
        code = self._process.wait() if self._process is not None else 0
        self.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the worker died ({how}); its last words are in {self._log.name}"
