"""Data inside prompts: one line of JSON in a fence that nothing inside can close, so that data is never instruction."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

__all__ = ["clean_text", "fence"]

_MARKUP = re.compile(
    r"[<>&`\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Markup, and what Unicode lets a reader ignore: controls, joiners, fillers, selectors and tags."""


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) > 127 else f"\\u{ord(found[0]):04x}"


def fence(label: str, data: Any) -> str:
    """Return data as fenced JSON on one line.

    Names of genes, labels, contents of files, output of tools and words of other agents go into prompts this way and no
    other. Angle brackets, ampersands, backticks, and characters that are invisible or turn the direction of text are
    escaped, and JSON escapes line breaks: no line of the data starts a section, and nothing closes the fence.

    Parameters
    ----------
    label
        What it is, in words of the program.
    data
        Plain data; what JSON does not know is written as its ``str``.
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    text = _MARKUP.sub(_escaped, text)
    # A lone surrogate cannot be sent.
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return f"<data of={label!r}>\n{text}\n</data>"


def clean_text(text: str, most: int) -> str:
    """Return what a model wrote as one line fit for a ledger and a terminal, at most so many characters.

    Control characters, line breaks, lone surrogates and invisible format characters become spaces, so that a rationale
    can neither move a cursor nor hide or break a line.
    """
    plain = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
