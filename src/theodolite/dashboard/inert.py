"""Text of agents, people and files, made harmless to whoever reads a page.

Jinja escapes mark-up. What is left are characters that change how their surroundings look: controls, and marks that
turn the direction of writing. They are shown as what they are.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from markupsafe import Markup

__all__ = ["inert", "shortened"]

_KEPT = "\n\t"
_NAMES = {
    "\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF",
    "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\u200b": "ZWSP", "\ufeff": "BOM",
}  # fmt: skip


def inert(value: Any) -> Any:
    """Return text with controls and marks of direction spelled out; anything else, and mark-up, as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(_shown(character) for character in value)


def _shown(character: str) -> str:
    if character in _KEPT or character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    if character in _NAMES:
        return f"⟨{_NAMES[character]}⟩"
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    return f"⟨U+{ord(character):04X}⟩"


def shortened(value: str, length: int = 160) -> str:
    """Return text of at most ``length`` characters, cut with an ellipsis."""
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"
