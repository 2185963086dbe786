"""The decision: a pure, total, versioned function from gate results to a verdict.

Whatever number or prose exists elsewhere, only which gates passed, whether the run failed and the reviewer's cap enter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from theodolite.claims import ReviewerCap, Verdict
from theodolite.judgements import GateId

__all__ = ["DECISION_VERSION", "HARD_GATES", "Decision", "capped", "decide", "machine_verdict"]

DECISION_VERSION = "1"

INVALIDATING: Final[tuple[GateId, ...]] = ("G0", "G1", "G2", "G7+", "G7-")
"""A failure says that the result says nothing."""
SUPPORTING: Final[tuple[GateId, ...]] = ("G3", "G4", "G5", "G8", "G9", "G14", "G15", "M1", "M2", "M3", "M4", "M5", "M7")
"""All that apply must pass."""
INDISPENSABLE: Final[tuple[GateId, ...]] = ("G3", "G8", "G9")
"""These apply to every claim: without a null, a level and an effect nothing is supported."""
PRECONDITIONS: Final[tuple[GateId, ...]] = ("G6", "G12b", "G17")
"""A test that fails one of these should not have been run; if it was, it supports nothing."""
HARD_GATES: Final[tuple[GateId, ...]] = (*INVALIDATING, *SUPPORTING, *PRECONDITIONS)
"""A failure of any of these excludes `supported`."""

_CAPS: Final[Mapping[ReviewerCap, Verdict | None]] = {
    "none": None,
    "inconclusive": Verdict.INCONCLUSIVE,
    "invalid": Verdict.INVALID,
}


@dataclass(frozen=True)
class Decision:
    """The verdict of the machine, and after the reviewer's cap."""

    machine: Verdict
    final: Verdict


def machine_verdict(passed: Mapping[GateId, bool | None], *, failed: bool = False) -> Verdict:
    """Return the verdict of the gates (statistics: rule 14 of the working rules).

    Parameters
    ----------
    passed
        By gate: True, False, or None if it does not apply. A gate that is absent was not evaluated; an indispensable
        one that is absent or does not apply excludes ``supported``.
    failed
        Whether the run failed.
    """
    if failed:
        return Verdict.ERROR
    if any(passed.get(gate) is False for gate in INVALIDATING):
        return Verdict.INVALID
    if all(passed.get(gate) is True for gate in INDISPENSABLE) and not any(
        passed.get(gate) is False for gate in HARD_GATES
    ):
        return Verdict.SUPPORTED
    if passed.get("G12") is True:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE


def capped(verdict: Verdict, cap: ReviewerCap) -> Verdict:
    """Return the lower of the verdict and the reviewer's cap; an error stays an error, and nothing is ever raised."""
    limit = _CAPS[cap]
    return verdict if limit is None or verdict.rank <= limit.rank else limit


def decide(passed: Mapping[GateId, bool | None], *, failed: bool = False, cap: ReviewerCap = "none") -> Decision:
    """Return the machine's verdict and the final one."""
    machine = machine_verdict(passed, failed=failed)
    return Decision(machine, capped(machine, cap))
