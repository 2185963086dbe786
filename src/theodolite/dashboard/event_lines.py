"""Rows of the chain as pages and live streams show them: what happened, where, and the address that tells more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from urllib.parse import quote

from theodolite.dashboard.templating import environment, slot_address
from theodolite.reports.row_words import ROW_WORDS
from theodolite.store.kinds import SLOT_KINDS
from theodolite.store.live import RowLine

__all__ = ["EventLine", "event_html", "event_line", "is_of"]

_TEMPLATE = "event_line.html"
_OF_SLOTS = {kind.value for kind in SLOT_KINDS}


@dataclass(frozen=True)
class EventLine:
    """One event; ``place`` is its slot, round or look, empty where it has none."""

    seq: int
    at: str
    words: str
    place: str
    verdict: str | None
    address: str


def event_line(row: RowLine, *, of_many: bool = False) -> EventLine:
    """Return a row as an event: that of a slot leads to its page, any other to the row in full.

    Parameters
    ----------
    row
        The row.
    of_many
        Whether it stands among rows of other campaigns, so that its own is named.
    """
    of_slot = row.kind in _OF_SLOTS
    return EventLine(
        seq=row.seq,
        at=row.at,
        words=ROW_WORDS.get(row.kind, row.kind),
        # The id without its kind: the campaign, and the slot, the round or the place of a look.
        place="/".join(part for part in row.id.split("/")[0 if of_many else 1 :] if part != row.kind),
        verdict=row.verdict,
        address=slot_address(row.subject) if of_slot else f"/entries/{quote(row.id, safe='/')}",
    )


@lru_cache(maxsize=1_024)
def event_html(row: RowLine, *, of_many: bool = False) -> str:
    """Return an event as an item of a list; all readers are sent the same."""
    event = event_line(row, of_many=of_many)
    made = environment.get_template(_TEMPLATE).render(event=event, path="", fresh=count(1).__next__)
    return made.strip()


def is_of(row: RowLine, campaign: str) -> bool:
    """Return whether a row is a campaign's own, or about one of its slots."""
    return row.subject == campaign or row.subject.startswith(f"{campaign}/")
