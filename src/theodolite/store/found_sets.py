"""Sets of hypotheses, each given by one index in the order of the proposals, and what they have in common.

What several filters have in common is found without reading a row: their indexes are walked side by side. Only where
one of them is small are its rows looked at one by one. So no combination reads the whole table, in whatever order the
filters were given and however rarely they come together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from theodolite.store.derived import ALL
from theodolite.store.project import driver

__all__ = ["SMALL", "Arm", "Span", "column_arm", "common", "cost_arm", "held", "in_order", "mark_arm", "text_arm"]

SMALL = 5_000
"""So many rows are read one by one in a fraction of a second."""
_CHEAP = 500
"""So many lookups in the index of texts."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One set.

    Attributes
    ----------
    index
        SQL that gives the ``seq`` of its hypotheses, in order; ends with a condition.
    seq
        What ``seq`` is called there.
    check
        SQL that says whether the hypothesis ``h`` is in it.
    values
        Parameters, of either.
    wide
        SQL in place of ``index`` where the set is not small; empty where the same will do.
    """

    index: str
    seq: str
    check: str
    values: tuple[Any, ...]
    wide: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Hypotheses from one ``seq`` to another, both included."""

    first: int = 0
    last: int = 2**62

    def cut(self, other: Span) -> Span:
        """Return what two spans have in common."""
        return Span(max(self.first, other.first), min(self.last, other.last))


def column_arm(column: str, value: str | int) -> Arm:
    """Return the hypotheses with a value in an indexed column."""
    index = f"SELECT seq FROM hypothesis INDEXED BY hypothesis_by_{column} WHERE {ALL} AND {column} = ?"
    return Arm(index, "seq", f"h.{column} = ?", (value,))


def cost_arm(least: float, most: float) -> Arm:
    """Return the hypotheses whose calls cost so much."""
    index = f"SELECT seq FROM hypothesis INDEXED BY hypothesis_by_cost WHERE {ALL} AND cost BETWEEN ? AND ?"
    wide = "SELECT seq FROM hypothesis INDEXED BY hypothesis_charged WHERE cost BETWEEN ? AND ?"
    return Arm(index, "seq", "h.cost BETWEEN ? AND ?", (least, most), wide)


def mark_arm(kind: str, value: str) -> Arm:
    """Return the hypotheses with a tag, or with a gate that did not pass."""
    of = f"FROM mark WHERE kind = '{kind}' AND value = ?"
    return Arm(f"SELECT seq {of}", "seq", f"EXISTS (SELECT 1 {of} AND seq = h.seq)", (value,))


def text_arm(words: Sequence[str]) -> Arm:
    """Return the hypotheses in whose texts all words stand."""
    # In quotation marks nothing is an operator of the index.
    said = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    of = "FROM hypothesis_text WHERE hypothesis_text MATCH ?"
    return Arm(f"SELECT rowid AS seq {of}", "rowid", f"EXISTS (SELECT 1 {of} AND rowid = h.seq)", (said,))


def _direction(descending: bool) -> str:
    return "DESC" if descending else "ASC"


def common(connection: Connection, arms: Sequence[Arm], span: Span, *, descending: bool) -> tuple[str, list[Any]]:
    """Return SQL of the ``seq`` of what all sets have in common, in order, and its parameters."""
    if not arms:
        query = f"SELECT seq FROM hypothesis WHERE seq BETWEEN ? AND ? ORDER BY seq {_direction(descending)}"
        return query, [span.first, span.last]
    if len(arms) > 1 or arms[0].wide:
        sizes = {arm: _size(connection, arm, span, SMALL + 1) for arm in arms}
        least = min(arms, key=sizes.__getitem__)
        others = [arm for arm in arms if arm is not least]
        if others and sizes[least] <= (_CHEAP if any(arm.seq == "rowid" for arm in others) else SMALL):
            checks = " AND ".join(arm.check for arm in others)
            query = (
                f"SELECT s.seq FROM ({_within(least)}) AS s CROSS JOIN hypothesis AS h ON h.seq = s.seq "
                f"WHERE {checks} ORDER BY s.seq {_direction(descending)}"
            )
            return query, [*_values([least], span), *(value for arm in others for value in arm.values)]
        arms = [replace(arm, index=arm.wide) if arm.wide and sizes[arm] > SMALL else arm for arm in arms]
    query = " INTERSECT ".join(_within(arm) for arm in arms)
    return f"{query} ORDER BY 1 {_direction(descending)}", _values(arms, span)


def in_order(
    connection: Connection, arms: Sequence[Arm], span: Span, *, descending: bool, most: int = -1
) -> Iterator[int]:
    """Yield the ``seq`` of what all sets have in common, in order, so many at most; they are found as they are read."""
    query, values = common(connection, arms, span, descending=descending)
    return (seq for (seq,) in driver(connection).execute(f"{query} LIMIT ?", (*values, most)))


def held(connection: Connection, arms: Sequence[Arm], span: Span, most: int) -> int:
    """Return how many hypotheses all sets have in common, counted up to so many."""
    if len(arms) == 1:
        return _size(connection, arms[0], span, most)
    query, values = common(connection, arms, span, descending=True)
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM ({query} LIMIT ?)", (*values, most)).scalar_one())


def _size(connection: Connection, arm: Arm, span: Span, most: int) -> int:
    query = f"SELECT count(*) FROM ({_within(arm)} LIMIT ?)"
    return int(connection.exec_driver_sql(query, (*_values([arm], span), most)).scalar_one())


def _within(arm: Arm) -> str:
    return f"{arm.index} AND {arm.seq} BETWEEN ? AND ?"


def _values(arms: Sequence[Arm], span: Span) -> list[Any]:
    return [value for arm in arms for value in (*arm.values, span.first, span.last)]
