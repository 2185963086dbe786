"""``agent_view``: the one query that defines what executor, planner, steering and stage I reviewers may know.

The error stream keeps its guarantee only if claims depend on discovery data and on one bit a claim (``statistics``:
Xu and Ramdas 2024 under a fixed claim sequence). So nothing that was computed with the observed statistic of an open
block is here: no number, no verdict other than supported or not, no row number (which would count the entries of a
failure apart from those of a result).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import Connection, select

from theodolite.claims import Author, Verdict
from theodolite.records import Closed
from theodolite.store import tables
from theodolite.store.ledger import Ledger
from theodolite.store.project_slots import SlotStatus
from theodolite.store.queries import select_rows
from theodolite.store.rows import GateRow, HypothesisRow, LookRow, RefusalRow, ReviewRow, RoundRow

__all__ = [
    "AgentView",
    "Bit",
    "EarlyFailure",
    "FamilyUse",
    "Refused",
    "Released",
    "SeenEffect",
    "SeenLook",
    "UnmetGate",
    "agent_view",
]


RETIRE_AFTER = 6
"""Tries of a hypothesis family without support after which it is left alone, unless the campaign says otherwise."""


class _Seen(Closed):
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


class Bit(_Seen):
    """The one bit of a claim of a finished round."""

    supported: bool


class Refused(_Seen):
    """A hypothesis that was refused before it ran."""

    code: str
    reason: str


class EarlyFailure(_Seen):
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


class Released(_Seen):
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
        Of the whole ledger: stream and blocks outlive a campaign. ``tried`` means registered.
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

    @property
    def retired_families(self) -> frozenset[str]:
        """Families with ``retire_after`` tries or more in finished rounds of the campaign, and no support."""
        if self.retire_after is None:
            return frozenset()
        most = self.retire_after
        tries: defaultdict[str, list[bool]] = defaultdict(list)
        for bit in self.bits:
            if bit.campaign == self.campaign:
                tries[bit.family].append(bit.supported)
        return frozenset(family for family, bits in tries.items() if len(bits) >= most and not any(bits))


def agent_view(ledger: Ledger, campaign: str) -> AgentView:
    """Return what agents of a campaign may know now (rule 4 of a working campaign).

    Everything is in the order of the entries, so that equal chains give byte-identical views.
    """
    with ledger.read() as connection:
        retired = _retired_blocks(connection)
        rows = _told(select_rows(connection, tables.hypothesis, HypothesisRow), retired)
        own = [row for row in rows if row.campaign == campaign]
        registered = [row for row in rows if row.prereg_sha256 is not None]
        bits = _bits(connection, registered)
        return AgentView(
            campaign=campaign,
            rounds_finished=len(
                select_rows(connection, tables.round_row, RoundRow, tables.round_row.c.campaign == campaign)
            ),
            slots_used=len(own),
            families=_families(campaign, own, bits),
            bits=bits,
            refusals=_refusals(connection, campaign, own),
            failures=_failures(own),
            looks=_looks(connection, campaign),
            # A run of another campaign that failed before its statistic was computed spent nothing: it may be tried.
            tried_hypotheses=tuple(
                sorted(
                    {
                        row.hypothesis_id
                        for row in registered
                        if not (row.verdict is Verdict.ERROR and row.t is None and row.campaign != campaign)
                    }
                )
            ),
            tried_keys=tuple(sorted({row.claim_key for row in registered})),
            retired_blocks=tuple(sorted(retired)),
            released=_released(connection, registered, retired),
            retire_after=_retire_after(connection, campaign),
        )


def _told(rows: list[HypothesisRow], retired: set[str]) -> list[HypothesisRow]:
    """Leave out what a person proposed after a test was judged on a block that is still open.

    The person could have seen what that test found. An agent that knew of the claim could take the idea back to the
    block; once it is retired, everything about it is told anyway.
    """
    judged = [row for row in rows if row.observed and row.block_id not in retired]

    def informed(row: HypothesisRow) -> bool:
        place = (row.campaign, row.round)
        return any(test.seq < row.seq and (test.campaign, test.round) != place for test in judged)

    return [row for row in rows if row.author != Author.PERSON.value or not informed(row)]


def _retire_after(connection: Connection, campaign: str) -> int | None:
    """Return what the campaign's file says, and what files said nothing of before that."""
    spec = connection.execute(select(tables.campaign.c.spec).where(tables.campaign.c.campaign == campaign)).scalar()
    budget = spec.get("budget") if isinstance(spec, dict) else None
    found = budget.get("retire_after", RETIRE_AFTER) if isinstance(budget, dict) else RETIRE_AFTER
    return None if found is None else int(found)


