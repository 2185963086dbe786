"""What the verdicts of a round would be if people let them stand; for people only, before anything is recorded."""

from __future__ import annotations

from theodolite.experiments.approvals import approval_caps
from theodolite.experiments.control_variants import VARIANT_OF, control_cap
from theodolite.experiments.standing import cap_of, is_advisory_now
from theodolite.gates import Place, StreamExhausted, settle, spends
from theodolite.judgements import Judgement, Review, Settlement
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, block_use, entry_id, stream_state

__all__ = ["verdicts_if_approved"]


def verdicts_if_approved(ledger: Ledger, campaign: str, round_number: int) -> dict[int, Settlement]:
    """Return the settlement of each judged slot of an open round, if no person lowers one that is not decided yet.

    A verdict that a person lowers changes the levels of the claims behind it, and so perhaps theirs: these are the
    settlements of the round as it would be with every verdict approved.

    Parameters
    ----------
    ledger
        The ledger; nothing is written.
    campaign, round_number
        Which round.
    """
    found: dict[int, Settlement] = {}
    spent_here, won_here = 0, set[str]()
    for entry in ledger.entries(kind=EntryKind.REGISTRATION, prefix=f"{campaign}/r{round_number:02d}."):
        plan = Plan.model_validate(entry.payload["plan"])
        judged = _entry(ledger, plan, EntryKind.JUDGEMENT)
        if judged is None:
            failure = _entry(ledger, plan, EntryKind.FAILURE)
            spent_here += failure is not None and bool(failure.payload["observed"])
            continue
        judgement = Judgement.model_validate(judged.payload["judgement"])
        spent, keys = stream_state(ledger, plan.level.stream)
        tests, supports = block_use(ledger, plan.block.id, unknown_to=(plan.campaign, plan.round))
        place = Place(
            t=spent + spent_here + 1 if spends(judgement) else None,
            supports_before=len(keys | won_here),
            block_tests=tests + spent_here + 1,
            block_supports=supports,
        )
        reviewed = _entry(ledger, plan, EntryKind.RECORD_REVIEW)
        second = None if reviewed is None else Review.model_validate(reviewed.payload)
        controls = (_entry(ledger, plan, EntryKind.CONTROL, name) for name in VARIANT_OF)
        held = cap_of(
            second,
            advisory=second is not None and is_advisory_now(ledger, second.reviewer, campaign),
            binding=[
                *(control_cap(row.payload) for row in controls if row is not None),
                *approval_caps(ledger, campaign, round_number, plan.slot),
            ],
        )
        try:
            settlement = settle(
                plan, judgement, place, cap=held.cap, block_reused=plan.block.reused, advisory=held.advisory
            )
        except StreamExhausted:
            continue
        found[plan.slot] = settlement
        spent_here += settlement.t is not None
        if settlement.verdict == "supported":
            won_here.add(plan.hypothesis.claim.key)
    return found


def _entry(ledger: Ledger, plan: Plan, kind: EntryKind, name: str | None = None) -> Entry | None:
    return ledger.get(entry_id(plan.campaign, kind, plan.round, plan.slot, name=name))
