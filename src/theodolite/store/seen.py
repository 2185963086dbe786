"""What agents may know, as records; :mod:`theodolite.store.agent_view` fills them and says why there is no more."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any

from theodolite.claims import Verdict
from theodolite.records import Closed

__all__ = [
    "RETIRE_AFTER",
    "AgentView",
    "Bit",
    "EarlyFailure",
    "FamilyUse",
    "Refused",
    "Released",
    "Seen",
    "SeenEffect",
    "SeenLook",
    "UnmetGate",
]

RETIRE_AFTER = 6
"""Tries of a hypothesis family without support after which it is left alone, unless the campaign says otherwise."""


class Seen(Closed):
    """A hypothesis as agents know it: what they proposed."""

    campaign: str
    round: int
    slot: int
    hypothesis_id: str
    claim_key: str
    family: str
    claim_text: str
    object: str
    relation: str
    reference: str
    locus: str


class Bit(Seen):
    """The one bit of a claim of a finished round."""

    supported: bool


class Refused(Seen):
    """A hypothesis that was refused before it ran."""

    code: str
    reason: str


class EarlyFailure(Seen):
    """A run that broke before the observed statistic was computed."""

    phase: str
    code: str
    reason: str


class UnmetGate(Closed):
    """A gate that did not pass."""

    gate: str
    number: float | None
    threshold: float | None
    sentence: str


class Released(Seen):
    """What is told about a tested hypothesis once its block is retired and its round finished."""

    block_id: str
    verdict: Verdict
    tags: tuple[str, ...]
    effect: float | None
    p: float | None
    first_unmet: str | None
    unmet: tuple[UnmetGate, ...]
    next_step: str | None
    objections: tuple[str, ...]


class SeenEffect(Closed):
    """An effect on discovery units, and their number."""

    effect: float
    n: int


class SeenLook(Closed):
    """A look at discovery units."""

    id: str
    tool: str
    params: dict[str, Any]
    effects: dict[str, SeenEffect]


class FamilyUse(Closed):
    """How often a hypothesis family was tried in the campaign; ``supported`` counts bits of finished rounds."""

    family: str
    proposed: int
    refused: int
    registered: int
    supported: int


class AgentView(Closed):
    """All that agents may know.

    Attributes
    ----------
    campaign
        The campaign that asks; ``refusals``, ``failures``, ``looks``, ``families`` and ``slots_used`` are its own.
    rounds_finished
        Its finished rounds.
    bits, released, tried_hypotheses, tried_keys, retired_blocks
        Of the whole ledger: stream and blocks outlive a campaign. ``tried`` means registered. A test whose verdict an
        invalidation turned has no bit and counts as not tried; ``released`` says why.
    retire_after
        Tries without a support after which a family is left alone; None for never.
    """

    campaign: str
    rounds_finished: int
    slots_used: int
    families: tuple[FamilyUse, ...]
    bits: tuple[Bit, ...]
    refusals: tuple[Refused, ...]
    failures: tuple[EarlyFailure, ...]
    looks: tuple[SeenLook, ...]
    tried_hypotheses: tuple[str, ...]
    tried_keys: tuple[str, ...]
    retired_blocks: tuple[str, ...]
    released: tuple[Released, ...]
    retire_after: int | None = RETIRE_AFTER

    @cached_property
    def retired_families(self) -> frozenset[str]:
        """Families with ``retire_after`` tries or more in finished rounds of the campaign, and no support."""
        if self.retire_after is None:
            return frozenset()
        most, campaign = self.retire_after, self.campaign
        tries: defaultdict[str, list[bool]] = defaultdict(list)
        for bit in self.bits:
            if bit.campaign == campaign:
                tries[bit.family].append(bit.supported)
        return frozenset(family for family, bits in tries.items() if len(bits) >= most and not any(bits))
