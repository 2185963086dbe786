"""Jobs of instruments that misbehave, and what their processes leave behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil

from theodolite.experiments import JobSpec, LocalRunner
from theodolite.tools import get_tool

PATIENCE = 120.0
"""Seconds that a healthy worker may take to start on a busy machine."""


def gone(pid: int, within: float = 15.0) -> bool:
    """Return whether a process ends within some seconds."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def pids(trouble: Path, within: float = PATIENCE) -> list[int]:
    until = time.monotonic() + within
    while not (trouble.with_name("pids")).is_file():
        assert time.monotonic() < until, "the tool never started"
        time.sleep(0.05)
    return [int(word) for word in trouble.with_name("pids").read_text().split()]


def make_job(setting: Any, tool: str, layer: int = 0, **changes: Any) -> JobSpec:
    instrument = get_tool(tool)
    job = JobSpec(
        tool=instrument.name,
        version=instrument.version,
        source_sha256=instrument.source_sha256,
        params={"layer": layer},
        model_sha256=setting.model.sha256,
        cells_sha256=setting.cells.sha256,
        split_sha256=setting.split.sha256,
        split="discovery",
        variant="main",
        seed=1,
    )
    return job.model_copy(update=changes)


def start_runner(setting: Any, timeout_s: float = PATIENCE, **options: Any) -> LocalRunner:
    return LocalRunner(setting.materials(), timeout_s=timeout_s, log=setting.workspace.worker_log, **options)
