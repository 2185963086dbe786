"""The worker process: reads jobs on standard input, writes result files, answers on a channel of its own.

It never sees the ledger. A result file appears whole or not at all, under the hash of its job, so that a job is done
once however often its worker or its coordinator dies. What a tool prints goes to the coordinator too, which keeps the
end of it; it cannot be taken for an answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

from theodolite.experiments.jobs import JobSpec, Mismatch, Orders
from theodolite.experiments.watchdog import kill_children, start_watchdog
from theodolite.files import is_disk_trouble, write_atomically

__all__ = ["main"]

_LONGEST_REASON = 2000
_PR_SET_CHILD_SUBREAPER = 36


def _peak_bytes() -> int:
    """Return the largest resident memory since it was last forgotten, or of the process where that is not known."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


_OF_THE_MACHINE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def _no_fault_of_the_job(error: Exception) -> dict[str, Any]:
    """Return the answer that says nothing of the job: the campaign stops, and measures it once that is mended."""
    if isinstance(error, OSError) and error.errno is not None:
        said = {"errno": error.errno, "said": error.strerror or str(error), "file": error.filename}
    else:
        said = {"said": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]}
    return {"status": "machine", **said}


def _answer(orders: Orders, job: JobSpec, bench: Any) -> dict[str, Any]:
    """Run a job and say how it ended."""
    from theodolite.canonical import sha256_bytes
    from theodolite.models.sanity import InterventionError
    from theodolite.tools import ToolError

    try:
        if isinstance(bench, Exception):
            return _no_fault_of_the_job(bench)
        content = bench.run(job)
    except Exception as error:  # noqa: BLE001  a worker reports whatever a tool raises and lives on
        traceback.print_exc()
        of_machine = isinstance(error, OSError) and (is_disk_trouble(error) or error.errno in _OF_THE_MACHINE)
        if of_machine or isinstance(error, Mismatch):
            return _no_fault_of_the_job(error)
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        status = "tool_error"
        if isinstance(error, MemoryError):
            status = "memory"
        elif isinstance(error, InterventionError):
            status = "unsound"
        return {"status": status, "reason": reason, "broken": not isinstance(error, ToolError)}
    try:
        write_atomically(orders.result(job), content)
    except OSError as error:
        traceback.print_exc()
        return _no_fault_of_the_job(error)
    return {"status": "done", "sha256": sha256_bytes(content)}


def _adopt() -> None:
    """Become the parent of whatever loses its own among the processes that tools start, so that none gets away."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Serve jobs, one JSON line each, until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    orders = Orders.model_validate_json(sys.stdin.readline())
    _adopt()
    watchdog = start_watchdog(answers.fileno(), orders.memory_bytes)
    faulthandler.enable()  # a tool that breaks the process leaves a traceback among its last words
    with contextlib.suppress(OSError):
        # Where memory runs out the kernel is to end the worker, whose job can be run again, and not the coordinator.
        Path("/proc/self/oom_score_adj").write_text("500")

    def say(answer: dict[str, Any]) -> None:
        # On a line of its own, whatever a tool wrote here.
        answers.write("\n" + json.dumps(answer) + "\n")
        answers.flush()

    import torch

    from theodolite.experiments.bench import Bench

    torch.set_num_threads(orders.materials.threads)
    bench: Bench | Exception
    try:
        bench = Bench(orders.materials)
    except Exception as error:  # noqa: BLE001  every job will be told
        traceback.print_exc()
        bench = error
    say({"status": "ready"})
    for line in sys.stdin:
        _forget_peak()
        job = JobSpec.model_validate_json(line)
        answer = _answer(orders, job, bench)
        # What a job started and left behind is not to weigh on the next one.
        kill_children(os.getpid(), but=watchdog)
        sys.stdout.flush()
        sys.stderr.flush()
        say({**answer, "job": job.sha256, "peak_bytes": _peak_bytes()})


if __name__ == "__main__":
    main()
