"""The filter and order of a list of hypotheses, as they stand in an address; lists and single pages share them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Annotated, Any

from fastapi import Query

from theodolite.dashboard.failing import Refused
from theodolite.store import SORTS, Find

__all__ = ["Filtering", "filtering"]

_Given = Annotated[str, Query(max_length=400)]
_LARGEST = 2**31
_ORDERS = ("descending", "ascending")


@dataclass(frozen=True)
class Filtering:
    """What is asked for, and in which order.

    Attributes
    ----------
    find
        The filter.
    sort, descending
        By what, one of :data:`theodolite.store.SORTS`, and from which end.
    """

    find: Find
    sort: str
    descending: bool

    @property
    def params(self) -> dict[str, Any]:
        """The filter and the order as parameters of an address, defaults left out."""
        given = {key: value for key, value in asdict(self.find).items() if value not in (None, "")}
        if self.sort != "proposed":
            given["sort"] = self.sort
        if not self.descending:
            given["order"] = "ascending"
        return given


def filtering(
    campaign: _Given = "",
    outcome: _Given = "",
    tag: _Given = "",
    unmet: _Given = "",
    family: _Given = "",
    tool: _Given = "",
    locus: _Given = "",
    layer: _Given = "",
    model: _Given = "",
    cells: _Given = "",
    reference: _Given = "",
    author: _Given = "",
    relation: _Given = "",
    block: _Given = "",
    cost_from: _Given = "",
    cost_to: _Given = "",
    since: _Given = "",
    until: _Given = "",
    text: _Given = "",
    sort: _Given = "proposed",
    order: _Given = "descending",
) -> Filtering:
    """Read filter and order from the parameters of a request; a dependency of routes. What a form leaves empty is any.

    Raises
    ------
    Refused
        If a number is none, or the order is unknown.
    """
    sort, order = sort or "proposed", order or "descending"
    if sort not in SORTS:
        raise Refused(400, f"sort is {sort!r}", f"Sort by one of {', '.join(SORTS)}.")
    if order not in _ORDERS:
        raise Refused(400, f"order is {order!r}", f"Give one of {', '.join(_ORDERS)}.")
    found = Find(
        campaign=campaign or None,
        outcome=outcome or None,
        tag=tag or None,
        unmet=unmet or None,
        family=family or None,
        tool=tool or None,
        locus=locus or None,
        layer=_whole(layer),
        model=model or None,
        cells=cells or None,
        reference=reference or None,
        author=author or None,
        relation=relation or None,
        block=block or None,
        cost_from=_money("cost_from", cost_from),
        cost_to=_money("cost_to", cost_to),
        since=since or None,
        until=until or None,
        # Signs alone look for nothing, and are no filter in force.
        text=text if any(map(str.isalnum, text)) else None,
    )
    return Filtering(found, sort, order == "descending")


def _whole(given: str) -> int | None:
    if not given.strip():
        return None
    try:
        value = int(given)
    except ValueError:
        value = _LARGEST
    if not 0 <= value < _LARGEST:
        raise Refused(400, f"layer is {given!r}", "Give a whole number from 0, or leave it empty.")
    return value


def _money(name: str, given: str) -> float | None:
    if not given.strip():
        return None
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not (isfinite(value) and value >= 0):
        raise Refused(400, f"{name} is {given!r}", "Give an amount in US dollars from 0, or leave it empty.")
    return value
