"""What the controls are that a reviewer may order, and what their rows leave of a verdict."""

from __future__ import annotations

from typing import Any, Final

from theodolite.claims import ReviewerCap
from theodolite.store import ControlName

__all__ = ["VARIANT_OF", "control_cap"]

VARIANT_OF: Final[dict[ControlName, str]] = {
    "untrained_again": "untrained(3)",
    "random_embedding_again": "random_embedding(1)",
    "shuffled_input": "shuffled_input(0)",
}
"""The variant that each control is; none of them is among the baselines that every claim is held against."""


def control_cap(payload: dict[str, Any]) -> ReviewerCap:
    """Return what a control's row leaves of a verdict: a claim that does not clearly beat it stays undecided."""
    return "inconclusive" if payload["passed"] is False else "none"
