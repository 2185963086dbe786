"""The map: which places of a model each family of instruments was asked about, and what came out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.templating import page
from theodolite.reports.atlas import OUTCOMES, atlas, survey
from theodolite.store import Ledger, choices
from theodolite.store.place_queries import campaigns_in_short

__all__ = ["router"]

router = APIRouter()
_Given = Annotated[str, Query(max_length=400)]
_VIEWS = ("places", "models")
_LISTED = 300
"""Values that a list of a form offers; any other can be given in the address."""


@router.get("/map")
def map_page(
    request: Request,
    view: _Given = "",
    campaign: _Given = "",
    model: _Given = "",
    cells: _Given = "",
    reference: _Given = "",
    level: _Given = "",
) -> Response:
    """Show places by family in one model and cells, or models and cells by family."""
    ledger: Ledger = request.app.state.ledger
    view = view or "places"
    if view not in _VIEWS:
        raise Refused(400, f"view is {view!r}", f"Give one of {', '.join(_VIEWS)}.")
    if view == "models":
        return page(request, "map_models.html", survey=survey(ledger), view=view, outcomes=OUTCOMES)
    asked = {"campaign": campaign, "model": model, "cells": cells, "reference": reference}
    found = atlas(ledger, **{name: value or None for name, value in asked.items()}, level=level or None)
    everything = campaigns_in_short(ledger)
    scope = found.scope
    return page(
        request,
        "map.html",
        view=view,
        atlas=found,
        level=level or None,
        asked=asked,
        begun=bool(everything),
        # What a link into the ledger takes along.
        into={"campaign": campaign, "reference": reference}
        | ({} if campaign else {"model": scope.model, "cells": scope.cells}),
        models=_offered((item.model for item in everything), scope.model),
        contexts=_offered((item.cells for item in everything if item.model == scope.model), scope.cells),
        campaigns=[
            (item.campaign, item.name)
            for item in reversed(everything)
            if (item.model, item.cells) == (scope.model, scope.cells)
        ][:_LISTED],
        references=_offered(choices(ledger, "reference"), reference or None),
        outcomes=OUTCOMES,
    )


def _offered(values: Iterable[str], chosen: str | None) -> list[str]:
    """Return names that a form offers, in order, the chosen one among them whatever it is."""
    names = sorted(dict.fromkeys(values))[:_LISTED]
    return names if chosen is None or chosen in names else [chosen, *names]
