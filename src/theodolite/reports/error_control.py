"""How a ledger keeps its errors down, for people: streams, planted controls, hold-out blocks, other tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import get_args

from theodolite.gates.stream import LARGEST_N_MAX, RuleName, level_at
from theodolite.reports.tiers import TierLine, audit
from theodolite.reports.verdict_table import p_level
from theodolite.store import BlockRow, Ledger, StreamRow, block_rows, stream_rows
from theodolite.store.stream_queries import ControlRow, CourseRow, control_rows, course, unmet_number

__all__ = [
    "AUDITED",
    "CONTROLS",
    "POINTS",
    "Blocks",
    "ControlsOfStream",
    "PlantedControl",
    "StreamCourse",
    "StreamLine",
    "StreamTiers",
    "blocks",
    "planted_controls",
    "stream_course",
    "stream_lines",
    "stream_tiers",
]

POINTS = 1_000
"""Tests that a course shows at most."""
CONTROLS = 400
"""Newest tests of a stream whose planted controls are shown."""
AUDITED = 5_000
"""Tests of a stream at most of which other tiers are computed."""
_REUSED = "/reused"
_LEAST_COUNT = 2.0
"""Controls of this threshold or more count tries; smaller ones are held against a size of effect."""


@dataclass(frozen=True)
class StreamLine:
    """An error stream.

    Attributes
    ----------
    stream, rule, q, n_max
        Its name, and what was declared; None where nothing was.
    tests, supports
        Levels spent, and distinct claims supported.
    next_level
        The level that the next test would face; None where the stream is used up or undeclared.
    reused
        Whether it is for hold-out blocks that had returned a support before.
    """

    stream: str
    rule: str | None
    q: float | None
    n_max: int | None
    tests: int
    supports: int
    next_level: float | None
    reused: bool


@dataclass(frozen=True)
class CoursePoint:
    """One test.

    Attributes
    ----------
    subject, t, outcome
        Which, its index, and how it ended.
    asked
        What the level that it faced asks of its evidence, divided by what economy mode multiplies.
    evidence
        ``1 / e`` where the tool gave e-values, else p; at most 1, which is no evidence.
    """

    subject: str
    t: int
    outcome: str
    asked: float | None
    evidence: float | None


@dataclass(frozen=True)
class StreamCourse:
    """Tests of a stream in time: ``points`` of ``tests``; ``supports`` are all tests that ended supported."""

    stream: StreamLine
    points: tuple[CoursePoint, ...]
    tests: int
    supports: int

    @property
    def thinned(self) -> bool:
        """Whether not every test is a point."""
        return len(self.points) < self.tests


@dataclass(frozen=True)
class PlantedControl:
    """One planted control over the newest tests of a stream.

    Attributes
    ----------
    gate, title
        ``G7+``, a planted effect that must be found; ``G7-``, references that mean nothing and must not be.
    counts
        Whether its numbers are numbers of tries; those of maps of stages are correlations, held against a least one.
    threshold
        The threshold that most tests had.
    rows
        One a test.
    """

    gate: str
    title: str
    counts: bool
    threshold: float | None
    rows: tuple[ControlRow, ...]

    @property
    def passed(self) -> int:
        """Tests that it let through."""
        return sum(row.passed is True for row in self.rows)

    @property
    def failed(self) -> tuple[ControlRow, ...]:
        """Tests that it did not let through."""
        return tuple(row for row in self.rows if row.passed is False)

    @property
    def numbers(self) -> tuple[float, float, float] | None:
        """The least, the median and the largest number; None where there is none."""
        known = [row.number for row in self.rows if row.number is not None]
        return (min(known), median(known), max(known)) if known else None


@dataclass(frozen=True)
class ControlsOfStream:
    """Planted controls: of the newest ``tests`` tests of a stream; ``unmet`` counts the whole ledger, by gate."""

    controls: tuple[PlantedControl, ...]
    tests: int
    unmet: dict[str, int]


@dataclass(frozen=True)
class Blocks:
    """Hold-out blocks: how many the splits have, those that returned a support, and others, newest last."""

    inside: int
    retired: tuple[BlockRow, ...]
    used_and_open: tuple[BlockRow, ...]

    @property
    def open(self) -> int:
        """Blocks that have returned no support."""
        return max(self.inside - len(self.retired), 0)


@dataclass(frozen=True)
class StreamTiers:
    """What other rules say of the tests of one stream.

    Attributes
    ----------
    tests, headline, candidate, retro
        How many tests there are, and how many each rule accepts.
    promoted
        Tests that the re-audit accepts though they did not end supported: worth registering anew.
    """

    tests: int
    headline: int
    candidate: int
    retro: int
    promoted: tuple[TierLine, ...]


def stream_lines(ledger: Ledger) -> list[StreamLine]:
    """Return every error stream, in the order in which they were declared."""
    return [_line(row) for row in stream_rows(ledger)]


def stream_course(ledger: Ledger, stream: StreamLine, most: int = POINTS) -> StreamCourse:
    """Return the tests of a stream in the order of their levels, ``most`` at most; see ``StreamCourse.thinned``."""
    found = course(ledger, stream.stream, most)
    return StreamCourse(stream, tuple(map(_point, found.rows)), found.tests, found.supports)


def planted_controls(ledger: Ledger, stream: str, newest: int = CONTROLS) -> ControlsOfStream:
    """Return the planted controls of the newest tests of a stream."""
    rows = control_rows(ledger, stream, newest)
    groups: dict[tuple[str, str, bool], list[ControlRow]] = {}
    for row in rows:
        counts = row.threshold is not None and row.threshold >= _LEAST_COUNT
        groups.setdefault((row.gate, row.title, counts), []).append(row)
    return ControlsOfStream(
        tuple(
            PlantedControl(gate, title, counts, _most_common(own), tuple(own))
            for (gate, title, counts), own in sorted(groups.items())
        ),
        len({row.subject for row in rows}),
        {gate: unmet_number(ledger, gate) for gate in ("G7+", "G7-")},
    )


def blocks(ledger: Ledger) -> Blocks:
    """Return the hold-out blocks of the ledger's splits."""
    rows = block_rows(ledger)
    return Blocks(
        inside=max(sum({row.split_sha256: row.k or 0 for row in rows}.values()), len(rows)),
        retired=tuple(row for row in rows if row.retired_in_round is not None),
        used_and_open=tuple(row for row in rows if row.retired_in_round is None),
    )


