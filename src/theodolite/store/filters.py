"""A filter of hypotheses, as people say it, and the sets of hypotheses that it is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any

from theodolite.store.errors import LedgerQueryError
from theodolite.store.found_sets import Arm, column_arm, cost_arm, mark_arm, text_arm
from theodolite.store.tallies import MARKS

__all__ = ["Find", "arms", "moment"]

_COLUMNS = {
    "campaign": "campaign",
    "outcome": "outcome",
    "family": "family",
    "tool": "tool",
    "locus": "locus",
    "layer": "layer",
    "model": "model",
    "cells": "context",
    "reference": "reference",
    "author": "author",
    "relation": "relation",
    "block": "block_id",
}
_WORD = re.compile(r"[^\W_]")
_MOST_WORDS = 50
_MOST_LAYER = 2**63


@dataclass(frozen=True, slots=True)
class Find:
    """A filter; a field that is None or empty means any.

    Attributes
    ----------
    campaign, family, tool, locus, layer, model, cells, reference, author, relation, block
        Only hypotheses with this value; ``cells`` is the name of the context, ``block`` the id of the hold-out block.
    outcome
        The verdict in force, ``pending`` or ``refused``.
    tag
        A tag of the verdict, with its brackets.
    unmet
        A gate that did not pass, whether or not it is the first such one.
    cost_from, cost_to
        US dollars of the slot's calls of language models, both included; slots without any are left out.
    since, until
        When it was proposed, both included: a day (``2026-03-01``, UTC) or a time; one without an offset is UTC.
    text
        Words that all stand in the claim, rationale, reference, object, reason of failure or refusal, or next step.
        Case and accents do not matter, and no sign has a meaning.
    """

    campaign: str | None = None
    outcome: str | None = None
    tag: str | None = None
    unmet: str | None = None
    family: str | None = None
    tool: str | None = None
    locus: str | None = None
    layer: int | None = None
    model: str | None = None
    cells: str | None = None
    reference: str | None = None
    author: str | None = None
    relation: str | None = None
    block: str | None = None
    cost_from: float | None = None
    cost_to: float | None = None
    since: str | None = None
    until: str | None = None
    text: str | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that filter, with their values."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in said.items() if value is not None and value != ""}


def arms(given: dict[str, Any]) -> list[Arm]:
    """Return the sets that a filter is made of, but for its dates.

    Raises
    ------
    LedgerQueryError
        If there can be no such layer, or too many words are looked for.
    """
    found = [column_arm(column, _plain(given[name])) for name, column in _COLUMNS.items() if name in given]
    found += [mark_arm(kind, str(_plain(given[kind]))) for kind in MARKS if kind in given]
    if "cost_from" in given or "cost_to" in given:
        found.append(cost_arm(float(given.get("cost_from", "-inf")), float(given.get("cost_to", "inf"))))
    words = _words(given.get("text", ""))
    if words:
        found.append(text_arm(words))
    return found


def _plain(value: str | int) -> str | int:
    """Return a value as SQLite takes it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if abs(value) >= _MOST_LAYER:
        raise LedgerQueryError(f"there is no layer {value!r}; layers are counted from 0")
    return value


def _words(text: str) -> list[str]:
    """Return what is looked for, each once; signs between white space are no words."""
    said = str(_plain(text)).replace("\0", " ").split()
    words = list(dict.fromkeys(word for word in said if _WORD.search(word)))
    if len(words) > _MOST_WORDS:
        raise LedgerQueryError(f"{len(words)} words are looked for; give {_MOST_WORDS} at most")
    return words


def moment(text: str | None, of_day: time) -> str | None:
    """Return a day or a time as rows write times; of a day, its first or its last moment; None where none is given.

    Raises
    ------
    LedgerQueryError
        If it is no date.
    """
    if not text:
        return None
    try:
        try:
            found = datetime.combine(date.fromisoformat(text), of_day)
        except ValueError:
            found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise LedgerQueryError(
            f"{text!r:.100} is no date ({error}); write 2026-03-01, or 2026-03-01T12:00:00 for a time (UTC)"
        ) from error
    return found.isoformat(timespec="microseconds")
