"""Exit codes: a frozen contract, so that a script can tell a bad file from a busy ledger."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MEANINGS", "ExitCode", "epilog"]


class ExitCode(IntEnum):
    """What ``$?`` is after a command."""

    OK = 0
    PROBLEM = 1
    BAD_INPUT = 2
    LEDGER = 3
    CAMPAIGN = 4
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "it went well",
    ExitCode.PROBLEM: "it found a problem (verify, diff, doctor), or met an unforeseen error",
    ExitCode.BAD_INPUT: "wrong use or a file that cannot be used; nothing was run",
    ExitCode.LEDGER: "the ledger cannot be opened or is busy",
    ExitCode.CAMPAIGN: "a campaign stopped on an error of its own, or waits for a server or for people",
    ExitCode.INTERRUPTED: "interrupted; the same command continues",
}
"""What each code means, in words."""


def epilog() -> str:
    """Return the codes as the closing paragraph of ``theodolite --help``; its lines are not to be joined."""
    return "\n".join(["\b", "Exit codes:", *(f"  {code.value:>3}  {text}" for code, text in MEANINGS.items())])
