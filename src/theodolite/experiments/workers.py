"""One worker process as its coordinator holds it: started, spoken to, heard, killed as a group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import IO, Any

from theodolite.experiments.jobs import JobSpec, Orders
from theodolite.experiments.watchdog import kill_children

__all__ = ["WorkerLog", "WorkerProcess"]

# Otherwise glibc returns large buffers at every step and faults their pages in again.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
# Otherwise a thread that waits for another spins, and on cores that others use too it keeps them from working.
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_READ = 2**16
_KEPT = 2**14
"""Bytes of a job's output that are kept: its end, in which a traceback stands."""
_LONGEST_ANSWER = 2**20
_DEATH_S = 5.0


class WorkerLog:
    """The file with what workers printed, bounded: one that has grown too long becomes ``<name>.1``."""

    def __init__(self, path: Path, longest: int = 4 * 2**20) -> None:
        self.path = path
        self._longest = longest

    def add(self, title: str, text: str) -> None:
        """Append what was printed during something; a log that cannot be written is no reason to stop."""
        if not text.strip():
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file() and self.path.stat().st_size > self._longest:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"== {title}\n{text.rstrip()}\n")


class WorkerProcess:
    """A spawned worker in a session of its own, so that it can be killed with everything that it started.

    Attributes
    ----------
    pid
        Its process id, which is its process group too.
    answers, output
        What it says and what it prints, to be waited for with a selector; neither is ever read blocking.
    """

    def __init__(self, orders: Orders, gpu: str | None = None) -> None:
        threads = {name: str(orders.materials.threads) for name in _THREADS}
        own = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        self._process = subprocess.Popen(
            # A module that lies where the campaign was started must not take the place of a library's.
            [sys.executable, "-P", "-m", "theodolite.experiments.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**_WAITING, **os.environ, **_ALLOCATOR, **threads, **own},
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._input: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout
        self.output: IO[bytes] = self._process.stderr
        self.pid = self._process.pid
        for stream in (self.answers, self.output):
            os.set_blocking(stream.fileno(), False)
        self._heard = b""
        self._printed: deque[bytes] = deque()
        self._printed_bytes = 0
        self._dropped = False
        self._send(orders.model_dump_json())

    def send(self, job: JobSpec) -> None:
        """Give it a job; one that has died is noticed by its silence."""
        self._send(job.model_dump_json())

    def _send(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._input.write(line.encode() + b"\n")

    def hear(self) -> list[dict[str, Any]] | None:
        """Return the answers that have come in whole, None once there can be no more."""
        ended = False
        while True:
            try:
                chunk = os.read(self.answers.fileno(), _READ)
            except BlockingIOError:
                break
            if not chunk:
                ended = True
                break
            self._heard += chunk
        *lines, self._heard = self._heard.split(b"\n")
        self._heard = self._heard[-_LONGEST_ANSWER:]
        found = [answer for line in lines if isinstance(answer := _parsed(line), dict)]
        return None if ended and not found else found

    def listen(self) -> bool:
        """Take in what it printed, keeping the end; return whether more may come."""
        for _ in range(64):  # a tool that prints without end must not keep the others waiting
            try:
                chunk = os.read(self.output.fileno(), _READ)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._printed.append(chunk)
            self._printed_bytes += len(chunk)
            while self._printed_bytes - len(self._printed[0]) >= _KEPT:
                self._printed_bytes -= len(self._printed.popleft())
                self._dropped = True
        return True

    def take_output(self) -> str:
        """Return the end of what was printed since this was last asked."""
        self.listen()
        lines = b"".join(self._printed)[-_KEPT:].decode("utf-8", errors="replace").splitlines(keepends=True)
        # A fault handler ends its traceback with the name of every compiled module: 200 names that bury the rest.
        text = "".join(line for line in lines if not line.startswith("Extension modules:"))
        shown = f"[the beginning is left out]\n{text}" if self._dropped else text
        self._printed.clear()
        self._printed_bytes, self._dropped = 0, False
        return shown

    def dead(self) -> bool:
        """Return whether its process has ended."""
        return self._process.poll() is not None

    def kill(self) -> str:
        """Kill it and everything that it started; return how it had ended where it was dead, else how it was killed."""
        code = self._process.poll()
        if code is None:
            kill_children(self.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if code is None:
            # One that waits for a device or a dead file server hears of it later; nobody else is to wait for that.
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_DEATH_S)
        for stream in (self._input, self.answers, self.output):
            with contextlib.suppress(OSError):
                stream.close()
        return "no end yet" if code is None else _how(code)


def _how(code: int) -> str:
    """Return a process's end in words; some signals have a number only."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
