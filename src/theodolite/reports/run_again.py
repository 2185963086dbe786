"""What to run again after an invalidation, and what cannot be: a claim that names what is bad is a claim about that."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from theodolite.claims import Relation
from theodolite.experiments.invalidating import Invalidation, remedy
from theodolite.store import Ledger, campaign_rows, hypothesis_rows

__all__ = ["RunAgain", "run_again"]

_IN_CLAIM = frozenset({"model", "cells", "reference", "source"})
_IN_LEDGER = frozenset({"families", "split"})


@dataclass(frozen=True)
class RunAgain:
    """One claim whose verdict was invalidated.

    Attributes
    ----------
    subject, campaign, claim
        Where it was tested, and the claim in words.
    command
        What hands the claim in again; None where that claim cannot be tested again.
    first
        What must be done before; for a claim that cannot be tested again, why not and what can.
    """

    subject: str
    campaign: str
    claim: str
    command: str | None
    first: str


def run_again(ledger: Ledger, found: Invalidation) -> list[RunAgain]:
    """Return for every verdict that rests on what is bad what would test its claim again."""
    rows = {row.subject: row for row in hypothesis_rows(ledger)}
    names = {row.campaign: row.name for row in campaign_rows(ledger)}
    bad = found.nodes[0]
    again: list[RunAgain] = []
    for item in found.falling:
        row = rows[item.subject]
        words = ["theodolite", "propose", f"{names.get(row.campaign, 'FILE')}.yaml"]
        words += ["--tool", row.tool.partition("@")[0], "--reference", row.reference, "--place", row.locus]
        if Relation(row.relation).two_sided:
            words += ["--direction", row.direction]
        command: str | None = shlex.join(words)
        first = remedy(bad)
        if bad.kind in _IN_CLAIM:
            command, first = None, f"the claim names {found.node} by its content; {first}: that is another claim"
        elif bad.kind in _IN_LEDGER:
            command, first = None, f"every test of this ledger rests on {found.node}; {first}, in another workspace"
        again.append(RunAgain(item.subject, row.campaign, row.claim_text, command, first))
    return again
