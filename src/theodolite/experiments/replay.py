"""Replay: every recorded level, decision and gate number is computed again from what came before it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from theodolite.canonical import canonical_json
from theodolite.claims import Author, ReviewerCap, Verdict
from theodolite.experiments.agreement import Agreement
from theodolite.experiments.approvals import ApprovalOf, asks_for
from theodolite.experiments.control_variants import control_cap
from theodolite.experiments.controls import measured_control
from theodolite.experiments.described_rows import DescribedRows
from theodolite.experiments.dossiers import dossier_of, members_of
from theodolite.experiments.fallen import Fallen
from theodolite.experiments.journal import Members
from theodolite.experiments.locked_tools import LockedTools
from theodolite.experiments.manifolds.drawn import DrawnRows
from theodolite.experiments.rejudging import judged_again, settled_again
from theodolite.experiments.results import unsound
from theodolite.experiments.standing import cap_of, is_advisory
from theodolite.gates import (
    CATALOGUES,
    DECISION_VERSION,
    Place,
    judge,
    settle,
    settle_failure,
    spends,
    successor,
)
from theodolite.judgements import Judgement, Review, Settlement
from theodolite.measurements import MeasurementError
from theodolite.plans import Plan
from theodolite.store import (
    ApprovalRecord,
    ArtefactError,
    Beside,
    Entry,
    EntryKind,
    Ledger,
    Problem,
    TrialRow,
    beside,
    trial_rows,
)
from theodolite.tools import closed_list_defect, tools

__all__ = ["TOLERANCE", "verify_decisions"]

TOLERANCE = 1e-9
"""Largest difference, absolute and relative, of a float recomputed from artefacts; counts and texts agree exactly."""


_OF_A_PLAN = frozenset(
    {
        EntryKind.PLAN_REVIEW,
        EntryKind.RESULT,
        EntryKind.FAILURE,
        EntryKind.RECORD_REVIEW,
        EntryKind.CONTROL,
        EntryKind.APPROVAL,
        EntryKind.FIGURE,
        EntryKind.JUDGEMENT,
        EntryKind.VERDICT,
        EntryKind.REJUDGEMENT,
        EntryKind.INVALIDATED,
    }
)
"""Kinds of rows that say something of a locked plan."""


class _Slot:
    """What has been read of one slot so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result: Entry | None = None
        self.failure: Entry | None = None
        self.judgement: Judgement | None = None
        self.review: Review | None = None
        self.binding: list[ReviewerCap] = []
        self.approved_of: set[str] = set()
        self.settled = False
        self.verdict: Entry | None = None


@dataclass
class _Stream:
    """What has been spent of an error stream, and what stands that was won: the claim of each slot."""

    spent: int = 0
    supported: dict[str, str] = field(default_factory=dict)


