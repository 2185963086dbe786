"""What rows must agree with beside levels and verdicts: blocks, rounds, controls, approvals, repeated hypotheses.

Followed row by row while a ledger is verified; everything is worked out from the rows before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import comb, fsum
from typing import Any

from theodolite.claims import Verdict
from theodolite.experiments.control_variants import VARIANT_OF
from theodolite.experiments.controls import inapplicable
from theodolite.experiments.registration import MOST_RETURNS
from theodolite.gates import Ablation
from theodolite.gates.ordered import GAIN
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind

__all__ = ["Agreement"]


@dataclass
class _Locked:
    """What has been read of a slot with a locked plan."""

    plan: Plan
    ordered: tuple[str, ...] = ()
    controls: set[str] = field(default_factory=set)
    approved: dict[str, bool] = field(default_factory=dict)
    ran: bool = False
    judged: bool = False
    verdict: Verdict | None = None
    t: int | None = None
    turned: bool = False

    @property
    def supported(self) -> bool:
        return self.verdict is Verdict.SUPPORTED

    @property
    def stands(self) -> bool:
        """Whether it is supported and no invalidation turned that."""
        return self.supported and self.t is not None and not self.turned


class Agreement:
    """Says of each row of a chain, in order, what of it does not follow from the rows before."""

    def __init__(self) -> None:
        self._slots: dict[str, _Locked] = {}
        self._specs: dict[str, dict[str, Any]] = {}
        self._streams: dict[str, dict[str, Any]] = {}
        self._judged: set[str] = set()
        self._seen_at_opening: dict[str, frozenset[str]] = {}
        self._retired: set[str] = set()
        self._returned: Counter[str] = Counter()
        self._rounds: defaultdict[tuple[str, int], list[_Locked]] = defaultdict(list)
        self._of: defaultdict[str, list[_Locked]] = defaultdict(list)
        self._spent: Counter[str] = Counter()
        self._supported: defaultdict[str, list[_Locked]] = defaultdict(list)
        self._supports: Counter[str] = Counter()

    def defects(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the next row of the chain."""
        payload, slot = entry.payload, self._slots.get(entry.subject)
        match entry.kind:
            case EntryKind.STREAM:
                self._streams[str(payload["stream"])] = payload
            case EntryKind.CAMPAIGN:
                self._specs[entry.subject] = payload["spec"] if isinstance(payload["spec"], dict) else {}
                self._seen_at_opening[entry.subject] = frozenset(self._judged)
            case EntryKind.REGISTRATION:
                yield from self._registered(entry)
            case EntryKind.ROUND:
                yield from self._told(entry)
            case EntryKind.TOOL_CHECK:
                if payload["fit"] and _above(payload["passed_empty"], payload["empty"], float(payload["level"])):
                    yield f"fit, though {payload['passed_empty']} of {payload['empty']} worlds without a signal passed"
            case _ if slot is not None:
                yield from self._of_slot(entry, slot)

    def _registered(self, entry: Entry) -> Iterator[str]:
        plan = Plan.model_validate(entry.payload["plan"])
        block, level = plan.block, plan.level
        spent = (
            block.id in self._retired
            or self._returned[block.id] >= (level.supports_per_block or 1)
            or block.id in self._seen_at_opening.get(plan.campaign, ())
        )
        if spent and not block.reused:
            yield f"the block {block.id} was spent before, and the plan is not marked as on a reused one"
        error = self._specs.get(plan.campaign, {}).get("error")
        if isinstance(error, dict) and level.stream != f"{error.get('stream')}{'/reused' if block.reused else ''}":
            yield f"it draws from the stream {level.stream!r}, which is not the one of its campaign and block"
        locked = self._streams.get(level.stream)
        if locked is not None and (float(locked["q"]), int(locked["n_max"])) != (level.q, level.n_max):
            yield f"q = {level.q}, n_max = {level.n_max}; the stream was locked with {locked['q']}, {locked['n_max']}"
        if plan.ablation != Ablation.NO_DEDUP and self._taken(plan):
            yield "the same hypothesis was registered before, and nothing allows it to come back"
        slot = self._slots[entry.subject] = _Locked(plan)
        self._rounds[plan.campaign, plan.round].append(slot)
        self._of[plan.hypothesis.id].append(slot)

    def _taken(self, plan: Plan) -> bool:
        before = self._of[plan.hypothesis.id]
        if not plan.block.reused and any(
            slot.turned and slot.t and slot.plan.block.id == plan.block.id for slot in before
        ):
            return True
        earlier = [slot for slot in before if not slot.turned and (slot.verdict is not Verdict.ERROR or slot.t)]
        back = len(earlier) <= MOST_RETURNS and not plan.block.reused
        return bool(earlier) and not (
            back
            and all(slot.verdict is Verdict.INCONCLUSIVE and slot.plan.block.id != plan.block.id for slot in earlier)
        )

    def _of_slot(self, entry: Entry, slot: _Locked) -> Iterator[str]:
        payload = entry.payload
        if (
            "prereg_sha256" in payload
            and entry.kind is not EntryKind.RESULT
            and entry.kind is not EntryKind.REJUDGEMENT
        ):
            # Of a result the gates say so (G0), of a rejudgement the replay.
            if payload["prereg_sha256"] != slot.plan.sha256:
                yield "names another plan than the one that was locked"
        match entry.kind:
            case EntryKind.PLAN_REVIEW:
                slot.ordered = tuple(payload.get("controls") or ())
            case EntryKind.APPROVAL:
                if (payload["of"] == "registration" and slot.ran) or slot.verdict is not None:
                    yield "it comes after what it is to be asked for"
                slot.approved.setdefault(str(payload["of"]), bool(payload["approved"]))
            case EntryKind.RESULT:
                slot.ran = True
                if slot.approved.get("registration") is False:
                    yield "it ran, though a person had withdrawn it"
            case EntryKind.FAILURE:
                yield from self._failed(entry, slot)
            case EntryKind.CONTROL:
                yield from _controlled(payload, slot)
                slot.controls.add(str(payload["control"]))
            case EntryKind.JUDGEMENT:
                slot.judged = True
                self._judged.add(slot.plan.block.id)
            case EntryKind.VERDICT:
                yield from self._settled(entry, slot)
            case EntryKind.INVALIDATED:
                slot.turned = True

    def _failed(self, entry: Entry, slot: _Locked) -> Iterator[str]:
        if entry.payload["phase"] == "approval":
            if slot.approved.get("registration") is not False:
                yield "it is said to be withdrawn, but no person withdrew it"
            if entry.payload["observed"] is not (slot.plan.block.id in self._judged):
                yield "a plan that is withdrawn spends its level exactly where its block had judged tests"
        elif slot.approved.get("registration") is False:
            yield "it ran, though a person had withdrawn it"
        if entry.payload["observed"]:
            self._judged.add(slot.plan.block.id)

    def _settled(self, entry: Entry, slot: _Locked) -> Iterator[str]:
        payload, settled = entry.payload, entry.payload["settlement"]
        if payload["claim_key"] != slot.plan.hypothesis.claim.key:
            yield "its claim key is not that of the locked plan"
        missing = [name for name in slot.ordered if name not in slot.controls]
        if slot.ran and missing:
            yield f"it is recorded without the control that was ordered: {', '.join(missing)}"
        slot.verdict, slot.t = Verdict(settled["verdict"]), settled["t"]
        stream = slot.plan.level.stream
        if slot.t is not None:
            self._spent[stream] = max(self._spent[stream], slot.t)
        if slot.t is not None and slot.supported:
            self._supported[stream].append(slot)
            self._supports[slot.plan.block.id] += 1

    def _told(self, entry: Entry) -> Iterator[str]:
        payload = entry.payload
        slots = self._rounds[entry.subject, int(payload["round"])]
        bits = {slot.plan.hypothesis.id: slot.supported for slot in slots}
        if payload["bits"] != bits:
            yield "its bits are not the verdicts of the round"
        if not slots:
            if payload["retired"]:
                yield "a round without a test retires no block"
            return
        block, level = slots[-1].plan.block.id, slots[-1].plan.level
        error = self._specs.get(entry.subject, {}).get("error")
        most = (error.get("supports_per_block") if isinstance(error, dict) else level.supports_per_block) or 1
        retired = any(bits.values()) and self._supports[block] >= int(most)
        if (payload["block_id"], payload["retired"]) != (block, retired):
            yield f"the block {block} is {'' if retired else 'not '}retired by what the round found"
        spent = self._spent[level.stream]
        keys = len({slot.plan.hypothesis.claim.key for slot in self._supported[level.stream] if slot.stands})
        if (payload["stream_t"], payload["supports"]) != (spent, keys):
            yield f"the stream {level.stream} had come to {spent} tests and {keys} supported claims"
        self._returned[block] += sum(bits.values())
        if retired:
            self._retired.add(block)


def _above(passed: int, worlds: int, level: float) -> bool:
    """Return whether so many passes are too many at a level: its one-sided 95 % lower bound is above it."""
    tail = fsum(comb(worlds, k) * level**k * (1.0 - level) ** (worlds - k) for k in range(passed, worlds + 1))
    return tail < 0.05 * (1.0 - 1e-6)


def _controlled(payload: dict[str, Any], slot: _Locked) -> Iterator[str]:
    """Yield what of a control's row does not agree with itself, the plan or the review."""
    name, passed = payload["control"], payload["passed"]
    if name not in slot.ordered:
        yield f"the control {name!r} was ordered by nobody"
    if payload["variant"] != VARIANT_OF.get(name):
        yield f"the control {name!r} is another variant than {payload['variant']!r}"
    if payload["status"] == "not_applicable" and inapplicable(slot.plan) is None:
        yield "a control applies to this claim"
    if passed is None:
        return
    low, gain = (float(payload[field]) for field in ("low", "gain"))
    if payload["status"] != "done" or passed is not (low > 0 and gain >= GAIN):
        yield f"passed is {passed}, with a gain of {gain:g} from {low:g}"
