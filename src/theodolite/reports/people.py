"""What people have handed in: claims and approvals that nothing has taken up yet, and their notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theodolite.experiments.approvals import INBOX_KIND as APPROVALS
from theodolite.experiments.approvals import read_approval
from theodolite.experiments.handed import INBOX_KIND as PROPOSALS
from theodolite.experiments.handed import read_proposal
from theodolite.experiments.noting import NOTE_KIND, read_note
from theodolite.experiments.signatures import Checked, Signed, check_signatures
from theodolite.experiments.wording import claim_text
from theodolite.store import EntryKind, InboxItem, Ledger, entry_id

__all__ = ["Handed", "Note", "handed_in", "notes_about", "notes_of", "words_of"]


@dataclass(frozen=True)
class Handed:
    """An item of the inbox that no coordinator has taken up.

    Attributes
    ----------
    number, campaign, person, at
        Which, for whom, of whom, and when it was handed in.
    kind
        What it is.
    words
        What it says.
    subject
        The slot that an approval is about; None for a claim, which has none yet.
    late
        Whether the campaign is complete, so that it never will be taken up.
    signed
        How it stands with its signature.
    """

    number: int
    campaign: str
    kind: Literal["proposal", "approval"]
    person: str
    at: str
    words: str
    subject: str | None
    late: bool
    signed: Signed


@dataclass(frozen=True)
class Note:
    """A note about a campaign or a slot, as it was written."""

    number: int
    campaign: str
    subject: str
    person: str
    text: str
    at: str
    signed: Signed


def handed_in(ledger: Ledger, checked: Checked | None = None) -> list[Handed]:
    """Return all that people have handed in and that waits, newest first.

    Parameters
    ----------
    ledger
        The ledger.
    checked
        Its signatures, where they were verified already.
    """
    checked = checked or check_signatures(ledger)
    found = []
    for item in ledger.ops.inbox(None):
        said = words_of(item)
        if said is None:
            continue
        words, subject = said
        late = ledger.has(entry_id(item.campaign, EntryKind.STOP))
        kind: Literal["proposal", "approval"] = "proposal" if item.kind == PROPOSALS else "approval"
        signed = checked.of(item.number)
        found.append(Handed(item.number, item.campaign, kind, item.person, item.at, words, subject, late, signed))
    return found[::-1]


def words_of(item: InboxItem) -> tuple[str, str | None] | None:
    """Return what a claim or an approval says in words, and the slot it is about; None for anything else."""
    if item.kind == PROPOSALS:
        handed = read_proposal(item)
        if handed is None:
            return None
        claimed = handed.hypothesis
        title = claimed.claim.reference.name.replace("_", " ")
        return claim_text(claimed.claim, claimed.locus, claimed.direction, title), None
    if item.kind == APPROVALS:
        approval = read_approval(item)
        if approval is None:
            return None
        what = "plan" if approval.of == "registration" else "verdict"
        said = f"{'approves' if approval.approved else 'rejects'} the {what}"
        return f"{said}: {approval.reason}" if approval.reason else said, approval.subject
    return None


def notes_of(ledger: Ledger, campaign: str | None = None, checked: Checked | None = None) -> list[Note]:
    """Return the notes about a campaign and its slots, or all of a ledger, newest first."""
    checked = checked or check_signatures(ledger, campaign)
    found = []
    for item in ledger.ops.inbox(campaign, NOTE_KIND, waiting=False):
        note = read_note(item)
        if note is not None:
            signed = checked.of(item.number)
            found.append(Note(item.number, item.campaign, note.subject, item.person, note.text, item.at, signed))
    return found[::-1]


def notes_about(ledger: Ledger, subject: str) -> list[Note]:
    """Return the notes about one campaign or one slot, newest first."""
    return [note for note in notes_of(ledger, subject.partition("/")[0]) if note.subject == subject]
