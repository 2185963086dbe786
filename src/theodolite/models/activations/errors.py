"""What can go wrong with activations, by name."""

from __future__ import annotations

__all__ = ["ActivationError", "ActivationsDamaged", "HalfOverflowError"]


class ActivationError(RuntimeError):
    """Activations that cannot be taken, written or read; says what to do."""


class HalfOverflowError(ActivationError):
    """A number that half precision cannot hold; it would be written as infinite."""


class ActivationsDamaged(ActivationError):
    """A file of stored activations that is missing, cut short, or not what was written."""
