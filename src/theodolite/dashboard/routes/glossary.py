"""The glossary, and what the package carries of others."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from theodolite.dashboard.glossary import alphabetical
from theodolite.dashboard.static_files import licence_text, vendored_files
from theodolite.dashboard.templating import page

__all__ = ["router"]

router = APIRouter()


@router.get("/glossary")
def glossary_page(request: Request) -> Response:
    """Show every term with what it means, what follows from it, and what to read beside it."""
    letters: dict[str, list[str]] = {}
    for term in alphabetical():
        initial = term.term.lstrip("[")[0].upper()
        letters.setdefault("0-9" if initial.isdigit() else initial, []).append(term.id)
    return page(request, "glossary.html", terms=alphabetical(), letters=letters)


@router.get("/licences")
def licences_page(request: Request) -> Response:
    """Show what the pages are made of that others wrote: version, licence, hash, and the licences in full."""
    files = vendored_files()
    licences = {name: licence_text(name) for name in dict.fromkeys(item["license_file"] for item in files)}
    return page(request, "licences.html", files=files, licences=licences)
