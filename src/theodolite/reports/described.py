"""What the descriptions of a ledger say, for people: the sentence first, and what it was made by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theodolite.store import Entry, EntryKind, Ledger

__all__ = ["DescriptionLine", "as_description", "description_lines"]


@dataclass(frozen=True)
class DescriptionLine:
    """One description of one variant of a model.

    Attributes
    ----------
    sentence
        What was seen, and beside which control; where the job failed, how and why.
    done
        Whether there is anything to read.
    campaign, description, version, variant, params, references
        Whose, and of what; references by id.
    facts
        The numbers; floats as the decimal texts that rows hold.
    standing
        That it claims nothing.
    id, seq, measurement
        Its row, and the artefact of its measurement; None where the job failed.
    """

    sentence: str
    done: bool
    campaign: str
    description: str
    version: str
    variant: str
    params: dict[str, Any]
    references: tuple[str, ...]
    facts: dict[str, Any]
    standing: str
    id: str
    seq: int
    measurement: str | None


def description_lines(ledger: Ledger, campaign: str | None = None) -> list[DescriptionLine]:
    """Return the descriptions of a ledger, or of one campaign, in the order of their rows."""
    return [as_description(entry) for entry in ledger.entries(kind=EntryKind.DESCRIPTION, subject=campaign)]


def as_description(entry: Entry) -> DescriptionLine:
    """Return a row of kind ``description`` as people read it."""
    payload = entry.payload
    done = payload["status"] == "done"
    return DescriptionLine(
        sentence=str(payload["sentence"]) if done else f"Not described ({payload['status']}): {payload['reason']}",
        done=done,
        campaign=entry.subject,
        description=str(payload["description"]),
        version=str(payload["version"]),
        variant=str(payload["variant"]),
        params=dict(payload["params"]),
        references=tuple(payload["references"]),
        facts=dict(payload["facts"]),
        standing=str(payload["standing"]),
        id=entry.id,
        seq=entry.seq,
        measurement=payload["measurement"],
    )
