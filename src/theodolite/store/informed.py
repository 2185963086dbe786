"""What people proposed who could have seen tests of an open block: agents are told nothing of it.

An agent that knew of such a claim could take the idea back to the block, where the person could not (statistics §0b
rule 4). Once the block is retired everything about it is told, and so are these claims.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from theodolite.claims import Verdict
from theodolite.store.project_slots import SlotStatus
from theodolite.store.seen import AgentView, FamilyUse, Seen

__all__ = ["informed", "without"]

_Place = tuple[str, int, int]


def informed(people: Iterable[int], slots: Mapping[int, Any], retired: frozenset[str]) -> frozenset[int]:
    """Return which slots of people were proposed after a test on a block that is still open.

    Parameters
    ----------
    people
        Slots of people, by the ``seq`` of their hypothesis.
    slots
        All slots, as rows of the table of hypotheses.
    retired
        Blocks about which everything is told.
    """
    judged = [slot for slot in slots.values() if slot.observed and slot.block_id not in retired]
    return frozenset(
        seq
        for seq in people
        # A round is locked whole before any of it is judged.
        if any(test.seq < seq and (test.campaign, test.round) != _round(slots[seq]) for test in judged)
    )


def _round(slot: Any) -> tuple[str, int]:
    return slot.campaign, slot.round


def without(
    view: AgentView, slots: Mapping[int, Any], hidden: frozenset[int], blocks: frozenset[str] = frozenset()
) -> AgentView:
    """Return what agents may know if some slots had never been proposed; what an agent then repeats is refused.

    Parameters
    ----------
    view
        What agents may know otherwise.
    slots
        All slots, as rows of the table of hypotheses.
    hidden
        Those that are left out, by the ``seq`` of their hypothesis.
    blocks
        Blocks that nothing is said of.
    """
    places = {(slots[seq].campaign, slots[seq].round, slots[seq].slot) for seq in hidden}
    rows = [slot for seq, slot in sorted(slots.items()) if seq not in hidden]
    own = [row for row in rows if row.campaign == view.campaign]
    registered = [row for row in rows if row.prereg_sha256 is not None and row.invalid_because is None]
    bits = tuple(bit for bit in view.bits if _place(bit) not in places)
    supported = Counter(bit.family for bit in bits if bit.supported and bit.campaign == view.campaign)
    changed = {
        "slots_used": len(own),
        "families": tuple(_use(family, own, supported[family]) for family in sorted({row.family for row in own})),
        "bits": bits,
        "refusals": tuple(item for item in view.refusals if _place(item) not in places),
        "failures": tuple(item for item in view.failures if _place(item) not in places),
        "released": tuple(item for item in view.released if _place(item) not in places),
        "tried_hypotheses": tuple(sorted({row.hypothesis_id for row in registered if _tried(row, view.campaign)})),
        "tried_keys": tuple(sorted({row.claim_key for row in registered})),
        "retired_blocks": tuple(block for block in view.retired_blocks if block not in blocks),
    }
    return AgentView.model_construct(**{**dict(view), **changed})


def _place(seen: Seen) -> _Place:
    return seen.campaign, seen.round, seen.slot


def _tried(row: Any, campaign: str) -> bool:
    """Return whether a registration stands in the way; a run elsewhere that broke before it spent anything does not."""
    return not (row.verdict == Verdict.ERROR.value and row.level is None and row.campaign != campaign)


def _use(family: str, own: list[Any], supported: int) -> FamilyUse:
    mine = [row for row in own if row.family == family]
    return FamilyUse(
        family=family,
        proposed=len(mine),
        refused=sum(row.status == SlotStatus.REFUSED.value for row in mine),
        registered=sum(row.prereg_sha256 is not None for row in mine),
        supported=supported,
    )
