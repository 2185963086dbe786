"""What people hand in for a campaign, as it lies in the inbox: claims of their own, and what was asked for them.

Nothing heavy is imported here: pages read these as often as they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from theodolite.canonical import canonical_json
from theodolite.claims import Author, Hypothesis
from theodolite.records import Closed
from theodolite.store import (
    EntryKind,
    HypothesisRow,
    InboxItem,
    Ledger,
    entry_id,
    hypothesis_rows,
    registered_count,
)
from theodolite.store.ops import Sign

__all__ = [
    "INBOX_KIND",
    "PERSONS_CONVERSATION",
    "ROW_KIND",
    "HandedProposal",
    "HandedRow",
    "ProposalError",
    "Spent",
    "hand_in_proposal",
    "handed_row",
    "read_proposal",
    "refuse_late",
    "refuse_twice",
    "spent_by_people",
    "tested_before",
]

INBOX_KIND: Final = "proposal"
"""Under which proposals lie in the inbox of a campaign."""
ROW_KIND: Final = "row"
"""Under which calls of language models lie there that were made for people; they become rows as they are."""

PERSONS_CONVERSATION: Final = "-person"
"""How the names of conversations end that were held for people, outside of the campaign's own steps."""


class ProposalError(ValueError):
    """A proposal that cannot be handed in: not on the menus, too late, or there already; says what there is."""


class HandedProposal(Closed):
    """What a person hands in: a typed hypothesis whose author is a person.

    Attributes
    ----------
    hypothesis
        What is proposed.
    question
        The person's question in words, where a language model chose the claim from it.
    model
        Which model chose.
    """

    hypothesis: Hypothesis
    question: str = Field(default="", max_length=2000)
    model: str | None = None


class HandedRow(Closed):
    """A call that was made for a person, or a conversation without a usable answer, as it is to stand in the chain."""

    kind: Literal["model_call", "malformed"]
    id: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Spent:
    """Tokens and US dollars that were spent on language models, and calls whose model has no price."""

    tokens: int
    cost: float
    unpriced: int


def read_proposal(item: InboxItem) -> HandedProposal | None:
    """Return a proposal as it was handed in; None for what this version cannot read, or what is no person's."""
    try:
        found = HandedProposal.model_validate_json(item.content)
    except ValidationError:
        return None
    return found if found.hypothesis.author is Author.PERSON else None


def handed_row(item: InboxItem) -> HandedRow | None:
    """Return a row as it was handed in; None for what is no conversation that was held for a person."""
    try:
        row = HandedRow.model_validate_json(item.content)
    except ValidationError:
        return None
    own = row.id.startswith(f"{item.campaign}/{row.kind}/")
    return row if own and str(row.payload.get("conversation", "")).endswith(PERSONS_CONVERSATION) else None


def spent_by_people(ledger: Ledger, campaign: str) -> Spent:
    """Return what calls that were made for people have cost and that no coordinator has taken up yet."""
    rows = [row.payload for item in ledger.ops.inbox(campaign, ROW_KIND) if (row := handed_row(item)) is not None]
    calls = [payload for payload in rows if "tokens_in" in payload]
    return Spent(
        tokens=sum(int(call["tokens_in"]) + int(call["tokens_out"]) for call in calls),
        cost=sum(float(call["cost"]) for call in calls),
        unpriced=sum(not call["priced"] for call in calls),
    )


def refuse_late(ledger: Ledger, campaign: str, budget: int) -> None:
    """Refuse a claim that no round can take up any more.

    Parameters
    ----------
    ledger, campaign
        For which campaign it is.
    budget
        How many experiments the campaign may register.

    Raises
    ------
    ProposalError
        If the campaign is complete, or all its experiments are registered.
    """
    another = "write another campaign file (another name is enough): it continues the error stream of the ledger"
    stop = ledger.get(entry_id(campaign, EntryKind.STOP))
    if stop is not None:
        raise ProposalError(
            f"campaign {campaign} is complete ({stop.payload['reason']}) and takes nothing up; {another}"
        )
    if registered_count(ledger, campaign) >= budget:
        raise ProposalError(f"all {budget} experiments of campaign {campaign} are registered; {another}")


def refuse_twice(ledger: Ledger, campaign: str, hypothesis_id: str) -> None:
    """Refuse a claim that waits in the inbox already.

    Raises
    ------
    ProposalError
        Naming who has handed it in.
    """
    for item in ledger.ops.inbox(campaign, INBOX_KIND):
        waiting = read_proposal(item)
        if waiting is not None and waiting.hypothesis.id == hypothesis_id:
            raise ProposalError(f"{item.person} has handed in the same claim, which waits as number {item.number}")


def tested_before(ledger: Ledger, hypothesis_id: str) -> list[HypothesisRow]:
    """Return the slots in which a claim was locked before, those that were found invalid left out."""
    return [
        row
        for row in hypothesis_rows(ledger, hypothesis_id=hypothesis_id)
        if row.prereg_sha256 is not None and row.invalid_because is None
    ]


def hand_in_proposal(
    ledger: Ledger, campaign: str, person: str, handed: HandedProposal, *, sign: Sign | None = None
) -> int:
    """Put a claim into the inbox of a campaign, and return its number there; raises as :func:`refuse_twice` does."""
    refuse_twice(ledger, campaign, handed.hypothesis.id)
    content = canonical_json(handed.model_dump(mode="json"))
    return ledger.ops.hand_in(campaign, INBOX_KIND, person, content, sign=sign)
