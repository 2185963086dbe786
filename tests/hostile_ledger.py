"""A ledger whose every text says what pages must never do: marks of scripts, names of 10 kB, turned writing, NUL."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from theodolite.canonical import digest
from theodolite.claims import Verdict
from theodolite.store import EntryKind, Ledger

__all__ = ["CAMPAIGN", "MARK", "write_hostile_ledger"]

CAMPAIGN = "<img src=x onerror=canary=1>\u202e-1a2b3c4d"
MARK = (
    '\'"><script>window.canary = 1</script><img src=x onerror="window.canary = 1"></title></script>'
    "<svg onload=canary=1>"
    "{{ 7 * 7 }}{% raw %}javascript:window.canary=1//\u202egnitirw\u2066\u200b\x00\x1b[31m\ud7ff\ufffe"
)
LONG = "W" * 10_000

# Keys whose values are words of agents, people, instruments and files. Others hold what the store checks.
FREE = frozenset(
    {
        "claim_text", "rationale", "title", "reason", "sentence", "next_step", "note", "likely_confound", "reviewer",
        "family", "unit", "phase", "detail", "problems", "person", "action", "estimand", "tool", "view", "what", "job",
        "description", "conversation", "variant", "null",
    }
)  # fmt: skip
BY_KIND: Mapping[EntryKind, frozenset[str]] = {
    EntryKind.CAMPAIGN: frozenset({"name"}),
    EntryKind.WISH: frozenset({"name"}),
    EntryKind.FAILURE: frozenset({"code"}),
    EntryKind.MODEL_CALL: frozenset({"model"}),
    EntryKind.MALFORMED: frozenset({"model"}),
}
CHECKED = {(EntryKind.WISH, "what"), (EntryKind.TOOL_CHECK, "tool")}
"""What a kind holds to a list of its own."""
NAMED = frozenset({"claim", "model", "cells"})
"""Under these stand names that the vocabulary of claims holds to letters and digits."""


class _Spoiling:
    """A ledger to write to that spoils what it is given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.artefacts = ledger.artefacts
        self._told = 0
        self._prereg: dict[str, str] = {}

    def append(self, kind: EntryKind, id: str, subject: str, payload: Any) -> Any:
        spoilt = self._spoilt(kind, _plain(payload), frozenset())
        if kind is EntryKind.REGISTRATION:
            self._prereg[spoilt["prereg_sha256"]] = digest(spoilt["plan"])
        if "prereg_sha256" in spoilt:
            spoilt["prereg_sha256"] = self._prereg[spoilt["prereg_sha256"]]
        return self._ledger.append(kind, id, subject, spoilt)

    def _spoilt(self, kind: EntryKind, value: Any, above: frozenset[str]) -> Any:
        if isinstance(value, dict):
            keys = FREE | BY_KIND.get(kind, frozenset())
            return {
                key: self._words(kind, item, key)
                if key in keys and (kind, key) not in CHECKED and not above & NAMED
                else self._spoilt(kind, item, above | {key})
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._spoilt(kind, item, above) for item in value]
        return value

    def _words(self, kind: EntryKind, value: Any, key: str) -> Any:
        if isinstance(value, list | tuple):
            return [self._words(kind, item, key) for item in value]
        if not isinstance(value, str):
            return self._spoilt(kind, value, frozenset())
        self._told += 1
        return f"{value} {MARK}{LONG if self._told % 5 == 0 and key != 'rationale' else ''}"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="python"))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _stories() -> ModuleType:
    found = importlib.util.spec_from_file_location("told_stories", Path(__file__).parent / "store" / "conftest.py")
    assert found is not None and found.loader is not None
    module = sys.modules[found.name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def write_hostile_ledger(path: Path) -> Path:
    """Write a campaign with every outcome and every kind of row, all of whose words are hostile."""
    stories = _stories()
    outcome = stories.Outcome
    with Ledger.create(path, clock=stories.ticking_clock()) as ledger, ledger.coordinator("tests"):
        story = stories.Story(_Spoiling(ledger), CAMPAIGN)
        story.begin()
        story.describe()
        story.talk()
        story.check()
        story.trial()
        first = [
            outcome(Verdict.SUPPORTED, p=0.0005, effect=0.4, locus=1),
            outcome(Verdict.REFUTED, effect=0.01, locus=2),
            outcome(Verdict.INCONCLUSIVE, locus=3, objection="label_leak"),
            outcome(refusal="not_testable", locus=4),
            outcome(failure="timeout", locus=5),
            outcome(locus=6),
        ]
        bits = story.open_round(1, first)
        story.order(1, 3, first[2])
        story.end_round(1, bits)
        story.rejudge(1, 3, first[2])
        story.invalidate(1, 6, first[5])
        story.propose(2, 1, outcome(locus=7))
        story.stop()
    return path
