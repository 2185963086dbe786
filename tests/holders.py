"""Another process that coordinates a ledger."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from theodolite.store import Ledger

__all__ = ["holder"]

HOLD = """
import sys
from theodolite.store import Ledger
campaign = sys.argv[2] if len(sys.argv) > 2 else None
with Ledger.open(sys.argv[1]) as ledger, ledger.coordinator("the other", campaign=campaign):
    if campaign is not None:
        ledger.ops.start_session(campaign)
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(ledger: Ledger, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that coordinates the ledger until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ledger.path), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()