def stream_tiers(ledger: Ledger, stream: StreamLine) -> StreamTiers | None:
    """Return what other rules say of a stream; None where it is too long to be read whole, or undeclared."""
    if stream.tests > AUDITED or stream.q is None or stream.n_max is None or stream.n_max > LARGEST_N_MAX:
        return None
    lines = audit(ledger, stream.stream)
    return StreamTiers(
        tests=len(lines),
        headline=sum(line.headline for line in lines),
        candidate=sum(line.candidate for line in lines),
        retro=sum(line.retro for line in lines),
        promoted=tuple(line for line in lines if line.retro and line.verdict != "supported"),
    )


def _line(row: StreamRow) -> StreamLine:
    return StreamLine(
        stream=row.stream,
        rule=row.rule,
        q=row.q,
        n_max=row.n_max,
        tests=row.t,
        supports=row.supports,
        next_level=_next_level(row),
        reused=row.stream.endswith(_REUSED),
    )


def _next_level(row: StreamRow) -> float | None:
    rules: dict[str | None, RuleName] = {name: name for name in get_args(RuleName)}
    if row.rule not in rules or row.q is None or row.n_max is None:
        return None
    try:
        return level_at(rules[row.rule], row.t + 1, min(row.supports, row.t), row.q, row.n_max).alpha
    except ValueError:
        # Used up, or declared for more tests than any rule has levels for.
        return None


def _point(row: CourseRow) -> CoursePoint:
    """Return a test with what its own tool gave: the e-value of a p is nothing below the level, however small the p."""
    evidence: float | None
    if row.evidence == "e":
        evidence = None if row.e is None else 1.0 if row.e <= 1.0 else 1.0 / row.e
        asked = None if row.alpha is None else row.alpha / (row.multiplier or 1.0)
    else:
        evidence, asked = None if row.p is None else min(row.p, 1.0), p_level(row)
    return CoursePoint(
        subject=row.subject,
        t=row.t,
        outcome=row.outcome,
        asked=asked,
        evidence=evidence,
    )


def _most_common(rows: Sequence[ControlRow]) -> float | None:
    values = [row.threshold for row in rows if row.threshold is not None]
    return max(set(values), key=lambda value: (values.count(value), value), default=None)
