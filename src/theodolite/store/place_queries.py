"""What a map of places is drawn from: hypotheses by family and place, and what was looked at on discovery genes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from theodolite.store.derived import ALL
from theodolite.store.ledger import Ledger

__all__ = [
    "CampaignInShort",
    "PlaceLook",
    "campaigns_in_short",
    "count_place_looks",
    "outcomes_by_model",
    "outcomes_by_place",
    "place_looks",
]


class CampaignInShort(NamedTuple):
    """A campaign, the name of its model, and of its cells."""

    campaign: str
    name: str
    model: str
    cells: str


class PlaceLook(NamedTuple):
    """The newest look of an instrument with certain parameters.

    Attributes
    ----------
    id, tool, params
        Its entry, by which instrument, and where: parameters as JSON.
    reference, effect
        The reference of the largest effect in size, and that effect; None where nothing came out.
    """

    id: str
    tool: str
    params: str
    reference: str | None
    effect: float | None


_CAMPAIGNS = "SELECT campaign, name, model, cells FROM campaign ORDER BY seq"
_OF = "campaign IN (SELECT value FROM json_each(?))"
_COUNTED = f"SELECT a, b, outcome, sum(number) FROM tally WHERE kind = 'family locus' AND {_OF} GROUP BY a, b, outcome"
_COUNTED_OF_MODELS = """
SELECT campaign.model, campaign.cells, tally.a, tally.outcome, sum(tally.number)
FROM campaign CROSS JOIN tally ON tally.kind = 'family tool' AND tally.campaign = campaign.campaign
GROUP BY campaign.model, campaign.cells, tally.a, tally.outcome
"""
_COUNTED_OF_REFERENCE = (
    "SELECT family, locus, outcome, count(*) FROM hypothesis INDEXED BY {index} "
    f"WHERE {ALL} AND reference = ? AND {_OF} GROUP BY family, locus, outcome"
)
_COUNTER = "SELECT sum(number) FROM tally WHERE kind ="
_HOW_MANY = {
    "hypothesis_by_reference": f"{_COUNTER} 'model reference' AND campaign = '' AND b = ?",
    "hypothesis_by_campaign": f"{_COUNTER} '' AND {_OF}",
}
_NUMBER = "(item.value ->> '$.effect') + 0.0"
# Of a group with one max() SQLite takes the other columns from the row of that max.
_LOOKS = f"""
SELECT look.id, look.tool, look.params, item.key, {_NUMBER}, max(coalesce(abs({_NUMBER}), -1.0))
FROM look LEFT JOIN json_each(look.effects) AS item
ON item.value ->> '$.effect' IS NOT NULL AND (? = '' OR item.key = ?)
WHERE look.campaign = ? AND look.seq IN (SELECT max(seq) FROM look WHERE campaign = ? GROUP BY tool, params)
GROUP BY look.seq ORDER BY look.seq LIMIT ?
"""


def campaigns_in_short(ledger: Ledger) -> list[CampaignInShort]:
    """Return every campaign, in the order in which they were opened."""
    with ledger.read() as connection:
        return [CampaignInShort(*row) for row in connection.exec_driver_sql(_CAMPAIGNS)]


def outcomes_by_place(
    ledger: Ledger, campaigns: Sequence[str], reference: str | None = None
) -> list[tuple[str, str, str, int]]:
    """Return family, place, outcome, and how many hypotheses of these campaigns have them.

    Read off counters; about one ``reference`` counted hypothesis by hypothesis, from the side that has fewer.
    """
    listed = json.dumps(list(campaigns))
    with ledger.read() as connection:
        if reference is None:
            return [tuple(row) for row in connection.exec_driver_sql(_COUNTED, (listed,)).all()]
        sizes = {
            index: connection.exec_driver_sql(query, (value,)).scalar() or 0
            for (index, query), value in zip(_HOW_MANY.items(), (reference, listed), strict=True)
        }
        query = _COUNTED_OF_REFERENCE.format(index=min(sizes, key=lambda index: sizes[index]))
        return [tuple(row) for row in connection.exec_driver_sql(query, (reference, listed)).all()]


def outcomes_by_model(ledger: Ledger) -> list[tuple[str, str, str, str, int]]:
    """Return model, cells, family, outcome, and how many hypotheses have them, read off counters."""
    with ledger.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(_COUNTED_OF_MODELS).all()]


def count_place_looks(ledger: Ledger, campaign: str) -> int:
    """Return how many looks a campaign has taken."""
    with ledger.read() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM look WHERE campaign = ?", (campaign,))
        return int(found.scalar() or 0)


def place_looks(ledger: Ledger, campaign: str, reference: str | None = None, most: int = 5_000) -> list[PlaceLook]:
    """Return the newest look of a campaign at each place by each instrument, with the largest effect that it saw.

    Parameters
    ----------
    campaign
        Whose looks.
    reference
        Only the effect of this one.
    most
        Looks at most, the oldest first.
    """
    wanted = reference or ""
    with ledger.read() as connection:
        found = connection.exec_driver_sql(_LOOKS, (wanted, wanted, campaign, campaign, most))
        return [PlaceLook(*row[:5]) for row in found]
