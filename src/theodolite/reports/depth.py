"""Places of a model in the order of its depth, from what they are called in the ledger."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["ANY", "ELSEWHERE", "READ_OUT", "Depth", "depth_of", "level_title"]

ANY, READ_OUT, ELSEWHERE = "any", "read-out", "elsewhere"
"""Levels that are no layer."""

_LAST = 2**31
_ORDER = {READ_OUT: _LAST, ANY: _LAST + 1, ELSEWHERE: _LAST + 2}
_PATTERNS = (
    # Within a layer: all of it, its MLP, heads, axes, windows, features, then what begins or ends there.
    (re.compile(r"layer (\d+)()"), 0),
    (re.compile(r"layer (\d+) MLP()"), 1),
    (re.compile(r"layer (\d+) head (\d+)"), 2),
    (re.compile(r"layer (\d+) axis (\d+)"), 3),
    (re.compile(r"layer (\d+) axes (\d+)-\d+"), 4),
    (re.compile(r"layer (\d+) feature (\d+)"), 5),
    (re.compile(r"layers (\d+) to (\d+)"), 6),
    (re.compile(r"layers up to (\d+)()"), 7),
    (re.compile(r"layer (\d+) .*?(\d*)"), 8),
)
_READ_OUT = re.compile(r"read-out (axis|axes) (\d+)(?:-\d+)?")


class Depth(NamedTuple):
    """Where a place lies.

    Attributes
    ----------
    level
        A layer by its number, or one of :data:`READ_OUT`, :data:`ANY` and :data:`ELSEWHERE`.
    order
        Places sort by it as they follow one another in a model.
    """

    level: str
    order: tuple[int, int, int, str]


@lru_cache(maxsize=50_000)
def depth_of(locus: str) -> Depth:
    """Return where a place lies, by its name; what begins at a layer lies there, and no name is unheard of."""
    if locus == "any place":
        return Depth(ANY, (_ORDER[ANY], 0, 0, locus))
    for pattern, rank in _PATTERNS:
        if found := pattern.fullmatch(locus):
            layer, index = (_number(text) for text in found.groups()[:2])
            return Depth(str(layer), (layer, rank, index, locus))
    if found := _READ_OUT.fullmatch(locus):
        return Depth(READ_OUT, (_ORDER[READ_OUT], int(found[1] == "axes"), _number(found[2]), locus))
    return Depth(ELSEWHERE, (_ORDER[ELSEWHERE], 0, 0, locus))


def level_title(level: str) -> str:
    """Return what a level is called where people read it."""
    match level:
        case "0":
            return "Layer 0 (embedding)"
        case "read-out":
            return "Read-out"
        case "any":
            return "Any place"
        case "elsewhere":
            return "Other places"
        case _:
            return f"Layer {level}"


def _number(text: str) -> int:
    # A place of many digits is none of a model; it must not stop a page.
    return min(int(text[:12] or 0), _LAST - 1)
