"""What this machine has to give to workers: cores, graphics processors, memory."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from theodolite.models.protocol import Device

__all__ = ["MOST_WORKERS", "gpus", "memory_bytes", "resolved_device", "usable_cores", "worker_count"]

MOST_WORKERS = 8
"""Workers that are started where the campaign names no number: each holds a model of its own."""

GPU_FOLDER = Path("/proc/driver/nvidia/gpus")
"""Where the driver lists the graphics processors of a machine."""

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def usable_cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus(environment: Mapping[str, str] | None = None, folder: Path = GPU_FOLDER) -> tuple[str, ...]:
    """Return the graphics processors that may be used, as ``CUDA_VISIBLE_DEVICES`` names them.

    Read without loading torch: from that variable where it is set, else from what the driver lists.
    """
    named = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        # CUDA ignores what comes after the first device that there is not; -1 is the usual word for none.
        listed = [item.strip() for item in named.split(",")]
        return tuple(item for item in listed if item and item != "-1" and item.lower() != "nodevfiles")
    return tuple(str(number) for number, _ in enumerate(folder.iterdir())) if folder.is_dir() else ()


def resolved_device(device: Device, folder: Path = GPU_FOLDER) -> Device:
    """Return the device that ``auto`` stands for on this machine, a GPU where there is one; any other as it is.

    Read without loading torch: a GPU is one that the driver lists and that may be used. A worker that then finds no
    such device says so.
    """
    if device != "auto":
        return device
    if gpus() and gpus({}, folder):
        return "cuda"
    return "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else "cpu"


def memory_bytes(limits: tuple[Path, ...] = _CGROUP_LIMITS) -> int:
    """Return how much memory this process may use: the machine's, or less where its container has a limit."""
    import psutil

    allowed = [int(psutil.virtual_memory().total)]
    for path in limits:
        text = path.read_text().strip() if path.is_file() else ""
        if text.isdigit():
            allowed.append(int(text))
    return min(allowed)


def worker_count(wanted: int | None, threads: int) -> int:
    """Return how many workers to start: as wanted, else one a GPU, else as many as the cores have threads for."""
    if wanted is not None:
        return wanted
    return len(gpus()) or max(1, min(MOST_WORKERS, usable_cores() // threads))
