"""What came of jobs: result files, checked before anybody builds on them, and why there is none."""

from __future__ import annotations

from theodolite.experiments.jobs import FIT_AXES, FIT_FEATURES, JobSpec
from theodolite.store import Entry

__all__ = ["readable", "unsound"]


def readable(content: bytes, job: JobSpec) -> bool:
    """Return whether bytes are what such a job results in: a measurement, a description, or what was fitted."""
    from theodolite.descriptions import Description, load_described
    from theodolite.experiments.workbench import axes_from_bytes
    from theodolite.measurements import load_measurement
    from theodolite.plugins import find_instrument

    try:
        if job.tool == FIT_AXES:
            axes_from_bytes(content)
            return True
        if job.tool == FIT_FEATURES:
            from safetensors.numpy import load

            # Those of the counts are factors.
            return "factors" in (found := load(content)) or any(name.startswith("chosen.") for name in found)
        instrument = find_instrument(job.tool)
        if isinstance(instrument, Description):
            return isinstance(load_described(content).measurement, instrument.shape)
        return isinstance(load_measurement(content), instrument.shape)
    except Exception:  # noqa: BLE001  whatever a reader makes of garbage
        return False


def unsound(failure: Entry | None) -> bool:
    """Return whether a slot came to no result because an intervention failed the checks that it runs on itself."""
    return failure is not None and failure.payload.get("code") == "unsound"
