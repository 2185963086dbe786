"""Settings of this room: how much memory a measurement may take, where models run, where captures are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from theodolite.experiments.machine import memory_bytes
from theodolite.models.protocol import Device, Dtype

__all__ = ["GB", "SHARE", "Settings", "settings"]

GB = 10**9
SHARE = 0.75
"""Share of this machine's memory (of its container's, where that is less) that a measurement may take by default."""


class Settings(BaseModel):
    """What holds for every call that says nothing else; a value that cannot be is refused when it is set.

    Attributes
    ----------
    max_memory_gb
        Gigabytes (10^9 bytes) that a measurement may take by its estimate, beside the model's weights and the cells.
        None, the default, is three quarters of the memory of this machine or of its container.
    device, dtype
        Where models run and in which type; as in a campaign, the CPU in float32.
    cache
        Folder in which captures are kept from one session to the next; None keeps them in memory only.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    max_memory_gb: float | None = Field(default=None, gt=0, description="gigabytes; None is 3/4 of the memory")
    device: Device = Field(default="cpu", description="auto, cpu, cuda or mps")
    dtype: Dtype = Field(default="float32", description="float32, float16 or bfloat16")
    cache: Path | None = Field(default=None, description="folder of captures; None is memory only")

    def limit(self, max_memory_gb: float | None = None) -> int:
        """Return how many bytes a measurement may take: as given for one call, else as set, else by the machine."""
        chosen = self.max_memory_gb if max_memory_gb is None else max_memory_gb
        return int(SHARE * memory_bytes()) if chosen is None else int(chosen * GB)


settings = Settings()
"""The settings of this process; change its attributes."""
