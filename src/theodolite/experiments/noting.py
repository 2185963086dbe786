"""Notes of people about a campaign or a slot: written once, outside the chain; no agent reads them, no verdict does."""

from __future__ import annotations

from typing import Final

from pydantic import Field, ValidationError

from theodolite.canonical import canonical_json
from theodolite.prompts import clean_text
from theodolite.records import Closed
from theodolite.store import EntryKind, InboxItem, Ledger
from theodolite.store.ops import Sign

__all__ = ["LONGEST_NOTE", "NOTE_KIND", "HandedNote", "NoteError", "hand_in_note", "read_note"]

NOTE_KIND: Final = "note"
"""Under which notes lie in the inbox of a campaign; nobody ever takes them up."""
LONGEST_NOTE: Final = 4_000
"""Characters."""


class NoteError(ValueError):
    """A note that cannot be kept; says why."""


class HandedNote(Closed):
    """A note.

    Attributes
    ----------
    subject
        The campaign or slot that it is about.
    text
        One line, without characters that steer a terminal or turn the direction of text.
    signed
        Whether it was handed in with a signature; then there must be one.
    """

    subject: str
    text: str = Field(min_length=1, max_length=LONGEST_NOTE)
    signed: bool = False


def hand_in_note(ledger: Ledger, subject: str, person: str, text: str, *, sign: Sign | None = None) -> int:
    """Keep a note, and return its number in the inbox. There is no way to change one: a correction is another note.

    Raises
    ------
    NoteError
        If it is empty or too long, or is about nothing that the ledger holds.
    """
    subject = subject.strip()
    campaign = subject.partition("/")[0]
    if not ledger.has(f"{subject}/{EntryKind.CAMPAIGN if subject == campaign else EntryKind.HYPOTHESIS}"):
        raise NoteError(
            f"there is no campaign or slot {clean_text(subject, 80)!r}; give one such as pbmc-1a2b3c4d/r01.s003"
        )
    kept = clean_text(text, LONGEST_NOTE + 1)
    if not kept:
        raise NoteError("the note is empty; write something")
    if len(kept) > LONGEST_NOTE:
        raise NoteError(f"the note has more than {LONGEST_NOTE:,} characters; shorten it, or write two")
    content = canonical_json(HandedNote(subject=subject, text=kept, signed=sign is not None).model_dump(mode="json"))
    return ledger.ops.hand_in(campaign, NOTE_KIND, person, content, sign=sign)


def read_note(item: InboxItem) -> HandedNote | None:
    """Return a note as it was handed in; None for what this version cannot read."""
    try:
        return HandedNote.model_validate_json(item.content)
    except ValidationError:
        return None
