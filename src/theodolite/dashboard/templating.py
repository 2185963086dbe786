"""Pages from templates: mark-up escaped, foreign text made inert, numbers and times written one way."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from theodolite import __version__
from theodolite.dashboard.glossary import gloss, glossed, term_id
from theodolite.dashboard.inert import inert, shortened
from theodolite.dashboard.static_files import static_address

__all__ = ["environment", "page", "slot_address"]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as people write it; nothing for None.

    A whole number in full; any other to so many significant digits, with an exponent only where it is below a
    thousandth or a million and above.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.{max(digits - 1, 0)}e}"
    short = f"{value:.{digits}g}"
    return f"{float(short):,.0f}" if "e" in short or abs(value) >= 1000 else short


def money(value: float | None) -> str:
    """Return US dollars to the cent, of less than ten cents to two significant digits; nothing for None."""
    if value is None:
        return ""
    return f"${value:,.2f}" if value == 0 or value >= 0.1 else f"${number(float(value), 2)}"


def seconds(value: float | None) -> str:
    """Return a length of time in the two largest units that it has."""
    if value is None:
        return ""
    whole = round(value)
    if whole < 60:
        return f"{value:.1f} s" if value < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def when(at: str | None) -> Markup:
    """Return a UTC time (ISO 8601) as an element that `times.js` writes in the reader's own zone."""
    if not at:
        return Markup("")
    return Markup('<time datetime="{}">{} UTC</time>').format(at, at[:16].replace("T", " "))


def slot_address(subject: str) -> str:
    """Return the address of the page of a slot, such as ``/hypotheses/pbmc-1a2b3c4d/r01.s003``."""
    return f"/hypotheses/{quote(subject, safe='/')}"


def query(values: dict[str, Any], **changes: Any) -> str:
    """Return parameters as a query string with some changed; empty and absent ones are left out."""
    merged = {**values, **changes}
    kept = [(key, item) for key, item in merged.items() if item not in (None, "")]
    return f"?{urlencode(kept)}" if kept else ""


def json_data(value: Any) -> Markup:
    """Return plain data as JSON that may stand in a script element: no mark-up in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _make() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for filter in (number, money, seconds, when, shortened, slot_address, json_data):
        made.filters[filter.__name__] = filter
    made.globals.update(
        static=static_address, query=query, gloss=gloss, glossed=glossed, term_id=term_id, version=__version__
    )
    return made


environment = _make()


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page, or that the browser has it already (its ETag is a hash of the whole answer)."""
    settings = request.app.state.settings
    body = environment.get_template(template).render(
        request=request,
        path=request.url.path,
        settings=settings,
        ledger_name=settings.ledger.parent.name or str(settings.ledger),
        session=getattr(request.state, "session", None),
        reader=getattr(request.state, "reader", False),
        fresh=count(1).__next__,
        **values,
    )
    data = body.encode("utf-8", errors="replace")
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    if status == 200 and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    return HTMLResponse(data, status_code=status, headers={"etag": tag})
