"""What the coverage of a ledger is counted from: slots in short, and how many places were looked at."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import func as sql
from sqlalchemy import select

from theodolite.store import tables
from theodolite.store.ledger import Ledger

__all__ = ["LookedAt", "SlotInShort", "looked_at", "slots_in_short"]

_SLOT, _LOOK, _REFERENCE = tables.hypothesis.c, tables.look.c, tables.reference_set.c


class SlotInShort(NamedTuple):
    """One slot: what was asked, and how far it came.

    Attributes
    ----------
    seq, campaign, tool, hypothesis_id
        Its row, whose it is, by which instrument, and what.
    reference, reference_sha256, locus, locus_kind
        Of which genes, and at which place of the model.
    registered, reused, verdict, refused
        Whether a plan was locked, and on a spent hold-out block; the verdict, None as long as there is none; the code
        of its refusal.
    """

    seq: int
    campaign: str
    tool: str
    hypothesis_id: str
    reference: str
    reference_sha256: str
    locus: str
    locus_kind: str
    registered: bool
    reused: bool
    verdict: str | None
    refused: str | None


class LookedAt(NamedTuple):
    """How much of the discovery split a campaign looked at with one instrument.

    Attributes
    ----------
    places
        Distinct places.
    claims
        Distinct places by references that can be tested.
    references
        These references, by name.
    """

    places: int
    claims: int
    references: frozenset[str]


_SLOTS = (
    select(
        _SLOT.seq, _SLOT.campaign, _SLOT.family, _SLOT.hypothesis_id, _SLOT.reference, _SLOT.reference_sha256,
        _SLOT.locus, _SLOT.locus_kind, _SLOT.prereg_sha256.is_not(None), _SLOT.reused.is_(True), _SLOT.verdict,
        tables.refusal.c.code,
    )
    .select_from(tables.hypothesis.outerjoin(tables.refusal, tables.refusal.c.subject == _SLOT.subject))
    .order_by(_SLOT.seq)
)  # fmt: skip
_PLACES = select(_LOOK.campaign, _LOOK.tool, sql.count(_LOOK.params.distinct())).group_by(_LOOK.campaign, _LOOK.tool)
_EFFECT = sql.json_each(_LOOK.effects).table_valued("key")
_CLAIMS = (
    select(_LOOK.campaign, _LOOK.tool, _EFFECT.c.key, sql.count(_LOOK.params.distinct()))
    .select_from(tables.look.join(_EFFECT, _EFFECT.c.key.is_not(None)))
    .join(
        tables.reference_set,
        (_REFERENCE.campaign == _LOOK.campaign) & (_REFERENCE.name == _EFFECT.c.key) & _REFERENCE.testable.is_(True),
    )
    .group_by(_LOOK.campaign, _LOOK.tool, _EFFECT.c.key)
)


def slots_in_short(ledger: Ledger) -> list[SlotInShort]:
    """Return every slot of the ledger, in the order in which they were proposed."""
    with ledger.read() as connection:
        return [SlotInShort(*row) for row in connection.execute(_SLOTS)]


def looked_at(ledger: Ledger) -> dict[tuple[str, str], LookedAt]:
    """Return how much was looked at, by campaign and name of the instrument."""
    claims: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    with ledger.read() as connection:
        for campaign, tool, reference, places in connection.execute(_CLAIMS):
            claims[campaign, tool][reference] = int(places)
        found = connection.execute(_PLACES).all()
    return {
        (campaign, tool.partition("@")[0]): LookedAt(
            int(places), sum(claims[campaign, tool].values()), frozenset(claims[campaign, tool])
        )
        for campaign, tool, places in found
    }
