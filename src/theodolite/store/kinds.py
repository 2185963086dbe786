"""The closed list of entry kinds, and the ids and subjects that derive from (campaign, round, slot, kind)."""

from __future__ import annotations

import re
from enum import StrEnum

from theodolite.store.errors import LedgerPayloadError

__all__ = ["SLOT_KINDS", "EntryKind", "campaign_of", "entry_id", "slot_id"]


class EntryKind(StrEnum):
    """What a row of the ledger may be."""

    CAMPAIGN = "campaign"
    STREAM = "stream"
    SPLIT = "split"
    FIT = "fit"
    LOOK = "look"
    DESCRIPTION = "description"
    HYPOTHESIS = "hypothesis"
    REFUSAL = "refusal"
    REGISTRATION = "registration"
    PLAN_REVIEW = "plan_review"
    RESULT = "result"
    FAILURE = "failure"
    JUDGEMENT = "judgement"
    RECORD_REVIEW = "record_review"
    VERDICT = "verdict"
    REJUDGEMENT = "rejudgement"
    INVALIDATION = "invalidation"
    INVALIDATED = "invalidated"
    REVIEW_TRIAL = "review_trial"
    MODEL_CALL = "model_call"
    MALFORMED = "malformed"
    REPEAT = "repeat"
    WISH = "wish"
    BUDGET = "budget"
    CONTROL = "control"
    APPROVAL = "approval"
    FIGURE = "figure"
    TOOL_CHECK = "tool_check"
    ROUND = "round"
    STOP = "stop"


SLOT_KINDS = frozenset(
    {
        EntryKind.HYPOTHESIS,
        EntryKind.REFUSAL,
        EntryKind.REGISTRATION,
        EntryKind.PLAN_REVIEW,
        EntryKind.RESULT,
        EntryKind.FAILURE,
        EntryKind.JUDGEMENT,
        EntryKind.RECORD_REVIEW,
        EntryKind.VERDICT,
        EntryKind.REJUDGEMENT,
        EntryKind.INVALIDATED,
        EntryKind.CONTROL,
        EntryKind.APPROVAL,
        EntryKind.FIGURE,
    }
)
"""Kinds whose subject is a slot; that of a stream, a check of a tool or an invalidation is what it is about, of any
other its campaign."""

_SLOT = re.compile(r"(?P<campaign>.+)/r\d{2,}\.s\d{3,}")


def slot_id(campaign: str, round: int, slot: int) -> str:
    """Return the subject of a slot, such as ``pbmc-1a2b3c4d/r01.s003``; rounds and slots count from 1.

    Raises
    ------
    LedgerPayloadError
        If round or slot is below 1 or the campaign is empty.
    """
    if not campaign or round < 1 or slot < 1:
        raise LedgerPayloadError(
            f"no slot {slot!r} of round {round!r} of campaign {campaign!r}; name the campaign and count both from 1"
        )
    return f"{campaign}/r{round:02d}.s{slot:03d}"


def campaign_of(subject: str) -> str:
    """Return the campaign of a slot.

    Raises
    ------
    LedgerPayloadError
        If ``subject`` is not a slot.
    """
    match = _SLOT.fullmatch(subject)
    if match is None:
        raise LedgerPayloadError(f"{subject!r} is not a slot; make it with slot_id(campaign, round, slot)")
    return match["campaign"]


def entry_id(
    campaign: str, kind: EntryKind | str, round: int | None = None, slot: int | None = None, name: str | None = None
) -> str:
    """Return the id of an entry, derived so that the same event always has the same id.

    Examples
    --------
    >>> entry_id("pbmc-1a2b3c4d", "verdict", 1, 3)
    'pbmc-1a2b3c4d/r01.s003/verdict'
    >>> entry_id("pbmc-1a2b3c4d", "look", name="attention.edges-0a1b2c3d")
    'pbmc-1a2b3c4d/look/attention.edges-0a1b2c3d'
    >>> entry_id("pbmc-1a2b3c4d", "round", 1)
    'pbmc-1a2b3c4d/r01/round'

    Raises
    ------
    LedgerPayloadError
        If a slot is given without its round, or the name is empty.
    """
    if name == "":
        raise LedgerPayloadError("the name of an entry is empty; leave it out or give one that derives from the work")
    if slot is not None:
        if round is None:
            raise LedgerPayloadError(f"slot {slot!r} was given without its round; give both")
        place = slot_id(campaign, round, slot)
    else:
        place = campaign if round is None else f"{campaign}/r{round:02d}"
    return "/".join([place, EntryKind(kind).value, *([name] if name else [])])
