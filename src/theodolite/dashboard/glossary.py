"""Words of the gates, explained: read from ``glossary.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

__all__ = ["Term", "alphabetical", "gloss", "glossed", "term_id", "terms"]


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


@cache
def alphabetical() -> tuple[Term, ...]:
    """Return all terms as a reader looks for them: by letters, numbers by value, brackets aside."""
    return tuple(sorted(terms().values(), key=lambda term: _place(term.term)))


def _place(words: str) -> tuple[str, int, str]:
    head = words.lower().lstrip("[").partition(":")[0]
    letters = head.rstrip("0123456789b+-")
    digits = "".join(character for character in head[len(letters) :] if character.isdigit())
    # G2 stands before G10; a word without a number stays where its letters put it.
    return (letters, int(digits), head) if digits else (head, 0, "")


def term_id(word: str) -> str:
    """Return the id of a gate, tag, verdict, relation or kind of place: lower case, hyphens, no brackets.

    Examples
    --------
    >>> term_id("G7+"), term_id("[these cells]"), term_id("read_out_axis")
    ('g7+', 'these-cells', 'read-out-axis')
    """
    return word.strip("[]").lower().replace(" ", "-").replace("_", "-")


def gloss(id: str) -> Term:
    """Return a term.

    Raises
    ------
    KeyError
        If the glossary has no such term.
    """
    return terms()[id]


def glossed(word: str) -> str:
    """Return the short explanation of a gate, tag, verdict, relation or kind of place, empty where there is none.

    For words that come from a ledger, which a newer version may have written.
    """
    found = terms().get(term_id(word))
    return "" if found is None else found.short
