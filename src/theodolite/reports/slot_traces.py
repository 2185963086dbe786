"""What stands around one hypothesis: lineage, jobs, artefacts, seeds, calls of language models, recorded figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from theodolite.reports.slot_lives import SlotLife
from theodolite.store import ArtefactError, EntryKind, Ledger, rejudgement_rows
from theodolite.store.agent_queries import ModelCallRow
from theodolite.store.kinds import SLOT_KINDS
from theodolite.store.one_slot import SlotBrief, calls_about, followers, jobs_named, same_claim
from theodolite.store.ops import JobRow

__all__ = ["ArtefactLine", "JobLine", "Parent", "RecordedFigure", "SlotTraces", "Turn", "slot_traces"]

MOST: Final = 50
"""So many of a kind are listed."""
_LARGEST_FIGURE: Final = 400_000
"""Bytes of a specification that a page carries; a larger one is linked."""
_MOST_POINTS: Final = 200
_MOST_COLUMNS: Final = 20


@dataclass(frozen=True)
class Parent:
    """A row that the hypothesis rests on: ``kind`` is None where there is no such row, ``slot`` where it is of none."""

    id: str
    kind: str | None
    said: str
    slot: str | None = None


@dataclass(frozen=True)
class JobLine:
    """What measured one reading (``main``, ``untrained(0)``); ``job`` is None where this ledger knows no more of it."""

    reading: str
    sha256: str
    job: JobRow | None


@dataclass(frozen=True)
class ArtefactLine:
    """A file that a row names; ``size`` in bytes, None where the file is gone."""

    row: str
    field: str
    sha256: str
    size: int | None


@dataclass(frozen=True)
class Turn:
    """One step of a verdict: who or what said what, when, and by which row."""

    at: str
    what: str
    verdict: str
    why: str
    entry: str


@dataclass(frozen=True)
class RecordedFigure:
    """A figure that a row of the chain names; ``spec`` is None where it is missing or too large for a page."""

    entry: str
    title: str
    view: str
    sha256: str
    spec: dict[str, Any] | None
    why: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


@dataclass(frozen=True)
class SlotTraces:
    """Everything around a slot that its own life does not hold; lists end at :data:`MOST` items.

    Attributes
    ----------
    parents, relatives, children
        What it rests on, other tests of the same claim, and hypotheses that rest on it.
    jobs, artefacts, seeds
        What measured it, the files that its rows name, and what every draw began from.
    calls, cost
        Calls of language models that were made for it, and their price in US dollars; None where there were none.
    history
        How its verdict came and went.
    figures
        Those that the chain records.
    seconds
        Time that its phases took, by phase.
    """

    parents: tuple[Parent, ...]
    relatives: tuple[SlotBrief, ...]
    children: tuple[SlotBrief, ...]
    jobs: tuple[JobLine, ...]
    artefacts: tuple[ArtefactLine, ...]
    seeds: tuple[tuple[str, int], ...]
    calls: tuple[ModelCallRow, ...]
    cost: float | None
    history: tuple[Turn, ...]
    figures: tuple[RecordedFigure, ...]
    seconds: tuple[tuple[str, float], ...]


def slot_traces(ledger: Ledger, life: SlotLife) -> SlotTraces:
    """Return what stands around a slot; nothing here reads more than some rows of an index."""
    row = life.hypothesis
    known = jobs_named(ledger, [sha256 for _, sha256 in life.jobs])
    return SlotTraces(
        parents=tuple(_parent(ledger, parent) for parent in row.parents[:MOST]),
        relatives=tuple(same_claim(ledger, row.claim_key, row.subject, MOST)),
        children=tuple(followers(ledger, row.subject, row.seq)[:MOST]),
        jobs=tuple(JobLine(reading, sha256, known.get(sha256)) for reading, sha256 in life.jobs),
        artefacts=_artefacts(ledger, life),
        seeds=_seeds(life),
        calls=tuple(calls_about(ledger, row.subject)),
        cost=row.cost,
        history=_history(ledger, life),
        figures=_figures(ledger, row.subject),
        seconds=tuple(
            (timing.phase, timing.seconds) for timing in ledger.ops.timings(row.subject) if timing.seconds >= 0.05
        ),
    )


def _parent(ledger: Ledger, parent: str) -> Parent:
    entry = ledger.get(parent)
    if entry is None:
        return Parent(parent, None, "the ledger holds no such row")
    if entry.kind is EntryKind.LOOK:
        payload = entry.payload
        return Parent(parent, "look", f"a look at discovery units with {payload['tool']}")
    slot = entry.subject if entry.kind in SLOT_KINDS else None
    return Parent(parent, entry.kind.value, f"the row of kind {entry.kind.value.replace('_', ' ')}", slot)


def _artefacts(ledger: Ledger, life: SlotLife) -> tuple[ArtefactLine, ...]:
    lines, seen = [], set()
    for row, field, sha256 in life.artefacts:
        if (field, sha256) in seen:
            continue
        seen.add((field, sha256))
        try:
            size: int | None = ledger.artefacts.path(sha256).stat().st_size
        except (ArtefactError, OSError):
            size = None
        lines.append(ArtefactLine(row, field, sha256, size))
    return tuple(lines)


def _seeds(life: SlotLife) -> tuple[tuple[str, int], ...]:
    root = [] if life.plan is None else [("of the plan", int(life.plan["seed"]))]
    return (*root, *((null.null, null.seed) for null in life.nulls))


def _history(ledger: Ledger, life: SlotLife) -> tuple[Turn, ...]:
    by_kind = {step.kind: step for step in life.steps}
    turns: list[tuple[int, Turn]] = []
    recorded, settled = by_kind.get(EntryKind.VERDICT.value), life.settlement
    row = life.hypothesis
    if recorded is not None and settled is not None:
        gates = Turn(recorded.at, "the gates", str(settled["machine_verdict"]), "", recorded.id)
        turns.append((recorded.seq, gates))
        cap = str(settled["cap"])
        why = "no cap" if cap == "none" else f"capped at {cap}"
        if settled.get("advisory"):
            why += ", which does not bind: the reviewer's own record is too weak"
        if row.recorded_verdict is not None:
            turns.append((recorded.seq, Turn(recorded.at, "recorded", row.recorded_verdict.value, why, recorded.id)))
    steps = {step.seq: step for step in life.steps}
    for again in rejudgement_rows(ledger, row.subject):
        step = steps[again.seq]
        said = f"catalogue {again.catalogue}, on the same numbers; the recorded verdict stands"
        turns.append((step.seq, Turn(step.at, "judged again", again.verdict.value, said, step.id)))
    fallen = [step for step in life.steps if step.kind == EntryKind.INVALIDATED.value]
    for step, turned in zip(fallen, life.invalidations, strict=False):
        said = f"{turned.node} was found to be bad by {turned.person}: {turned.reason}"
        turns.append((step.seq, Turn(step.at, "invalidated", "invalid", said, step.id)))
    return tuple(turn for _, turn in sorted(turns, key=lambda item: item[0]))


def _figures(ledger: Ledger, subject: str) -> tuple[RecordedFigure, ...]:
    found = []
    for entry in islice(ledger.entries(kind=EntryKind.FIGURE, subject=subject), MOST):
        payload = entry.payload
        sha256, title, view = str(payload["artefact"]), str(payload["title"]), str(payload["view"])
        spec, why = None, ""
        try:
            content = ledger.artefacts.get(sha256)
            spec, why = (None, "it is too large for this page") if len(content) > _LARGEST_FIGURE else _read(content)
        except ArtefactError as error:
            why = str(error).partition(":")[0]
        columns, rows, left_out = _points(spec)
        found.append(RecordedFigure(entry.id, title, view, sha256, spec, why, columns, rows, left_out))
    return tuple(found)


def _read(content: bytes) -> tuple[dict[str, Any] | None, str]:
    try:
        spec = json.loads(content)
    except (ValueError, RecursionError):
        return None, "its file holds no JSON"
    if not isinstance(spec, dict):
        return None, "its file holds no figure"
    return (None, "it names an address, and a figure holds its numbers") if _names_address(spec) else (spec, "")


def _names_address(spec: dict[str, Any]) -> bool:
    """Return whether a specification would load something, or lead somewhere; rows of data are only shown."""
    left: list[Any] = [spec]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, dict):
            if part.keys() & {"url", "href"}:
                return True
            left += [value for key, value in part.items() if key not in ("values", "datasets")]
    return False


def _points(spec: dict[str, Any] | None) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], int]:
    """Return the data of a specification as a table, cut where it is long."""
    data = (spec or {}).get("data")
    values = data.get("values") if isinstance(data, dict) else None
    if not isinstance(values, list) or not values or not all(isinstance(item, dict) for item in values):
        return (), (), 0
    columns = tuple(str(key) for key in islice(values[0], _MOST_COLUMNS))
    rows = tuple(tuple(_cell(item.get(column)) for column in columns) for item in values[:_MOST_POINTS])
    return columns, rows, max(0, len(values) - _MOST_POINTS)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
