"""One hypothesis: three plain sentences first, then everything that the ledger holds of it."""

from __future__ import annotations

import json
import shlex
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.filters import Filtering, filtering
from theodolite.dashboard.glossary import term_id, terms
from theodolite.dashboard.static_files import STATIC
from theodolite.dashboard.templating import page, query, slot_address
from theodolite.gates.decision import HARD_GATES
from theodolite.reports.people import notes_about
from theodolite.reports.plain_words import plain_words
from theodolite.reports.plan_words import plan_lines
from theodolite.reports.slot_figures import slot_figures
from theodolite.reports.slot_lives import SlotLife, find_subject, slot_life
from theodolite.reports.slot_traces import slot_traces
from theodolite.reports.verdict_table import as_line
from theodolite.store import ArtefactError, Ledger, LedgerQueryError, neighbours
from theodolite.store.one_slot import figure_names, reference_size

__all__ = ["router"]

router = APIRouter()

_BINDING = frozenset({*HARD_GATES, "G13"})
"""Gates without which nothing is supported."""
_UNSTATED = "Look for it among all hypotheses, or search its claim above."


@router.get("/figures/{sha256}.json")
def recorded_figure(request: Request, sha256: str) -> Response:
    """Return a figure that a row of the ledger names, as its Vega-Lite specification; no other artefact is served."""
    ledger: Ledger = request.app.state.ledger
    if not figure_names(ledger, sha256):
        raise Refused(404, f"No row of this ledger names a figure {sha256[:80]!r}", "Open it from its hypothesis.")
    try:
        content = ledger.artefacts.get(sha256)
    except ArtefactError as error:
        raise Refused(404, f"The figure {sha256!r} cannot be read", "Restore its file from a copy.") from error
    return Response(content, media_type="application/json", headers=_saved_as(f"figure-{sha256[:12]}.vl.json"))


@router.get("/hypotheses/{subject:path}/figures/{name}.json")
def made_figure(request: Request, subject: str, name: str) -> Response:
    """Return a figure that is made from the rows of a slot, as its Vega-Lite specification."""
    life = _life(request.app.state.ledger, subject)
    if life is None:
        raise Refused(404, f"The ledger has no hypothesis {subject[:200]!r}", _UNSTATED)
    made = {figure.name: figure for figure in slot_figures(life)}
    if name not in made:
        raise Refused(404, f"{subject} has no figure {name[:80]!r}", f"It has {', '.join(made) or 'none'}.")
    return JSONResponse(made[name].spec, headers=_saved_as(f"{name}.vl.json"))


@router.get("/hypotheses/{subject:path}")
def hypothesis_page(request: Request, subject: str, given: Annotated[Filtering, Depends(filtering)]) -> Response:
    """Show one slot; of a short name that several campaigns have, which they are."""
    ledger: Ledger = request.app.state.ledger
    life = _life(ledger, subject)
    if life is None:
        return _other_names(request, ledger, subject, given)
    try:
        around = neighbours(ledger, given.find, subject, sort=given.sort, descending=given.descending)
    except LedgerQueryError as error:
        raise Refused(400, str(error), "Change the filter in the address.") from error
    reference = life.hypothesis.reference
    settings = request.app.state.settings
    return page(
        request,
        "hypothesis.html",
        life=life,
        row=life.hypothesis,
        line=as_line(life.hypothesis, life.gates, life.refusal),
        words=plain_words(life, reference_size(ledger, life.hypothesis.campaign, reference)),
        plan=[] if life.locked is None else plan_lines(life.locked),
        plan_json=None if life.plan is None else json.dumps(life.plan, indent=2, ensure_ascii=False),
        steps={step.kind: step for step in life.steps},
        level=_level(life),
        figures=slot_figures(life),
        traces=slot_traces(ledger, life),
        around=around,
        params=given.params,
        back=f"/ledger{query(given.params)}",
        workspace=shlex.quote(settings.ledger.resolve().parent.name or "."),
        review_script=(STATIC / "review.js").is_file(),
        known=terms(),
        term_id=term_id,
        notes=notes_about(ledger, subject),
        binding=_BINDING,
    )


def _life(ledger: Ledger, subject: str) -> SlotLife | None:
    try:
        return slot_life(ledger, subject)
    except KeyError:
        return None


def _other_names(request: Request, ledger: Ledger, name: str, given: Filtering) -> Response:
    found = find_subject(ledger, name)
    if not found:
        raise Refused(404, f"The ledger has no hypothesis {name[:200]!r}", _UNSTATED)
    if len(found) == 1:
        return RedirectResponse(f"{slot_address(found[0])}{query(given.params)}", status_code=302)
    return page(request, "hypothesis_names.html", status=300, name=name, found=found, params=given.params)


def _level(life: SlotLife) -> dict[str, Any] | None:
    """Return the settlement with its numbers as numbers; None where nothing is settled."""
    settled = life.settlement
    if settled is None:
        return None
    numbers = ("gamma", "harmonic", "alpha", "e", "multiplier")
    return {**settled, **{name: None if settled.get(name) is None else float(settled[name]) for name in numbers}}


def _saved_as(name: str) -> dict[str, str]:
    return {"content-disposition": f'inline; filename="{name}"'}
