"""What cannot be done with an AnnData as it was asked for."""

from __future__ import annotations

__all__ = ["MeasureError", "MemoryLimitError"]


class MeasureError(ValueError):
    """A measurement that cannot be made as it was asked for; the message names the value and the remedy."""


class MemoryLimitError(MeasureError):
    """A measurement that would take more memory than the settings allow; refused before anything runs."""
