"""What a ledger tells agents, followed entry by entry: a view reads only what was appended since the one before.

Whatever is kept here is a function of the entries up to a head, and the hash of the head covers them all. So it holds
for every ledger that has an entry of this hash at this place, and for another it is made anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, select

from theodolite.claims import Author, Verdict
from theodolite.store import tables
from theodolite.store.appending import last_head
from theodolite.store.beside import beside
from theodolite.store.chain import GENESIS, Head
from theodolite.store.informed import informed, without
from theodolite.store.ordered import InOrder, WordCounts
from theodolite.store.project_slots import SlotStatus
from theodolite.store.schema import entry_table
from theodolite.store.seen import (
    RETIRE_AFTER,
    AgentView,
    Bit,
    EarlyFailure,
    FamilyUse,
    Refused,
    Released,
    Seen,
    SeenEffect,
    SeenLook,
    UnmetGate,
)

__all__ = ["Following"]

_SEEN = tuple(Seen.model_fields)
_MORE = (
    "seq", "subject", "status", "prereg_sha256", "block_id", "failure_phase", "failure_code", "failure_reason",
    "observed", "author", "effect", "p", "verdict", "tags", "first_unmet", "next_step", "invalid_because",
)  # fmt: skip
_AFTER: BindParameter[int] = bindparam("after")
_OF: BindParameter[str] = bindparam("of")
_AT_ONCE = 500
"""Subjects in one statement; SQLite has a limit."""

_HASH = select(entry_table.c.hash).where(entry_table.c.seq == bindparam("at"))
# In the order of no index: in that of proposals, SQLite would go through all of them.
_SLOTS: Select[Any] = select(
    *(tables.hypothesis.c[name] for name in (*_SEEN, *_MORE)),
    tables.hypothesis.c.t.label("level"),  # rows of SQLAlchemy have a method of the name t
).where(tables.hypothesis.c.last_seq > _AFTER)
_BITS = select(tables.round_bit).where(tables.round_bit.c.seq > _AFTER)
_ROUNDS = select(tables.round_row.c.campaign, tables.round_row.c.round).where(tables.round_row.c.seq > _AFTER)
_RETIRED = select(tables.block.c.block_id).where(tables.block.c.retired_in_round.is_not(None))
_REVIEWED = select(tables.review.c.subject).where(tables.review.c.stage == 2, tables.review.c.seq > _AFTER)
_REFUSALS = (
    select(tables.refusal.c.subject, tables.refusal.c.code, tables.refusal.c.reason)
    .where(tables.refusal.c.campaign == _OF, tables.refusal.c.seq > _AFTER)
    .order_by(tables.refusal.c.seq)
)
_LOOKS = (
    select(tables.look.c.id, tables.look.c.tool, tables.look.c.params, tables.look.c.effects)
    .where(tables.look.c.campaign == _OF, tables.look.c.seq > _AFTER)
    .order_by(tables.look.c.seq)
)
_SPEC = select(tables.campaign.c.spec).where(tables.campaign.c.campaign == _OF)
_SUBJECTS: BindParameter[Any] = bindparam("subjects", expanding=True)
_UNMET = (
    select(tables.gate)
    .where(tables.gate.c.subject.in_(_SUBJECTS), tables.gate.c.passed.is_(False))
    .order_by(tables.gate.c.seq, tables.gate.c.position)
)
_OBJECTIONS = select(tables.review.c.subject, tables.review.c.objections).where(
    tables.review.c.subject.in_(_SUBJECTS), tables.review.c.stage == 2
)

_Slot = Row[Any]
_Place = tuple[str, int, str]
"""Campaign, round and hypothesis: what a bit is about."""


def _seen(slot: _Slot) -> dict[str, Any]:
    return dict(zip(_SEEN, slot, strict=False))


@dataclass
class _Own:
    """What only the agents of one campaign are told; looks and refusals are read up to ``read``, when they ask."""

    rounds: int = 0
    slots: int = 0
    proposed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    registered: Counter[str] = field(default_factory=Counter)
    supported: Counter[str] = field(default_factory=Counter)
    unspent: WordCounts = field(default_factory=WordCounts)
    failures: InOrder[EarlyFailure] = field(default_factory=lambda: InOrder[EarlyFailure]())
    refusals: list[Refused] = field(default_factory=list)
    looks: list[SeenLook] = field(default_factory=list)
    read: int = 0

    def uses(self) -> Iterator[FamilyUse]:
        for family in sorted(self.proposed):
            yield FamilyUse(
                family=family,
                proposed=self.proposed[family],
                refused=self.refused[family],
                registered=self.registered[family],
                supported=self.supported[family],
            )


class Following:
    """All that agents are told by the entries up to a head. Slots go by the ``seq`` of their hypothesis."""

    def __init__(self) -> None:
        self._head = Head(0, GENESIS, GENESIS)
        self._slots: dict[int, _Slot] = {}
        self._named: dict[str, int] = {}
        self._at: defaultdict[_Place, list[int]] = defaultdict(list)
        self._told: dict[_Place, bool] = {}
        self._finished: set[tuple[str, int]] = set()
        self._retired: frozenset[str] = frozenset()
        self._tried, self._keys = WordCounts(), WordCounts()
        self._own: defaultdict[str, _Own] = defaultdict(_Own)
        self._bits = InOrder[Bit]()
        self._waiting: set[int] = set()
        self._released = InOrder[Released]()
        self._people: set[int] = set()

    def precedes(self, connection: Connection) -> bool:
        """Return whether the ledger goes on from where this was read up to."""
        at = self._head.seq
        return at == 0 or connection.execute(_HASH, {"at": at}).scalar() == self._head.hash

    def read_on(self, connection: Connection) -> None:
        """Take in what was appended since."""
        head = last_head(connection)
        if head == self._head:
            return
        after = {"after": self._head.seq}
        changed = sorted(connection.execute(_SLOTS, after), key=attrgetter("seq"))
        for slot in changed:
            self._put(slot)
        for row in connection.execute(_BITS, after):
            place = row.campaign, row.round, row.hypothesis_id
            self._told[place] = row.supported
            self._tell(place)
        rounds = [(row.campaign, row.round) for row in connection.execute(_ROUNDS, after)]
        for campaign, _ in rounds:
            self._own[campaign].rounds += 1
        self._finished.update(rounds)
        retired = frozenset(connection.execute(_RETIRED).scalars())
        touched = {slot.seq for slot in changed}
        # A review may come before its hypothesis; then it is found once the slot is there.
        reviewed = (self._named.get(subject) for subject in connection.execute(_REVIEWED, after).scalars())
        touched.update(seq for seq in reviewed if seq is not None)
        for seq in touched:
            self._wait(seq)
        if rounds or retired != self._retired:
            touched = self._waiting
        self._retired = retired
        self._release(connection, sorted(touched & self._waiting))
        self._head = head

    def _put(self, slot: _Slot) -> None:
        """Take in a slot as it is now, in place of what it was."""
        seq, before = slot.seq, self._slots.get(slot.seq)
        # In this order nothing that stays is taken out in between.
        self._count(slot, 1)
        if before is not None:
            self._count(before, -1)
        self._slots[seq] = slot
        if slot.author == Author.PERSON.value:
            self._people.add(seq)
        self._named[slot.subject] = seq
        place = slot.campaign, slot.round, slot.hypothesis_id
        if slot.prereg_sha256 is not None and (before is None or before.prereg_sha256 is None):
            self._at[place].append(seq)
            self._tell(place)
        if slot.invalid_because is not None:
            self._take_back(seq)
        failures = self._own[slot.campaign].failures
        failures.drop(seq)
        # The flag covers the whole slot: a failure after the statistic was computed says something about it.
        if slot.failure_code is not None and not slot.observed:
            phase, reason = slot.failure_phase or "", slot.failure_reason or ""
            failures.put(seq, EarlyFailure(**_seen(slot), phase=phase, code=slot.failure_code, reason=reason))

    def _count(self, slot: _Slot, times: int) -> None:
        own, family = self._own[slot.campaign], slot.family
        own.slots += times
        own.proposed[family] += times
        if slot.status == SlotStatus.REFUSED.value:
            own.refused[family] += times
        if slot.prereg_sha256 is None:
            return
        own.registered[family] += times
        if slot.invalid_because is not None:
            return  # it says nothing, so that the claim may be tried again
        self._keys.add(slot.claim_key, times)
        # A run of another campaign that failed before its statistic was computed spent nothing: it may be tried.
        unspent = slot.verdict == Verdict.ERROR.value and slot.level is None
        (own.unspent if unspent else self._tried).add(slot.hypothesis_id, times)

    def _tell(self, place: _Place) -> None:
        """Make the bits of a hypothesis that is registered and whose round has told of it."""
        if place not in self._told:
            return
        for seq in self._at.get(place, ()):
            if seq not in self._bits and self._slots[seq].invalid_because is None:
                bit = Bit(**_seen(self._slots[seq]), supported=self._told[place])
                self._bits.put(seq, bit)
                self._own[bit.campaign].supported[bit.family] += bit.supported

    def _take_back(self, seq: int) -> None:
        """Take back the bit of a test whose verdict an invalidation turned; it tells of nothing."""
        bit = self._bits.drop(seq)
        if bit is not None:
            self._own[bit.campaign].supported[bit.family] -= bit.supported

    def _wait(self, seq: int) -> None:
        """Take back what was released of a slot that has changed, and release it anew if it has a verdict."""
        self._released.drop(seq)
        slot = self._slots[seq]
        if slot.verdict is not None and slot.prereg_sha256 is not None:
            self._waiting.add(seq)
        else:
            self._waiting.discard(seq)

    def _release(self, connection: Connection, candidates: Iterable[int]) -> None:
        ready = [
            seq
            for seq in candidates
            # A block that is used again is retired from the start; its rounds still tell nothing before they end.
            if (slot := self._slots[seq]).block_id in self._retired and (slot.campaign, slot.round) in self._finished
        ]
        for chunk in _chunks(ready):
            self._release_all(connection, [self._slots[seq] for seq in chunk])
        self._waiting.difference_update(ready)

    def _release_all(self, connection: Connection, slots: Sequence[_Slot]) -> None:
        subjects = {"subjects": [slot.subject for slot in slots]}
        unmet: defaultdict[str, list[UnmetGate]] = defaultdict(list)
        for gate in connection.execute(_UNMET, subjects):
            unmet[gate.subject].append(
                UnmetGate(gate=gate.gate, number=gate.number, threshold=gate.threshold, sentence=gate.sentence)
            )
        objections = {
            review.subject: tuple(f"{item['code']} ({item['gate']}): {item['note']}" for item in review.objections)
            for review in connection.execute(_OBJECTIONS, subjects)
        }
        for slot in slots:
            bad = slot.invalid_because
            released = Released(
                **_seen(slot),
                block_id=slot.block_id,
                verdict=Verdict(slot.verdict),
                tags=slot.tags,
                effect=slot.effect if bad is None else None,
                p=slot.p if bad is None else None,
                first_unmet=slot.first_unmet if bad is None else None,
                unmet=tuple(unmet[slot.subject]) if bad is None else (),
                next_step=slot.next_step if bad is None else bad,
                objections=objections.get(slot.subject, ()),
            )
            self._released.put(slot.seq, released)

    def view(self, connection: Connection, campaign: str) -> AgentView:
        """Return what agents of a campaign may know."""
        own = self._own[campaign]
        self._read_own(connection, campaign, own)
        tried = self._tried.all()
        more = [hypothesis_id for hypothesis_id in own.unspent.all() if hypothesis_id not in self._tried]
        # Each part was validated when it was made; doing so again would take longer than all the rest.
        view = AgentView.model_construct(
            campaign=campaign,
            rounds_finished=own.rounds,
            slots_used=own.slots,
            families=tuple(own.uses()),
            bits=self._bits.all(),
            refusals=tuple(own.refusals),
            failures=own.failures.all(),
            looks=tuple(_own_copy(look) for look in own.looks),
            tried_hypotheses=tuple(sorted((*tried, *more))) if more else tried,
            tried_keys=self._keys.all(),
            retired_blocks=tuple(sorted(self._retired)),
            released=self._released.all(),
            retire_after=_retire_after(connection, campaign),
        )
        others = beside(connection, campaign).campaigns
        if not self._people and not others:
            return view
        aside = {seq for seq, slot in self._slots.items() if slot.campaign in others} if others else frozenset()
        shown = {seq: slot for seq, slot in self._slots.items() if seq not in aside} if aside else self._slots
        hidden = informed(self._people - aside, shown, self._retired) | aside
        blocks = frozenset(str(self._slots[seq].block_id) for seq in aside)
        return without(view, self._slots, hidden, blocks) if hidden else view

    def _read_own(self, connection: Connection, campaign: str, own: _Own) -> None:
        if own.read == self._head.seq:
            return
        wanted = {"of": campaign, "after": own.read}
        for row in connection.execute(_REFUSALS, wanted):
            slot = self._slots[self._named[row.subject]]
            own.refusals.append(Refused(**_seen(slot), code=row.code, reason=row.reason))
        for look in connection.execute(_LOOKS, wanted):
            effects = {name: SeenEffect.model_validate(effect) for name, effect in look.effects.items()}
            own.looks.append(SeenLook(id=look.id, tool=look.tool, params=look.params, effects=effects))
        own.read = self._head.seq


def _own_copy(look: SeenLook) -> SeenLook:
    """Return a look whose dicts belong to the view alone: whoever changes them changes no later view."""
    return SeenLook.model_construct(
        id=look.id, tool=look.tool, params=deepcopy(look.params), effects=dict(look.effects)
    )


def _retire_after(connection: Connection, campaign: str) -> int | None:
    """Return what the campaign's file says, and what files said nothing of before that."""
    spec = connection.execute(_SPEC, {"of": campaign}).scalar()
    budget = spec.get("budget") if isinstance(spec, dict) else None
    found = budget.get("retire_after", RETIRE_AFTER) if isinstance(budget, dict) else RETIRE_AFTER
    return None if found is None else int(found)


def _chunks(items: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(items)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk
