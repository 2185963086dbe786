"""What a person may choose from to put a claim together, as far as a ledger says; the whole menus need the inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from theodolite.claims import Direction
from theodolite.store import EntryKind, Ledger, entry_id

__all__ = ["Menu", "MenuReference", "MenuTool", "menu", "tools_of"]

_LOOKS = 600
"""Looks that are read for the places that an instrument was seen at."""


@dataclass(frozen=True)
class MenuTool:
    """An instrument of a campaign.

    Attributes
    ----------
    name, summary
        As it is called, and what it does; nothing is known of one that came with a plug-in.
    kind
        Kind of the references that it is held against; None where nothing is known.
    directions
        Which ends may be claimed.
    """

    name: str
    summary: str
    kind: str | None
    directions: tuple[str, ...]


@dataclass(frozen=True)
class MenuReference:
    """A reference that the campaign can test; sizes are those in its first hold-out block."""

    name: str
    title: str
    genes: int
    families: int


@dataclass(frozen=True)
class Menu:
    """The choices for one instrument.

    Attributes
    ----------
    tool
        The instrument.
    references
        Those that it can be held against and that can be tested.
    untestable
        How many more there are of the kind, too small to be tested.
    places
        Places, in words, at which the campaign has looked with the instrument; there may be more.
    """

    tool: MenuTool
    references: tuple[MenuReference, ...]
    untestable: int
    places: tuple[str, ...]


def tools_of(spec: dict[str, Any]) -> list[MenuTool]:
    """Return the instruments of a campaign file as the ledger keeps it."""
    from theodolite.experiments.reference_kinds import REFERENCE_KIND
    from theodolite.tools import tools

    known = {tool.name: tool for tool in tools()}
    found = []
    for name in spec.get("tools") or ():
        tool = known.get(name)
        if tool is None:
            found.append(MenuTool(name, "", None, tuple(end.value for end in Direction)))
        else:
            ends = tuple(Direction) if tool.relation.two_sided else (Direction.GREATER,)
            kind = REFERENCE_KIND[tool.shape.shape]
            found.append(MenuTool(name, tool.summary, kind, tuple(end.value for end in ends)))
    return found


def menu(ledger: Ledger, campaign: str, tool: MenuTool) -> Menu:
    """Return the choices that a ledger knows for an instrument of one of its campaigns."""
    opened = ledger.get(entry_id(campaign, EntryKind.CAMPAIGN))
    listed = [] if opened is None else opened.payload["references"]
    fit = [item for item in listed if tool.kind is None or item.get("kind") == tool.kind]
    references = tuple(
        MenuReference(item["name"], item["title"], item["genes_in_block"], item["families_in_block"])
        for item in fit
        if item["testable"]
    )
    looks = ledger.entries(kind=EntryKind.LOOK, prefix=f"{campaign}/look/{tool.name}-")
    places = _places(tool.name, (entry.payload["params"] for entry in islice(looks, _LOOKS)))
    return Menu(tool, references, len(fit) - len(references), places)


def _places(name: str, params: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    from theodolite.tools import tools

    tool = next((tool for tool in tools() if tool.name == name), None)
    if tool is None:
        return ()
    found = dict.fromkeys(str(tool.params.model_validate(given).locus()) for given in params)
    return (*found, "any place") if len(found) > 1 and tool.anywhere else tuple(found)
