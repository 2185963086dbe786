"""What the form of a filter offers, and which filters are active."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from theodolite.dashboard.filters import Filtering
from theodolite.dashboard.inert import shortened
from theodolite.dashboard.templating import query
from theodolite.reports.listed import gate_title
from theodolite.store import SORTS, Ledger, choices

__all__ = ["LABELS", "SORT_NAMES", "Active", "Choice", "Select", "active_filters", "folded", "selects"]

LABELS = {
    "text": "Words",
    "outcome": "Verdict",
    "unmet": "Unmet gate",
    "tag": "Tag",
    "family": "Family of instruments",
    "tool": "Instrument",
    "reference": "Reference",
    "locus": "Place in the model",
    "layer": "Layer",
    "model": "Model",
    "cells": "Cells",
    "relation": "Relation",
    "author": "Proposed by",
    "campaign": "Campaign",
    "block": "Hold-out block",
    "cost_from": "Cost from, US dollars",
    "cost_to": "Cost to, US dollars",
    "since": "Proposed from",
    "until": "Proposed until",
}
"""Every field of a filter, in the order of the form, as it is called."""

SORT_NAMES = dict(zip(SORTS, ("when proposed", "when decided", "effect", "p-value", "e-value", "cost"), strict=True))
"""What lists are sorted by, as it is called."""

_FIRST = ("outcome", "unmet", "family", "reference")
_REST = ("tag", "tool", "locus", "model", "cells", "relation", "author", "campaign")
_MOST = 200
_LONGEST = 400
"""Characters of a value that an address may hold."""


@dataclass(frozen=True)
class Choice:
    """A value, as it is shown, with how many hypotheses of the whole ledger have it."""

    value: str
    shown: str
    number: int


@dataclass(frozen=True)
class Select:
    """A field with few values; ``more`` are not offered."""

    name: str
    label: str
    chosen: str
    choices: tuple[Choice, ...]
    more: int


@dataclass(frozen=True)
class Active:
    """A filter that is in force, and the address without it."""

    label: str
    shown: str
    without: str


def selects(ledger: Ledger, asked: Filtering) -> tuple[list[Select], list[Select]]:
    """Return the fields that are always seen, and the rest; one whose values are all alike is left out."""
    made = {name: _select(ledger, name, getattr(asked.find, name) or "") for name in (*_FIRST, *_REST)}
    useful = {name: field for name, field in made.items() if len(field.choices) > 1 or field.chosen}
    return [useful[name] for name in _FIRST if name in useful], [useful[name] for name in _REST if name in useful]


def _select(ledger: Ledger, name: str, chosen: str) -> Select:
    known = choices(ledger, name)
    offered = [value for value in known if 0 < len(value) <= _LONGEST][:_MOST]
    if chosen and chosen not in offered:
        offered.append(chosen)
    shown = tuple(Choice(value, _shown(ledger, name, value), known.get(value, 0)) for value in offered)
    return Select(name, LABELS[name], chosen, shown, max(0, len(known) - len(offered)))


def _shown(ledger: Ledger, name: str, value: str) -> str:
    title = _title(ledger, value) if name == "unmet" else None
    return shortened(f"{value} {title}" if title else value, 60)


@lru_cache(maxsize=256)
def _title(ledger: Ledger, gate: str) -> str | None:
    return gate_title(ledger, gate)


def active_filters(asked: Filtering) -> list[Active]:
    """Return the filters in force, in the order of the form."""
    given: dict[str, Any] = asked.params
    return [
        Active(label, shortened(str(given[name]), 60), f"/ledger{query(given, **{name: None})}")
        for name, label in LABELS.items()
        if name in given
    ]


def folded(asked: Filtering) -> bool:
    """Return whether one of the filters is in force that the form folds away."""
    return bool(asked.find.given().keys() - {"text", *_FIRST})
