"""The worker process: reads jobs on standard input, writes result files, answers on a channel of its own.

It never sees the ledger. A result file appears whole or not at all, under the hash of its job, so that a job is done
once however often its worker or its coordinator dies. What a tool prints goes to the coordinator too, which keeps the
end of it; it cannot be taken for an answer.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

from theodolite.experiments.jobs import JobSpec, Orders
from theodolite.experiments.watchdog import start_watchdog
from theodolite.files import write_atomically

__all__ = ["main"]

_LONGEST_REASON = 2000
_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO})
"""Errors of the machine and not of a tool: they end no hypothesis, and the job is run again once they are mended."""


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


def _answer(orders: Orders, job: JobSpec, bench: Any) -> dict[str, Any]:
    """Run a job and say how it ended."""
    from theodolite.canonical import sha256_bytes

    def machine(error: OSError) -> dict[str, Any]:
        return {"status": "machine", "reason": f"{error.strerror or error} ({error.filename or job.tool})"}

    try:
        if isinstance(bench, Exception):
            raise bench
        content = bench.run(job)
    except OSError as error:
        traceback.print_exc()
        if error.errno in _MACHINE:
            return machine(error)
        return {"status": "tool_error", "reason": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]}
    except Exception as error:  # noqa: BLE001  a worker reports whatever a tool raises and lives on
        traceback.print_exc()
        return {"status": "tool_error", "reason": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]}
    try:
        write_atomically(orders.result(job), content)
    except OSError as error:
        traceback.print_exc()
        return machine(error)
    return {"status": "done", "sha256": sha256_bytes(content)}


def main() -> None:
    """Serve jobs, one JSON line each, until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    orders = Orders.model_validate_json(sys.stdin.readline())
    start_watchdog(answers.fileno(), orders.memory_bytes)
    faulthandler.enable()  # a tool that breaks the process leaves a traceback among its last words
    with contextlib.suppress(OSError):
        # Where memory runs out the kernel is to end the worker, whose job can be run again, and not the coordinator.
        Path("/proc/self/oom_score_adj").write_text("500")

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
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
        answer = _answer(orders, JobSpec.model_validate_json(line), bench)
        sys.stdout.flush()
        sys.stderr.flush()
        say({**answer, "peak_bytes": _peak_bytes()})


if __name__ == "__main__":
    main()
