"""A worker's watchdog: a small process beside it that ends its whole process group when it must end.

It is forked before torch is loaded and runs whatever the worker does, also while a tool holds the interpreter's lock
in compiled code. It acts when the coordinator dies (the worker's standard input is hung up), when the worker dies
(so that nothing that a tool started is left), and when the group holds more memory than a job may.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
import traceback

import psutil

__all__ = ["kill_children", "start_watchdog"]

_LOOK_S = 0.05
"""Seconds between two looks at the worker's memory: an allocation of 1 GB takes about as long."""
_CHILDREN_S = 0.5
"""Seconds between two searches for processes that a tool started."""
_MIB = 2**20


def start_watchdog(answers: int, memory_bytes: int | None) -> int:
    """Fork the watchdog of this process; call it before there are threads.

    Parameters
    ----------
    answers
        Descriptor on which the coordinator hears; what the watchdog did is said there.
    memory_bytes
        Resident memory that this process and all that it starts may hold together; None for no limit.

    Returns
    -------
    int
        Its process id.
    """
    worker = os.getpid()
    watchdog = os.fork()
    if watchdog == 0:
        started: list[psutil.Process] = []
        try:
            _watch(worker, answers, memory_bytes, started)
        except BaseException:  # noqa: BLE001  a worker that nobody watches must not go on
            traceback.print_exc()
        finally:
            # A process that took a session of its own is no longer of the group.
            for process in started:
                _kill(process)
            os.killpg(os.getpgrp(), signal.SIGKILL)
    return watchdog


def kill_children(pid: int, but: int | None = None) -> None:
    """Kill all that a process started, and what those started, one process aside."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for child in children:
        if child.pid != but:
            _kill(child)
    if pid == os.getpid():
        psutil.wait_procs([child for child in children if child.pid != but], timeout=1)


def _watch(worker: int, answers: int, memory_bytes: int | None, started: list[psutil.Process]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    hung_up = select.poll()
    hung_up.register(0, 0)  # nothing but the hang-up is asked for: what comes in is the worker's to read
    process = psutil.Process(worker)
    searched = 0.0
    while os.getppid() == worker:
        if time.monotonic() - searched > _CHILDREN_S:
            searched = time.monotonic()
            try:
                started[:] = [child for child in process.children(recursive=True) if child.pid != os.getpid()]
            except psutil.Error:
                continue
        if hung_up.poll(1000 * _LOOK_S):
            return
        if memory_bytes is None:
            continue
        held = _resident(process) + sum(map(_resident, started))
        # Pages that forked processes share count once; that is asked only where it matters, for it takes long.
        if held > memory_bytes and started:
            held = _proportional(process) + sum(map(_proportional, started))
        if held > memory_bytes:
            said = {
                "status": "memory",
                "reason": f"the worker's processes held more than the {memory_bytes // _MIB:,} MiB that a job may hold "
                "(budget.job_memory_mb); its process group was killed",
                "peak_bytes": held,
            }
            # Shorter than a pipe's atomic write, so that it cannot mix with an answer of the worker.
            os.write(answers, ("\n" + json.dumps(said) + "\n").encode())
            return


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.rss))


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()
