"""Approval by people: of locked plans before they run, of verdicts before they are recorded. It can only lower.

People hand approvals in at any time; the coordinator, which alone writes the chain, takes them up as rows. The rows
decide, and nothing else does: neither the inbox nor a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, ValidationError

from theodolite.canonical import canonical_json
from theodolite.claims import ReviewerCap, Sha256
from theodolite.plans import Plan
from theodolite.prompts import clean_text
from theodolite.records import Closed
from theodolite.store import ApprovalRecord, EntryKind, InboxItem, Ledger, block_observed, entry_id, slot_id
from theodolite.store.ops import Sign

if TYPE_CHECKING:
    from theodolite.experiments.rounds import CampaignRun

__all__ = [
    "INBOX_KIND",
    "ApprovalError",
    "ApprovalOf",
    "Awaited",
    "HandedApproval",
    "approval",
    "approval_caps",
    "asks_for",
    "awaited",
    "choose_awaited",
    "hand_in_approvals",
    "read_approval",
    "take_up_approvals",
    "withdraw",
    "withdrawn",
]

ApprovalOf = Literal["registration", "verdict"]

INBOX_KIND: Final = "approval"
"""Under which approvals lie in the inbox of a campaign."""


class ApprovalError(ValueError):
    """An approval that cannot be handed in; says what was wrong, and what there is."""


class HandedApproval(Closed):
    """What a person hands in about one slot.

    Attributes
    ----------
    subject, prereg_sha256
        The slot, and the plan that was locked there.
    of, approved, reason
        As in :class:`~theodolite.store.ApprovalRecord`.
    """

    subject: str
    prereg_sha256: Sha256
    of: ApprovalOf
    approved: bool
    reason: str = Field(default="", max_length=2000)


@dataclass(frozen=True)
class Awaited:
    """A slot that goes on when people have approved it.

    Attributes
    ----------
    campaign, round, slot, subject
        Where.
    of
        What is to be approved.
    claim_text, prereg_sha256
        What was locked.
    handed_in
        Who has handed an approval in that is not taken up yet; None where nobody has.
    """

    campaign: str
    round: int
    slot: int
    subject: str
    of: ApprovalOf
    claim_text: str
    prereg_sha256: str
    handed_in: str | None


def asks_for(approve: str | None, of: ApprovalOf) -> bool:
    """Return whether a campaign's setting ``approve`` asks people for an approval."""
    return approve == "both" or approve == f"{of}s"


def approval(ledger: Ledger, campaign: str, round_number: int, slot: int, of: ApprovalOf) -> ApprovalRecord | None:
    """Return what a person said of a slot, None where nobody has yet."""
    entry = ledger.get(entry_id(campaign, EntryKind.APPROVAL, round_number, slot, name=of))
    return None if entry is None else ApprovalRecord.model_validate(entry.payload)


def approval_caps(ledger: Ledger, campaign: str, round_number: int, slot: int) -> list[ReviewerCap]:
    """Return what people leave of a slot's verdict."""
    said = approval(ledger, campaign, round_number, slot, "verdict")
    return [] if said is None else [said.cap]


def take_up_approvals(run: CampaignRun, round_number: int, of: ApprovalOf) -> list[int]:
    """Write what people have handed in for the slots of a round as rows, and return the slots that still wait.

    The first approval of a slot stands. Repeating this writes nothing twice: a row's id derives from its slot.
    """
    ledger, campaign = run.ledger, run.setting.campaign_id
    due = {run.subject(round_number, slot): (slot, plan) for slot, plan in run.plans(round_number).items()}
    if of == "verdict":
        due = {subject: (slot, plan) for subject, (slot, plan) in due.items() if run.judgement(round_number, slot)}
    for item in ledger.ops.inbox(campaign, INBOX_KIND):
        handed = read_approval(item)
        if handed is not None and (handed.of != of or handed.subject not in due):
            if _may_come(run, handed):
                continue
        elif handed is not None:
            slot, plan = due[handed.subject]
            if handed.prereg_sha256 == plan.sha256 and approval(ledger, campaign, round_number, slot, of) is None:
                said = ApprovalRecord(
                    prereg_sha256=plan.sha256,
                    of=of,
                    approved=handed.approved,
                    person=item.person,
                    reason=handed.reason,
                )
                identifier = entry_id(campaign, EntryKind.APPROVAL, round_number, slot, name=of)
                ledger.append_once(EntryKind.APPROVAL, identifier, handed.subject, said.model_dump(mode="json"))
        ledger.ops.take_in(item.number)
    if of == "registration":
        for slot, plan in due.values():
            said_of = approval(ledger, campaign, round_number, slot, of)
            if said_of is not None and not said_of.approved:
                withdraw(run, round_number, slot, plan)
    return [slot for slot, _ in due.values() if approval(ledger, campaign, round_number, slot, of) is None]


def withdraw(run: CampaignRun, round_number: int, slot: int, plan: Plan) -> None:
    """Take a locked plan out before it runs; it ends as ``error``.

    It spends nothing where nothing was tested on its block yet. Once something was, the person may have seen it, and
    which claims are left could hang on the block's genes: the level is spent as if it had been tested, so that the
    claims of the stream stay those that were locked (statistics §0b rules 3 and 4).
    """
    identifier = entry_id(run.setting.campaign_id, EntryKind.FAILURE, round_number, slot)
    if run.ledger.has(identifier):
        return
    seen = block_observed(run.ledger, plan.block.id)
    spent = "its level is spent, for tests on its block had been judged" if seen else "nothing was spent"
    # The person's own words stay in the row of the approval: a failure is told to agents.
    payload = {
        "prereg_sha256": plan.sha256,
        "phase": "approval",
        "code": "withdrawn",
        "reason": f"a person withdrew it before it ran; {spent}",
        "observed": seen,
    }
    run.ledger.append_once(EntryKind.FAILURE, identifier, run.subject(round_number, slot), payload)


