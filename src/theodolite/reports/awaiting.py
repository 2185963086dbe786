"""What people are asked to approve, with all that they need to know to answer: the plan, its author, the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.experiments.approvals import Awaited, awaited
from theodolite.judgements import Settlement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, entry_id

__all__ = ["Asked", "asked"]


@dataclass(frozen=True)
class Asked:
    """One slot that waits for people.

    Attributes
    ----------
    item
        What waits.
    plan
        As it was locked.
    author
        Who proposed the claim, in words.
    settlement
        What would be recorded if nobody lowers it; None where a plan waits, before anything was measured.
    """

    item: Awaited
    plan: Plan
    author: str
    settlement: Settlement | None


def asked(ledger: Ledger) -> list[Asked]:
    """Return all that waits for people, in the order in which the plans were locked."""
    rounds: dict[tuple[str, int], dict[int, Settlement]] = {}
    found = []
    for item in awaited(ledger):
        settlement = None
        if item.of == "verdict":
            # Loads the statistics, which a ledger where no verdict waits does not need.
            from theodolite.experiments.previews import verdicts_if_approved

            here = (item.campaign, item.round)
            if here not in rounds:
                rounds[here] = verdicts_if_approved(ledger, *here)
            settlement = rounds[here].get(item.slot)
        found.append(Asked(item, _plan(ledger, item), _author(ledger, item), settlement))
    return found


def _plan(ledger: Ledger, item: Awaited) -> Plan:
    entry = ledger.get(entry_id(item.campaign, EntryKind.REGISTRATION, item.round, item.slot))
    assert entry is not None
    return Plan.model_validate(entry.payload["plan"])


def _author(ledger: Ledger, item: Awaited) -> str:
    entry = ledger.get(entry_id(item.campaign, EntryKind.HYPOTHESIS, item.round, item.slot))
    assert entry is not None
    person = entry.payload.get("person")
    return f"{person} (a person)" if person else f"the {entry.payload['hypothesis']['author']}"
