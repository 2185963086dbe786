"""Words of the gates, explained: read from ``glossary.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

__all__ = ["Term", "gloss", "terms"]


@dataclass(frozen=True)
class Term:
    """One word: ``id`` in addresses, ``term`` as it is written, ``short`` on hover, ``long`` on its page."""

    id: str
    term: str
    short: str
    long: str
    see: tuple[str, ...] = ()


@cache
def terms() -> dict[str, Term]:
    """Return all terms by id, in the order of the file."""
    listed = yaml.safe_load(Path(__file__).with_name("glossary.yaml").read_text(encoding="utf-8"))
    return {
        key: Term(key, said["term"], said["short"], said["long"], tuple(said.get("see", ())))
        for key, said in listed.items()
    }


def gloss(id: str) -> Term:
    """Return a term.

    Raises
    ------
    KeyError
        If the glossary has no such term.
    """
    return terms()[id]