class _References:
    """The references of a campaign, parsed when the first of them is asked for."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._members: dict[str, Members] = {}

    @cached_property
    def _listed(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._document)
        return found

    def members(self, plan: Plan) -> Members:
        """Return the members of the reference that a plan names."""
        name = plan.hypothesis.claim.reference.name
        if name not in self._members:
            self._members[name] = members_of(name, self._listed[name])
        return self._members[name]


@dataclass(frozen=True)
class _Tested:
    """A test on a hold-out block."""

    campaign: str
    round: int
    supported: bool


def verify_decisions(ledger: Ledger, *, deep: bool = False) -> list[Problem]:
    """Recompute every level and verdict from recorded gate numbers, and with ``deep`` the numbers from artefacts.

    Parameters
    ----------
    ledger
        A ledger whose chain has been verified.
    deep
        Also judge every measurement again.

    Returns
    -------
    list of Problem
        One for each row that says something else than what it follows from; empty if all agree.
    """
    problems: list[Problem] = []
    trials = trial_rows(ledger)
    slots: dict[str, _Slot] = {}
    stopped: dict[str, Entry] = {}
    references: dict[str, _References] = {}
    asking: dict[str, str | None] = {}
    streams: dict[str, _Stream] = {}
    blocks: dict[str, list[_Tested]] = {}
    judged: set[str] = set()
    others: dict[str, Beside] = {}
    seen_by_people: dict[str, set[str]] = {}
    fallen = Fallen()
    followed = (
        Agreement(), LockedTools(), fallen, DescribedRows(ledger, deep=deep), DrawnRows(ledger, deep=deep),
    )  # fmt: skip
    for entry in ledger.entries():

        def wrong(what: str, entry: Entry = entry) -> None:
            problems.append(Problem(entry.seq, entry.id, what))

        if entry.kind in _OF_A_PLAN and entry.subject not in slots:
            wrong("it speaks of a slot without a locked plan")
            continue
        for defect in chain.from_iterable(follower.defects(entry) for follower in followed):
            wrong(defect)
        match entry.kind:
            case EntryKind.CAMPAIGN:
                spec = entry.payload["spec"]
                asking[entry.subject] = spec.get("approve") if isinstance(spec, dict) else None
                try:
                    references[entry.subject] = _References(ledger.artefacts.get(str(entry.payload["artefact"])))
                except ArtefactError as error:
                    wrong(f"its references cannot be read: {error}")
            case EntryKind.HYPOTHESIS if entry.payload["hypothesis"]["author"] == Author.PERSON.value:
                seen_by_people[entry.subject] = set(judged)
            case EntryKind.REGISTRATION:
                plan = Plan.model_validate(entry.payload["plan"])
                if plan.sha256 != entry.payload["prereg_sha256"]:
                    wrong("the plan is not the one that its pre-registration hash names")
                for defect in _open_list(plan):
                    wrong(defect)
                if not plan.block.reused and plan.block.id in seen_by_people.get(entry.subject, ()):
                    wrong("a person proposed it after a test on its block was judged, and it is not marked as reused")
                slots[entry.subject] = _Slot(plan)
            case EntryKind.RESULT:
                slots[entry.subject].result = entry
                if _unapproved(asking, slots[entry.subject], "registration"):
                    wrong("it ran, but no person had approved its registration")
            case EntryKind.FAILURE:
                slots[entry.subject].failure = entry
                if entry.payload["observed"]:
                    judged.add(slots[entry.subject].plan.block.id)
            case EntryKind.RECORD_REVIEW:
                slots[entry.subject].review = Review.model_validate(entry.payload)
            case EntryKind.CONTROL:
                slot = slots[entry.subject]
                slot.binding.append(control_cap(entry.payload))
                if deep:
                    for difference in _control_again(ledger, slot, entry, references):
                        wrong(difference)
            case EntryKind.APPROVAL:
                said = ApprovalRecord.model_validate(entry.payload)
                slots[entry.subject].approved_of.add(said.of)
                slots[entry.subject].binding += [said.cap] if said.of == "verdict" else []
            case EntryKind.JUDGEMENT:
                slot = slots[entry.subject]
                slot.judgement = Judgement.model_validate(entry.payload["judgement"])
                judged.add(slot.plan.block.id)
                if deep:
                    for difference in _rejudge(ledger, slot, references):
                        wrong(difference)
            case EntryKind.VERDICT:
                slot = slots[entry.subject]
                slot.settled, slot.verdict = True, entry
                if slot.judgement is not None and _unapproved(asking, slot, "verdict"):
                    wrong("it is recorded, but no person had approved its verdict")
                stream = slot.plan.level.stream
                recorded = Settlement.model_validate(entry.payload["settlement"])
                if recorded.catalogue not in CATALOGUES or recorded.decision != DECISION_VERSION:
                    wrong(f"settled under catalogue {recorded.catalogue}, decision {recorded.decision}; not known here")
                    continue
                budget = streams.setdefault(stream, _Stream())
                tested = blocks.setdefault(slot.plan.block.id, [])
                try:
                    expected = _settle(slot, budget, tested, advisory=_advised(ledger, trials, others, slot, entry))
                except ValueError as error:  # a forged level or budget; StreamExhausted is one
                    wrong(f"its settlement does not follow from the rows before it: {error}")
                    continue
                for difference in _differences(
                    entry.payload["settlement"], expected.model_dump(mode="json"), exact=True
                ):
                    wrong(f"its settlement does not follow from the rows before it: {difference}")
                if expected.t is not None:
                    # counted here, never taken from the row
                    budget.spent = expected.t
                    won = recorded.verdict is Verdict.SUPPORTED
                    tested.append(_Tested(slot.plan.campaign, slot.plan.round, won))
                if recorded.verdict is Verdict.SUPPORTED:
                    budget.supported[entry.subject] = slot.plan.hypothesis.claim.key
            case EntryKind.INVALIDATED:
                streams.setdefault(slots[entry.subject].plan.level.stream, _Stream()).supported.pop(entry.subject, None)
            case EntryKind.REJUDGEMENT:
                for difference in _judged_again(ledger, slots[entry.subject], entry, references, deep=deep):
                    wrong(difference)
            case EntryKind.STOP:
                stopped[entry.subject] = entry
            case _:
                pass
    problems += fallen.left_out()
    for subject, slot in slots.items():
        stop = stopped.get(slot.plan.campaign)
        if not slot.settled and stop is not None:
            problems.append(
                Problem(stop.seq, stop.id, f"the campaign stopped, but {subject} is locked and not settled")
            )
    return problems


def _open_list(plan: Plan) -> Iterator[str]:
    """Yield how the list of a claim about any place differs from its tool's, where that version of the tool is here."""
    known = {f"{tool.name}@{tool.version}": tool for tool in tools()}
    if plan.places is not None and plan.hypothesis.tool in known:
        defect = closed_list_defect(known[plan.hypothesis.tool], plan.places)
        if defect is not None:
            yield defect


