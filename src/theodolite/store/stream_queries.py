"""The course of an error stream, however long it is, and the planted controls of its newest tests."""

from __future__ import annotations

import json
from typing import NamedTuple

from theodolite.store.ledger import Ledger

__all__ = ["ControlRow", "Course", "CourseRow", "control_rows", "course", "reviewer_names", "unmet_number"]


class CourseRow(NamedTuple):
    """One test of a stream; fields as in :class:`~theodolite.store.HypothesisRow`."""

    subject: str
    t: int
    alpha: float | None
    p: float | None
    e: float | None
    evidence: str | None
    multiplier: float | None
    outcome: str


class Course(NamedTuple):
    """Tests of a stream in the order of their levels: ``rows`` of ``tests``, and all ``supported`` in ``supports``."""

    rows: tuple[CourseRow, ...]
    tests: int
    supports: int


class ControlRow(NamedTuple):
    """What a planted control of one test gave."""

    subject: str
    t: int
    gate: str
    title: str
    number: float | None
    threshold: float | None
    passed: bool | None


_ROW = "SELECT subject, t, alpha, p, e, evidence, multiplier, outcome FROM hypothesis WHERE stream = ? AND"
# Indices are given out one by one, so that the last one counts the tests.
_FIRST = "SELECT t FROM hypothesis WHERE stream = ? AND t IS NOT NULL ORDER BY t LIMIT 1"
_LAST = "SELECT t FROM hypothesis WHERE stream = ? AND t IS NOT NULL ORDER BY t DESC LIMIT 1"
_SUPPORTED = (
    "SELECT t FROM hypothesis WHERE stream = ? AND verdict = 'supported' AND t IS NOT NULL ORDER BY t LIMIT 10000"
)
_CONTROLS = """
SELECT gate.subject, newest.t, gate.gate, gate.title, gate.number, gate.threshold, gate.passed
FROM (SELECT subject, t FROM hypothesis WHERE stream = ? AND t IS NOT NULL ORDER BY t DESC LIMIT ?) AS newest
CROSS JOIN gate ON gate.subject = newest.subject
WHERE gate.gate IN ('G7+', 'G7-') ORDER BY newest.t, gate.gate
"""
_REVIEWERS = "SELECT reviewer FROM review_trial GROUP BY reviewer ORDER BY min(seq)"
_UNMET = "SELECT number FROM tally WHERE kind = 'unmet' AND campaign = '' AND a = ?"


def course(ledger: Ledger, stream: str, most: int) -> Course:
    """Return the tests of a stream; of more than ``most``, supported ones and every so-manieth of the others.

    At most half of them are kept for being supported; of more supports every so-manieth too.
    """
    with ledger.read() as connection:
        first, last = (connection.exec_driver_sql(query, (stream,)).scalar() or 0 for query in (_FIRST, _LAST))
        supported = list(connection.exec_driver_sql(_SUPPORTED, (stream,)).scalars())
        if last <= most:
            found = connection.exec_driver_sql(f"{_ROW} t IS NOT NULL ORDER BY t LIMIT ?", (stream, most))
        else:
            wanted = json.dumps(_some(int(first), int(last), supported, most))
            query = f"{_ROW} t IN (SELECT value FROM json_each(?)) ORDER BY t LIMIT ?"
            found = connection.exec_driver_sql(query, (stream, wanted, most))
        return Course(tuple(CourseRow(*row) for row in found), int(last), len(supported))


def control_rows(ledger: Ledger, stream: str, newest: int) -> list[ControlRow]:
    """Return the planted controls of the newest tests of a stream, in the order of their levels."""
    with ledger.read() as connection:
        return [
            ControlRow(*row[:6], None if row[6] is None else bool(row[6]))
            for row in connection.exec_driver_sql(_CONTROLS, (stream, newest))
        ]


def unmet_number(ledger: Ledger, gate: str) -> int:
    """Return how many tests of the whole ledger a gate did not let through."""
    with ledger.read() as connection:
        return int(connection.exec_driver_sql(_UNMET, (gate,)).scalar() or 0)


def reviewer_names(ledger: Ledger) -> list[str]:
    """Return the reviewers that sealed trials were given to, in the order of their first ones."""
    with ledger.read() as connection:
        return list(connection.exec_driver_sql(_REVIEWERS).scalars())


def _some(first: int, last: int, supported: list[int], most: int) -> list[int]:
    every = -(-len(supported) // max(most // 2 - 2, 1)) or 1
    kept = {*supported[::every], first, last}
    left = most - len(kept)
    step = max((last - first) / max(left, 1), 1.0)
    # An index that is kept already leaves one point fewer.
    kept.update(round(first + step * number) for number in range(left))
    return sorted(kept)
