"""The real command in a process of its own, and its sudden end."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from theodolite.store import EntryKind

__all__ = ["PATIENCE", "command", "finish", "has_row", "kill_at", "kill_group", "log_of"]

PATIENCE = 300.0
"""Seconds that a campaign of three hypotheses may take on a busy machine."""


def log_of(folder: Path) -> str:
    """Return the end of what the commands on a workspace said."""
    return (folder.parent / f"{folder.name}.log").read_text()[-4000:]


def command(file: Path, folder: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "theodolite", "run", str(file), "--workspace", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )


def finish(file: Path, folder: Path, env: Mapping[str, str] | None = None, patience: float = PATIENCE) -> None:
    process = command(file, folder, env)
    try:
        code = process.wait(timeout=patience)
    finally:
        kill_group(process)
    assert code == 0, log_of(folder)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def has_row(ledger: Path, kind: EntryKind, number: int = 1) -> bool:
    """Look into the file as another program would, without the classes that wrote it; for so many rows of a kind."""
    if not ledger.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=1.0)) as connection:
            query = "SELECT count(*) FROM entry WHERE kind = ?"
            return bool(connection.execute(query, (kind.value,)).fetchone()[0] >= number)
    except sqlite3.OperationalError:
        return False


def kill_at(
    file: Path, folder: Path, kind: EntryKind, number: int = 1, env: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> None:  # fmt: skip
    """Run the command and kill it as soon as there are so many rows of a kind."""
    process = command(file, folder, env)
    until = time.monotonic() + patience
    try:
        while not has_row(folder / "ledger.sqlite", kind, number):
            assert process.poll() is None, log_of(folder)
            assert time.monotonic() < until, f"no row of kind {kind.value}"
            time.sleep(0.002)
    finally:
        kill_group(process)