def _unapproved(asking: dict[str, str | None], slot: _Slot, of: ApprovalOf) -> bool:
    return asks_for(asking.get(slot.plan.campaign), of) and of not in slot.approved_of


def _advised(ledger: Ledger, trials: list[TrialRow], others: dict[str, Beside], slot: _Slot, verdict: Entry) -> bool:
    if slot.review is None:
        return False
    campaign = slot.plan.campaign
    if campaign not in others:
        with ledger.read() as connection:
            others[campaign] = beside(connection, campaign)
    return is_advisory(trials, slot.review.reviewer, before=verdict.seq, others=others[campaign])


def _settle(slot: _Slot, budget: _Stream, tested: list[_Tested], *, advisory: bool) -> Settlement:
    plan = slot.plan
    observed = slot.failure is not None and bool(slot.failure.payload["observed"])
    place = Place(
        t=budget.spent + 1 if (spends(slot.judgement) if slot.judgement is not None else observed) else None,
        supports_before=len(set(budget.supported.values())),
        block_tests=len(tested) + 1,
        block_supports=sum(
            test.supported and (test.campaign, test.round) != (plan.campaign, plan.round) for test in tested
        ),
    )
    if slot.judgement is None:
        return settle_failure(plan, place, unsound=unsound(slot.failure))
    held = cap_of(slot.review, advisory=advisory, binding=slot.binding)
    return settle(plan, slot.judgement, place, cap=held.cap, block_reused=plan.block.reused, advisory=held.advisory)


def _control_again(ledger: Ledger, slot: _Slot, entry: Entry, references: dict[str, _References]) -> Iterator[str]:
    """Yield what of an ordered control does not follow from its artefacts."""
    plan, result = slot.plan, slot.result
    if entry.payload["status"] != "done" or plan.campaign not in references:
        return
    if result is None:
        yield "a control of what has no result"
        return
    try:
        found = measured_control(
            ledger, plan, entry.payload, result.payload["measurements"], references[plan.campaign].members(plan)
        )
    except (ArtefactError, MeasurementError) as error:
        yield f"a measurement cannot be read: {error}"
        return
    again = {"baseline": found.baseline, "gain": found.gain, "low": found.low, "passed": found.passed}
    recorded = {name: entry.payload[name] for name in again}
    recorded |= {name: float(value) for name, value in recorded.items() if isinstance(value, str)}
    for difference in _differences(recorded, again, exact=False):
        yield f"judged again from its measurements: {difference}"


