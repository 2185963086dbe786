"""The ledger: hypotheses by filter and order, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from theodolite.dashboard.filter_form import SORT_NAMES, active_filters, folded, selects
from theodolite.dashboard.filters import Filtering, filtering
from theodolite.dashboard.intervals import rulers
from theodolite.dashboard.templating import page, query
from theodolite.reports.listed import ListedHypothesis, listed
from theodolite.reports.table_exports import TABLES
from theodolite.store import Ledger, count_found, find

__all__ = ["router"]

router = APIRouter()

_ROWS = 50
_LONGEST = 400
_RISING = ("p",)
"""What is sorted from the least on the first click: the strongest comes first."""


@dataclass(frozen=True)
class Head:
    """The head of a column that can be sorted by: the address of that order, and how rows are sorted by it now."""

    name: str
    address: str
    now: str | None


@router.get("/ledger", include_in_schema=False)
def ledger_page(
    request: Request,
    asked: Annotated[Filtering, Depends(filtering)],
    cursor: Annotated[str, Query(max_length=_LONGEST)] = "",
    backwards: bool = False,
) -> Response:
    """Show a page of the hypotheses that a filter leaves; a form that is being filled in gets the rows alone."""
    ledger: Ledger = request.app.state.ledger
    params = asked.params
    address = f"/ledger{query(params, cursor=cursor, backwards='1' if backwards else None)}"
    partial = request.headers.get("hx-request-type") == "partial"
    if not partial and "" in request.query_params.values():
        return RedirectResponse(address, status_code=303)
    found = find(
        ledger, asked.find, sort=asked.sort, descending=asked.descending, cursor=cursor or None, backwards=backwards,
        limit=_ROWS,
    )  # fmt: skip
    items = listed(ledger, found.rows)
    shown: dict[str, Any] = {
        "asked": asked,
        "params": params,
        "active": active_filters(asked),
        "items": items,
        "columns": _columns(items),
        "heads": {name: _head(name, asked) for name in SORT_NAMES},
        "rulers": rulers(items),
        "count": count_found(ledger, asked.find),
        "found": found,
        "cursor": cursor,
        "several": len({item.row.campaign for item in items}) > 1,
        "tables": TABLES,
    }
    if partial:
        answer = page(request, "ledger_results.html", **shown)
        answer.headers["hx-push-url"] = address
    else:
        first, rest = selects(ledger, asked)
        answer = page(
            request, "ledger.html", first=first, rest=rest, more_open=folded(asked), sort_names=SORT_NAMES, **shown
        )
    answer.headers["vary"] = "HX-Request-Type"
    return answer


def _columns(items: list[ListedHypothesis]) -> set[str]:
    """Return which columns have a value on this page."""
    has = {
        "effect": any(item.line.effect is not None for item in items),
        "evidence": any(item.line.p is not None or item.line.e is not None for item in items),
        "reason": any(item.line.first_unmet or item.line.next_step for item in items),
        "cost": any(item.row.cost is not None for item in items),
        "decided": any(item.row.decided_at is not None for item in items),
    }
    return {name for name, there in has.items() if there}


def _head(name: str, asked: Filtering) -> Head:
    sorted_by = asked.sort == name
    descending = not asked.descending if sorted_by else name not in _RISING
    address = query(asked.params, sort=None if name == "proposed" else name, order=None if descending else "ascending")
    now = ("descending" if asked.descending else "ascending") if sorted_by else None
    return Head(name, f"/ledger{address}", now)
