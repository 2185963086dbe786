"""The closed menus of a campaign, from which a person's claim is put together: tool, reference, place, direction."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from pydantic import ValidationError

from theodolite.claims import Author, Direction, Hypothesis, Locus, LocusKind
from theodolite.data import Reference
from theodolite.experiments.handed import ProposalError
from theodolite.experiments.setting import Setting
from theodolite.tools import Tool, ToolError

__all__ = ["directions_of", "persons_claim", "places_of", "references_to_test", "tool_named"]


def tool_named(setting: Setting, name: str) -> Tool:
    """Return an instrument of the campaign.

    Raises
    ------
    ProposalError
        If it has none of this name.
    """
    return {tool.name: tool for tool in setting.tools}[_known("tool", name, [tool.name for tool in setting.tools])]


def references_to_test(setting: Setting, tool: Tool, block: str) -> list[Reference]:
    """Return the references that a tool's scores can be held against and that a block can test."""
    testable = setting.testability(block)
    return [reference for reference in setting.references_for(tool) if testable[reference.id].testable]


def places_of(setting: Setting, tool: Tool) -> dict[str, Locus]:
    """Return the places that a tool can read in the campaign's model, by their words; ``any place`` comes last."""
    found = {str(params.locus()): params.locus() for params in tool.params.enumerate(setting.model_shape)}
    if len(found) > 1 and tool.anywhere:
        anywhere = Locus(kind=LocusKind.ANY)
        found[str(anywhere)] = anywhere
    return found


def directions_of(tool: Tool) -> tuple[Direction, ...]:
    """Return which ends can be claimed: closeness and attention are of more, an axis or a trend has two."""
    return tuple(Direction) if tool.relation.two_sided else (Direction.GREATER,)


def persons_claim(
    setting: Setting,
    block: str,
    *,
    tool: str,
    reference: str,
    place: str,
    direction: str | None,
    rationale: str,
) -> Hypothesis:
    """Return the typed hypothesis that a person's choice amounts to; identity and hashes are the campaign's.

    Parameters
    ----------
    setting
        The campaign.
    block
        The hold-out block that it would be tested on.
    tool, reference
        Names.
    place
        In words (``layer 1 axis 2``, ``any place``) or as JSON of the tool's parameters.
    direction
        ``greater`` or ``less``; may be left out where only one can be claimed.
    rationale
        Why.

    Raises
    ------
    ProposalError
        Naming what is not on the menus and what is.
    """
    instrument = tool_named(setting, tool)
    held = [item.id for item in setting.references_for(instrument)]
    _known(f"reference of {instrument.name}", reference, held)
    testable = setting.testability(block)[reference]
    if not testable.testable:
        raise ProposalError(f"reference {reference!r} cannot be tested here: {testable.reason}; {testable.remedy}")
    locus = _locus(setting, instrument, place)
    ends = [end.value for end in directions_of(instrument)]
    if direction is None and len(ends) > 1:
        raise ProposalError(f"{instrument.name} has two ends; say which one is claimed: {' or '.join(ends)}")
    end = Direction(_known(f"direction of {instrument.name}", direction or ends[0], ends))
    return Hypothesis(
        claim=setting.claim(instrument, reference),
        locus=locus,
        direction=end,
        tool=f"{instrument.name}@{instrument.version}",
        rationale=rationale[:2000] or "(none given)",
        author=Author.PERSON,
    )


def _locus(setting: Setting, tool: Tool, place: str) -> Locus:
    if not place.lstrip().startswith("{"):
        places = places_of(setting, tool)
        words = " ".join(place.split()).lower()
        return places[_known(f"place of {tool.name}", "any place" if words == "any" else words, list(places))]
    try:
        return tool.check_params(json.loads(place), setting.model_shape).locus()
    except ToolError as error:
        raise ProposalError(str(error)) from error
    except (ValidationError, ValueError, TypeError) as error:
        fields = ", ".join(tool.params.model_fields)
        said = str(error)
        if isinstance(error, ValidationError):
            found = error.errors(include_url=False)[0]
            said = f"{'.'.join(map(str, found['loc']))}: {found['msg']}, got {found['input']!r}"
        raise ProposalError(
            f"the place {place!r} does not give the parameters of {tool.name} ({fields}) as JSON: {said}; or give it "
            f"in words such as {next(iter(places_of(setting, tool)))!r}"
        ) from error


def _known(what: str, name: str, names: Iterable[str]) -> str:
    listed = list(names)
    if name in listed:
        return name
    close = difflib.get_close_matches(name, listed, n=3)
    few = ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {few or 'none'}"
    raise ProposalError(f"there is no {what} {name!r}; {hint}")