def _judged_again(
    ledger: Ledger, slot: _Slot, entry: Entry, references: dict[str, _References], *, deep: bool
) -> Iterator[str]:
    """Yield what of a rejudgement does not follow from the rows before it."""
    if slot.verdict is None or slot.result is None:
        yield "judges again what was never settled"
        return
    if slot.plan.catalogue not in CATALOGUES:
        yield f"judged again, but locked under catalogue {slot.plan.catalogue}, which this version does not hold"
        return
    newest = successor(slot.plan)
    if entry.payload["catalogue"] != newest:
        yield f"judged again under catalogue {entry.payload['catalogue']}; this version judges by {newest}"
        return
    if entry.payload["prereg_sha256"] != slot.plan.sha256:
        yield "names another plan than the one that was locked"
    recorded = Judgement.model_validate(entry.payload["judgement"])
    settlement = settled_again(slot.plan, recorded, slot.verdict)
    for difference in _differences(entry.payload["settlement"], settlement.model_dump(mode="json"), exact=True):
        yield f"its settlement does not follow from its judgement: {difference}"
    if not deep:
        return
    if slot.plan.campaign not in references:
        return  # reported at the campaign's own row
    members = references[slot.plan.campaign].members(slot.plan)
    try:
        judgement = judged_again(ledger, slot.plan, slot.result, members)
    except (ArtefactError, MeasurementError) as error:
        yield f"a measurement cannot be read: {error}"
        return
    for difference in _differences(entry.payload["judgement"], judgement.model_dump(mode="json"), exact=False):
        yield f"judged again from its measurements: {difference}"


def _rejudge(ledger: Ledger, slot: _Slot, references: dict[str, _References]) -> Iterator[str]:
    plan, result = slot.plan, slot.result
    if result is None or slot.judgement is None:
        yield "judged without a result"
        return
    if plan.catalogue not in CATALOGUES:
        yield f"judged under catalogue {plan.catalogue}; this version holds {', '.join(CATALOGUES)}"
        return
    if plan.campaign not in references:
        return  # reported at the campaign's own row
    members = references[plan.campaign].members(plan)
    same = result.payload["prereg_sha256"] == plan.sha256
    try:
        dossier = dossier_of(ledger, plan, result.payload["measurements"], members, provenance_ok=same)
    except (ArtefactError, MeasurementError) as error:
        yield f"a measurement cannot be read: {error}"
        return
    again = judge(plan, dossier)
    recorded = slot.judgement.model_dump(mode="json")
    for difference in _differences(recorded, again.model_dump(mode="json"), exact=False):
        yield f"judged again from its measurements: {difference}"


def _differences(recorded: Any, expected: Any, *, exact: bool, path: str = "") -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(recorded, dict):
        for key in sorted(set(recorded) | set(expected)):
            yield from _differences(recorded.get(key), expected.get(key), exact=exact, path=f"{path}.{key}".lstrip("."))
    elif isinstance(expected, list) and isinstance(recorded, list) and len(expected) == len(recorded):
        for index, pair in enumerate(zip(recorded, expected, strict=True)):
            yield from _differences(*pair, exact=exact, path=f"{path}[{index}]")
    elif not exact and isinstance(expected, float) and isinstance(recorded, (float, int)):
        if not math.isclose(recorded, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{path} is {recorded!r}, recomputed {expected!r}"
    elif canonical_json(recorded) != canonical_json(expected):
        yield f"{path} is {recorded!r}, recomputed {expected!r}"
