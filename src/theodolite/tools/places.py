"""The closed list of places of an instrument in a model, as a plan locks it for a claim about "any" of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from theodolite.plans import Places, PlannedPlace
from theodolite.tools.registry import Tool, ToolError, ToolParams
from theodolite.tools.workbench import ModelShape

__all__ = ["closed_list", "closed_list_defect", "places_by_words"]


@lru_cache(maxsize=64)
def places_by_words(params: type[ToolParams], shape: ModelShape) -> Mapping[str, ToolParams]:
    """Return every place that a tool can read in a model of a shape, by its locus in words."""
    return {str(found.locus()): found for found in params.enumerate(shape)}


def closed_list(tool: Tool, shape: ModelShape) -> Places:
    """Return every place that a tool admits in a model of this size, in the tool's order.

    Raises
    ------
    ToolError
        If there are fewer than two, of which none is the largest.
    """
    listed = tuple(
        PlannedPlace(locus=params.locus(), params=params.model_dump(mode="json"))
        for params in tool.params.enumerate(shape)
    )
    if len(listed) < 2:
        raise ToolError(f"{tool.name} reads {len(listed)} place in this model; a claim about any place needs two")
    return Places(n_layers=shape.n_layers, n_heads=shape.n_heads, read_out=shape.read_out, listed=listed)


def closed_list_defect(tool: Tool, places: Places | None) -> str | None:
    """Return in words how a plan's list of places differs from the tool's closed list, None if it does not."""
    if places is None:
        return "the claim is about any place and the plan lists none"
    try:
        wanted = closed_list(tool, ModelShape(places.n_layers, places.n_heads, places.read_out)).listed
    except ToolError as error:
        return str(error)
    if places.listed == wanted:
        return None
    missing = [place.locus for place in wanted if place not in places.listed]
    added = [place.locus for place in places.listed if place not in wanted]
    how = [
        f"{len(loci)} {word}, {loci[0]} among them"
        for loci, word in ((missing, "are missing"), (added, "are not the tool's"))
        if loci
    ]
    return (
        f"the plan lists {len(places.listed)} places, {tool.name} has {len(wanted)} in such a model: "
        f"{'; '.join(how) or 'the order or number of some differs'}"
    )
