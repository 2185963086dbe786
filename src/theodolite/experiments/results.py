"""Result files: what a worker wrote for a job, checked before anybody builds on it."""

from __future__ import annotations

from theodolite.experiments.jobs import FIT_AXES, JobSpec

__all__ = ["readable"]


def readable(content: bytes, job: JobSpec) -> bool:
    """Return whether bytes are what such a job results in: a measurement, or axes."""
    from theodolite.experiments.workbench import axes_from_bytes
    from theodolite.measurements import load_measurement
    from theodolite.plugins import find_tool

    try:
        if job.tool == FIT_AXES:
            axes_from_bytes(content)
        else:
            return isinstance(load_measurement(content), find_tool(job.tool).shape)
    except Exception:  # noqa: BLE001  whatever a reader makes of garbage
        return False
    return True