def withdrawn(run: CampaignRun, round_number: int, slot: int) -> bool:
    """Return whether a person took a plan out before it ran."""
    said = approval(run.ledger, run.setting.campaign_id, round_number, slot, "registration")
    return said is not None and not said.approved


def awaited(ledger: Ledger) -> list[Awaited]:
    """Return every slot of the ledger that waits for people, in the order in which the plans were locked."""
    return [item for campaign, approve in _asking(ledger) for item in _awaited(ledger, campaign, approve)]


def _asking(ledger: Ledger) -> Iterator[tuple[str, str]]:
    for entry in ledger.entries(kind=EntryKind.CAMPAIGN):
        spec = entry.payload["spec"]
        approve = spec.get("approve") if isinstance(spec, dict) else None
        if approve is not None and not ledger.has(entry_id(entry.subject, EntryKind.STOP)):
            yield entry.subject, str(approve)


def _awaited(ledger: Ledger, campaign: str, approve: str) -> Iterator[Awaited]:
    handed = {
        (read.subject, read.of): item.person
        for item in ledger.ops.inbox(campaign, INBOX_KIND)
        if (read := read_approval(item)) is not None
    }
    open_round = 1 + sum(1 for _ in ledger.entries(kind=EntryKind.ROUND, subject=campaign))
    for entry in ledger.entries(kind=EntryKind.REGISTRATION, prefix=f"{campaign}/r{open_round:02d}."):
        plan = Plan.model_validate(entry.payload["plan"])

        def said(of: ApprovalOf, plan: Plan = plan) -> bool:
            return approval(ledger, campaign, plan.round, plan.slot, of) is not None

        def has(kind: EntryKind, plan: Plan = plan) -> bool:
            return ledger.has(entry_id(campaign, kind, plan.round, plan.slot))

        ran = has(EntryKind.RESULT) or has(EntryKind.FAILURE)
        of: ApprovalOf
        if asks_for(approve, "registration") and not said("registration") and not ran:
            of = "registration"
        elif (
            asks_for(approve, "verdict")
            and not said("verdict")
            and has(EntryKind.RECORD_REVIEW)
            and not has(EntryKind.VERDICT)
        ):
            of = "verdict"
        else:
            continue
        subject = slot_id(campaign, plan.round, plan.slot)
        waits = handed.get((subject, of))
        yield Awaited(campaign, plan.round, plan.slot, subject, of, plan.claim_text, plan.sha256, waits)


def choose_awaited(waiting: list[Awaited], names: list[str], every: bool = False) -> list[Awaited]:
    """Return what a person means of all that waits.

    Parameters
    ----------
    waiting
        All of it, from :func:`awaited`.
    names
        Slots, in full (``pbmc-1a2b3c4d/r01.s003``) or without their campaign where only one has such a slot.
    every
        Everything that nobody has answered yet.

    Raises
    ------
    ApprovalError
        If a slot does not wait, is one of several campaigns, or was answered; naming it and what there is.
    """
    if not waiting:
        raise ApprovalError("nothing waits for a person here; `theodolite status` shows how the campaigns stand")
    wanted = [item for item in waiting if every and item.handed_in is None]
    for name in names:
        found = [item for item in waiting if name == item.subject or item.subject.endswith(f"/{name}")]
        if len(found) != 1:
            known = ", ".join(item.subject for item in found or waiting)
            many = "is a slot of several campaigns" if found else "does not wait for a person"
            raise ApprovalError(f"{name!r} {many}; choose from {known}")
        if found[0].handed_in is not None:
            raise ApprovalError(
                f"{found[0].handed_in} has handed in about {name!r} already; `theodolite run` takes it up, and the "
                "first word stands"
            )
        wanted += [item for item in found if item not in wanted]
    if not wanted:
        raise ApprovalError("everything that waits has been answered; `theodolite run` takes it up")
    return wanted


def hand_in_approvals(
    ledger: Ledger, chosen: list[Awaited], approved: bool, person: str, reason: str, *, sign: Sign | None = None
) -> list[int]:
    """Put what a person says of some slots into the inbox, and return the numbers there.

    Raises
    ------
    ApprovalError
        If something is rejected and no reason is given.
    """
    reason = clean_text(reason, 600)
    if not approved and not reason:
        raise ApprovalError("to reject needs a reason: say why (--because TEXT)")
    numbers = []
    for item in chosen:
        handed = HandedApproval(
            subject=item.subject, prereg_sha256=item.prereg_sha256, of=item.of, approved=approved, reason=reason
        )
        content = canonical_json(handed.model_dump(mode="json"))
        numbers.append(ledger.ops.hand_in(item.campaign, INBOX_KIND, person, content, sign=sign))
    return numbers


def read_approval(item: InboxItem) -> HandedApproval | None:
    """Return an approval as it was handed in; None for what this version cannot read."""
    try:
        return HandedApproval.model_validate_json(item.content)
    except ValidationError:
        return None


def _may_come(run: CampaignRun, handed: HandedApproval) -> bool:
    """Return whether an approval is for something of this campaign that was not decided yet."""
    entry = run.ledger.get(f"{handed.subject}/{EntryKind.REGISTRATION.value}")
    return entry is not None and not run.ledger.has(f"{handed.subject}/{EntryKind.VERDICT.value}")
