"""The record that a model was shown to do what it was trained for, on a person's own checkpoint and cells.

It lies beside the checkpoint and names the model's content hash, so that it says nothing of other weights. Every
verdict on a model without it says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from theodolite.files import write_atomically

__all__ = [
    "VERIFICATION_FILE",
    "Check",
    "check_writable",
    "earlier_attempts",
    "is_verified",
    "read_verification",
    "write_verification",
]

VERIFICATION_FILE = "verification.json"


@dataclass(frozen=True)
class Check:
    """One thing that a model was held to.

    Attributes
    ----------
    name
        Such as ``masked accuracy against unigram``.
    passed
        Whether it held.
    number, threshold
        What was found, and what it was held against.
    sentence
        What it means.
    """

    name: str
    passed: bool
    number: float
    threshold: float
    sentence: str


def check_writable(folder: Path) -> None:
    """Try whether a record can be written beside a checkpoint, before hours are spent on what it would say.

    Raises
    ------
    OSError
        Naming the file, if it cannot.
    """
    probe = folder / f"{VERIFICATION_FILE}.part"
    write_atomically(probe, b"")
    probe.unlink()


def earlier_attempts(folder: Path) -> list[dict[str, Any]]:
    """Return what was found before, the oldest first: of which weights, on what, and whether they were verified.

    Whoever tries seeds and plates until one passes leaves a trace of it.
    """
    found = read_verification(folder)
    if found is None:
        return []
    before = found.get("attempts")
    last = {name: found.get(name) for name in ("model_sha256", "about", "verified")}
    return [*(each for each in (before if isinstance(before, list) else []) if isinstance(each, dict)), last]


def write_verification(folder: Path, sha256: str, checks: Sequence[Check], about: Mapping[str, Any]) -> Path:
    """Write what was found beside the checkpoint; the model counts as verified where every check held.

    Earlier attempts stay in the record.

    Parameters
    ----------
    folder, sha256
        The checkpoint and its content hash.
    checks
        At least one.
    about
        On which cells, with which seed and so on.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    document = {
        "model_sha256": sha256,
        "verified": all(check.passed for check in checks),
        "checks": [asdict(check) for check in checks],
        "about": dict(about),
        "attempts": earlier_attempts(folder),
    }
    path = folder / VERIFICATION_FILE
    write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    return path


def read_verification(folder: Path) -> dict[str, Any] | None:
    """Return the record of a checkpoint; None where there is none, or none that can be read."""
    try:
        found = json.loads((folder / VERIFICATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_verified(folder: Path, sha256: str) -> bool:
    """Return whether the record beside a checkpoint says that these very weights were verified, and by which checks.

    A record without checks, or with one that failed, calls nothing verified whatever else it says.
    """
    found = read_verification(folder)
    if found is None or found.get("verified") is not True or found.get("model_sha256") != sha256:
        return False
    checks = found.get("checks")
    if not isinstance(checks, list) or not checks:
        return False
    return all(isinstance(check, dict) and check.get("passed") is True for check in checks)
