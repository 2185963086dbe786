"""Proposals of people: taken up from the inbox as ordinary hypotheses, on genes that no person can have seen tested.

People may see everything that a ledger holds. So what a person proposes cannot use a hold-out block on which a test was
judged before (statistics §0b rule 4): it is tested on a block that is untouched, else on a used one in the stream of
reused blocks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theodolite.claims import Author
from theodolite.experiments.handed import INBOX_KIND, ROW_KIND, HandedProposal, handed_row, read_proposal
from theodolite.experiments.registration import block_spent
from theodolite.experiments.setting import Setting
from theodolite.store import EntryKind, InboxItem, Ledger, LedgerConflict, LedgerPayloadError, block_observed

if TYPE_CHECKING:
    from theodolite.experiments.rounds import CampaignRun

__all__ = [
    "Intake",
    "block_for_people",
    "block_in_use",
    "block_of_round",
    "conversing",
    "of_people_alone",
    "proposals_wait",
    "slots_of_people",
    "take_up_proposals",
    "untouched",
]


@dataclass(frozen=True)
class Intake:
    """What a round takes up.

    Attributes
    ----------
    taken
        Slots of the round that hold persons' proposals, counted from 1.
    alone
        Whether the round is theirs alone: the block in use has judged tests, so theirs must be on another one.
    """

    taken: int
    alone: bool


def untouched(setting: Setting, ledger: Ledger, block: str) -> bool:
    """Return whether no test on a block was judged, in any campaign of the ledger."""
    return not block_observed(ledger, setting.split.block_id(block))


def block_in_use(setting: Setting, ledger: Ledger) -> tuple[str, bool]:
    """Return the block that agents' claims are tested on, and whether it was spent before."""
    blocks = setting.split.blocks
    fresh = next((name for name in blocks if not block_spent(setting, ledger, name)), None)
    return (blocks[-1], True) if fresh is None else (fresh, False)


def block_for_people(setting: Setting, ledger: Ledger) -> tuple[str, bool]:
    """Return the block that a person's claim is tested on now, and whether as a reused one.

    The first block on which nothing was judged; where there is none, the last one, in the stream of reused blocks.
    """
    blocks = setting.split.blocks
    fresh = next((name for name in blocks if untouched(setting, ledger, name)), None)
    return (blocks[-1], True) if fresh is None else (fresh, False)


def block_of_round(run: CampaignRun, round_number: int) -> tuple[str, bool]:
    """Return the block of a round that has its proposals, and whether as a reused one; all of a round is on one block.

    What is locked of the round decides; so a round that was begun goes on where it began, whatever was judged since.
    """
    for plan in run.plans(round_number).values():
        return plan.block.id.rpartition("/")[2], plan.block.reused
    if _by_people(run, round_number):
        return block_for_people(run.setting, run.ledger)
    return block_in_use(run.setting, run.ledger)


def take_up_proposals(run: CampaignRun, round_number: int, slots: int) -> Intake:
    """Write waiting proposals as the first hypotheses of a round, oldest first, at most so many.

    A proposal leaves the inbox after its row is written, and is known by its number there: a campaign that dies in
    between writes it once. Nothing is taken into a round in which agents have begun.
    """
    ledger, setting = run.ledger, run.setting
    _take_up_rows(ledger, setting.campaign_id)
    proposed = run.proposed(round_number)
    taken = _by_people(run, round_number)
    waiting = ledger.ops.inbox(setting.campaign_id, INBOX_KIND)
    known = _taken_before(run) if waiting else set()
    full = len(proposed) > len(taken) or conversing(run, round_number)
    for item in waiting:
        handed = read_proposal(item)
        if handed is not None and (item.number, handed.hypothesis.id) not in known:
            if full or len(taken) >= slots:
                continue
            slot = len(taken) + 1
            run.propose(round_number, slot, handed.hypothesis, _beside(item, handed))
            taken.append(slot)
        ledger.ops.take_in(item.number)
    return Intake(len(taken), bool(taken) and block_for_people(setting, ledger) != block_in_use(setting, ledger))


def _take_up_rows(ledger: Ledger, campaign: str) -> None:
    for item in ledger.ops.inbox(campaign, ROW_KIND):
        row = handed_row(item)
        if row is not None:
            # What cannot be a row is left out as an unreadable proposal is: it would stop every later session too.
            with suppress(LedgerPayloadError, LedgerConflict):
                ledger.append_once(row.kind, row.id, campaign, row.payload)
        ledger.ops.take_in(item.number)


def proposals_wait(run: CampaignRun) -> bool:
    """Return whether people have handed in what no round has taken up yet."""
    return bool(run.ledger.ops.inbox(run.setting.campaign_id, INBOX_KIND))


def slots_of_people(run: CampaignRun, round_number: int) -> int:
    """Return how many slots of a round hold proposals of people; they are its first."""
    return len(_by_people(run, round_number))


def of_people_alone(run: CampaignRun, round_number: int) -> bool:
    """Return whether a round holds proposals of people and nothing else."""
    proposed = run.proposed(round_number)
    return bool(proposed) and len(_by_people(run, round_number)) == len(proposed)


def _by_people(run: CampaignRun, round_number: int) -> list[int]:
    return [slot for slot, found in run.proposed(round_number).items() if found.author is Author.PERSON]


def conversing(run: CampaignRun, round_number: int) -> bool:
    """Return whether a language model was asked for a proposal of a round already; its answer is paid for."""
    prefix = f"{run.setting.campaign_id}/{EntryKind.MODEL_CALL.value}/r{round_number:02d}.c"
    return next(run.ledger.entries(kind=EntryKind.MODEL_CALL, prefix=prefix), None) is not None


def _taken_before(run: CampaignRun) -> set[tuple[int, str]]:
    prefix = f"{run.setting.campaign_id}/"
    return {
        (entry.payload["inbox"], str(entry.payload["hypothesis_id"]))
        for entry in run.ledger.entries(kind=EntryKind.HYPOTHESIS, prefix=prefix)
        if "inbox" in entry.payload
    }


def _beside(item: InboxItem, handed: HandedProposal) -> dict[str, object]:
    """Return what the row holds beside the hypothesis, whose own shape is frozen."""
    beside: dict[str, object] = {"person": item.person, "inbox": item.number}
    if handed.question:
        beside["question"] = handed.question
    if handed.model is not None:
        beside["model"] = handed.model
    return beside
