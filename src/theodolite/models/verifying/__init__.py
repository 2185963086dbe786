"""Does a checkpoint do what its model was trained for? Held to rivals on a person's own cells, and kept as a record."""

from __future__ import annotations

from theodolite.models.verifying.record import (
    VERIFICATION_FILE,
    Check,
    check_writable,
    earlier_attempts,
    is_verified,
    read_verification,
    write_verification,
)

__all__ = [
    "VERIFICATION_FILE",
    "Check",
    "check_writable",
    "earlier_attempts",
    "is_verified",
    "read_verification",
    "write_verification",
]
