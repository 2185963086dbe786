"""What waits for people, and what people have handed in that no round has taken up yet."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.experiments.approvals import Awaited, awaited
from theodolite.experiments.handed import INBOX_KIND, ROW_KIND, Spent, read_proposal, spent_by_people
from theodolite.experiments.wording import claim_text
from theodolite.store import EntryKind, Ledger, entry_id

__all__ = ["Waiting", "WaitingProposal", "waiting"]


@dataclass(frozen=True)
class WaitingProposal:
    """A person's claim that no round has taken up.

    Attributes
    ----------
    number, campaign, person, at
        Which, of whom, and when it was handed in.
    claim_text
        What is claimed.
    late
        Whether the campaign is complete, so that it never will be.
    """

    number: int
    campaign: str
    person: str
    claim_text: str
    at: str
    late: bool


@dataclass(frozen=True)
class Waiting:
    """All of a ledger.

    Attributes
    ----------
    proposals
        Oldest first.
    approvals
        Slots that go on when people have said something.
    unrecorded
        By campaign, what language models have cost for people's questions and no coordinator has written yet.
    """

    proposals: tuple[WaitingProposal, ...]
    approvals: tuple[Awaited, ...]
    unrecorded: dict[str, Spent]

    @property
    def by_campaign(self) -> dict[str, list[Awaited]]:
        """The approvals by campaign."""
        found: dict[str, list[Awaited]] = {}
        for item in self.approvals:
            found.setdefault(item.campaign, []).append(item)
        return found


def waiting(ledger: Ledger) -> Waiting:
    """Return what waits in a ledger, for people or from them."""
    proposals = []
    for item in ledger.ops.inbox(None, INBOX_KIND):
        handed = read_proposal(item)
        if handed is not None:
            proposed = handed.hypothesis
            words = claim_text(
                proposed.claim, proposed.locus, proposed.direction, proposed.claim.reference.name.replace("_", " ")
            )
            late = ledger.has(entry_id(item.campaign, EntryKind.STOP))
            proposals.append(WaitingProposal(item.number, item.campaign, item.person, words, item.at, late))
    campaigns = dict.fromkeys(item.campaign for item in ledger.ops.inbox(None, ROW_KIND))
    return Waiting(
        tuple(proposals),
        tuple(awaited(ledger)),
        {campaign: spent_by_people(ledger, campaign) for campaign in campaigns},
    )
