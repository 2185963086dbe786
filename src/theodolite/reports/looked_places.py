"""What was looked at on discovery genes, place by place: estimates that no plan was locked for and no gate judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from theodolite.store import Ledger
from theodolite.store.place_queries import count_place_looks, place_looks
from theodolite.tools import get_tool

__all__ = ["Estimate", "estimates", "place_in_words"]

_CAMPAIGNS = 12
"""So many campaigns are asked, the newest: what one saw at a place hides what an older one saw there."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a look saw.

    Attributes
    ----------
    id
        Its entry.
    effect, reference
        The largest effect in size, or that of the reference that was asked for; None where the look has none.
    """

    id: str
    effect: float | None
    reference: str | None


def estimates(
    ledger: Ledger, campaigns: Sequence[str], reference: str | None = None
) -> dict[tuple[str, str], Estimate]:
    """Return the newest look of these campaigns, by family of instruments and place.

    Parameters
    ----------
    campaigns
        In the order in which they were opened; the last dozen are asked.
    reference
        Only effects of this reference.
    """
    found: dict[tuple[str, str], Estimate] = {}
    for campaign in campaigns[-_CAMPAIGNS:]:
        found.update(_of_campaign(ledger, campaign, reference))
    return found


def place_in_words(tool: str, params: str) -> str:
    """Return the place that parameters (JSON) mean to an instrument; the parameters themselves if it is not loaded."""
    return _in_words(tool.partition("@")[0], params)


@lru_cache(maxsize=20_000)
def _in_words(family: str, params: str) -> str:
    try:
        return str(get_tool(family).params.model_validate_json(params).locus())
    except (KeyError, ValueError):
        return ", ".join(f"{key} {value}" for key, value in json.loads(params).items())


def _of_campaign(ledger: Ledger, campaign: str, reference: str | None) -> dict[tuple[str, str], Estimate]:
    """Return what a campaign saw; read again only when it has looked again, for looks are never changed."""
    number = count_place_looks(ledger, campaign)
    if not number:
        return {}
    name = (str(ledger.path), campaign, reference)
    kept = _KEPT.get(name)
    if kept is None or kept[0] != number:
        seen = {
            (look.tool.partition("@")[0], place_in_words(look.tool, look.params)): Estimate(
                look.id, look.effect, look.reference
            )
            for look in place_looks(ledger, campaign, reference)
        }
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        kept = _KEPT[name] = (number, seen)
    return kept[1]


_MOST_KEPT = 48
_KEPT: dict[tuple[str, str, str | None], tuple[int, dict[tuple[str, str], Estimate]]] = {}