def _seen(row: HypothesisRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _Seen.model_fields}


def _bits(connection: Connection, registered: list[HypothesisRow]) -> tuple[Bit, ...]:
    table = tables.round_bit
    known = {(row.campaign, row.round, row.hypothesis_id): row.supported for row in connection.execute(select(table))}
    return tuple(
        Bit(**_seen(row), supported=known[key])
        for row in registered
        if (key := (row.campaign, row.round, row.hypothesis_id)) in known
    )


def _families(campaign: str, own: list[HypothesisRow], bits: tuple[Bit, ...]) -> tuple[FamilyUse, ...]:
    proposed = Counter(row.family for row in own)
    refused = Counter(row.family for row in own if row.status is SlotStatus.REFUSED)
    registered = Counter(row.family for row in own if row.prereg_sha256 is not None)
    supported = Counter(bit.family for bit in bits if bit.supported and bit.campaign == campaign)
    return tuple(
        FamilyUse(
            family=family,
            proposed=proposed[family],
            refused=refused[family],
            registered=registered[family],
            supported=supported[family],
        )
        for family in sorted(proposed)
    )


def _refusals(connection: Connection, campaign: str, own: list[HypothesisRow]) -> tuple[Refused, ...]:
    slots = {row.subject: row for row in own}
    refusals = select_rows(connection, tables.refusal, RefusalRow, tables.refusal.c.campaign == campaign)
    return tuple(
        Refused(**_seen(slots[item.subject]), code=item.code, reason=item.reason)
        for item in refusals
        if item.subject in slots
    )


def _failures(own: list[HypothesisRow]) -> tuple[EarlyFailure, ...]:
    # The flag covers the whole slot: a failure after the statistic was computed says something about it.
    return tuple(
        EarlyFailure(
            **_seen(row), phase=row.failure_phase or "", code=row.failure_code, reason=row.failure_reason or ""
        )
        for row in own
        if row.failure_code is not None and not row.observed
    )


def _looks(connection: Connection, campaign: str) -> tuple[SeenLook, ...]:
    looks = select_rows(connection, tables.look, LookRow, tables.look.c.campaign == campaign)
    return tuple(
        SeenLook(
            id=look.id,
            tool=look.tool,
            params=look.params,
            effects={name: SeenEffect.model_validate(effect) for name, effect in look.effects.items()},
        )
        for look in looks
    )


def _retired_blocks(connection: Connection) -> set[str]:
    table = tables.block
    return set(connection.execute(select(table.c.block_id).where(table.c.retired_in_round.is_not(None))).scalars())


def _released(connection: Connection, registered: list[HypothesisRow], retired: set[str]) -> tuple[Released, ...]:
    table = tables.round_row
    finished = {(row.campaign, row.round) for row in connection.execute(select(table.c.campaign, table.c.round))}
    unmet: defaultdict[str, list[UnmetGate]] = defaultdict(list)
    for gate in select_rows(connection, tables.gate, GateRow, tables.gate.c.passed.is_(False)):
        unmet[gate.subject].append(
            UnmetGate(gate=gate.gate, number=gate.number, threshold=gate.threshold, sentence=gate.sentence)
        )
    objections = {
        review.subject: tuple(f"{item['code']} ({item['gate']}): {item['note']}" for item in review.objections)
        for review in select_rows(connection, tables.review, ReviewRow, tables.review.c.stage == 2)
    }
    return tuple(
        Released(
            **_seen(row),
            block_id=row.block_id,
            verdict=row.verdict,
            tags=row.tags,
            effect=row.effect,
            p=row.p,
            first_unmet=row.first_unmet,
            unmet=tuple(unmet[row.subject]),
            next_step=row.next_step,
            objections=objections.get(row.subject, ()),
        )
        for row in registered
        if row.verdict is not None
        # A block that is used again is retired from the start; its rounds still tell nothing before they end.
        and row.block_id in retired
        and (row.campaign, row.round) in finished
    )
