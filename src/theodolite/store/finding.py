"""Hypotheses by filter, in an order, a page at a time: what a view of a ledger of a million asks.

A page begins at a row, never at a number, so that the last page costs what the first one does. Nothing here goes
through all hypotheses: see ``found_sets.py`` for filters and ``tallies.py`` for counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection

from theodolite.store import tables
from theodolite.store.cursors import Cursor
from theodolite.store.derived import ALL
from theodolite.store.errors import LedgerQueryError
from theodolite.store.filters import Find, arms, moment
from theodolite.store.found_sets import Span, common, held, in_order
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.queries import select_rows
from theodolite.store.rows import HypothesisRow
from theodolite.store.tallies import counted

__all__ = ["SORTS", "Count", "Find", "Neighbours", "Page", "count_found", "find", "neighbours"]

SORTS = {
    "proposed": "seq",
    "decided": "decided_at",
    "effect": "effect",
    "p": "p",
    "e": "e",
    "cost": "cost",
}
"""What hypotheses can be sorted by: the column of each."""

_AT_ONCE = 500
"""Rows whose dates are looked at together."""
_SORTED = 20_000
"""So many hypotheses are sorted by what their rows say; of more, the index of the order is walked."""
_NEAR = 1_000
"""So many rows of an order are looked at before a large set is laid out."""
_BEGINNING, _END = "", "9999"
_FIRST, _LAST = "T00:00:00.000000+00:00", "T23:59:59.999999+00:00"
_LISTED = "seq IN (SELECT value FROM json_each(?))"
_DATED = "proposed_at BETWEEN ? AND ?"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of an order; ``previous`` and ``next`` are cursors of the pages around them, None at the ends."""

    rows: tuple[HypothesisRow, ...]
    previous: str | None
    next: str | None


class Count(NamedTuple):
    """How many hypotheses there are: exactly ``number``, or, with ``more``, more than that."""

    number: int
    more: bool


class Neighbours(NamedTuple):
    """The slots before and after one; None at the ends."""

    previous: str | None
    next: str | None


def find(
    ledger: Ledger,
    what: Find,
    *,
    sort: str = "proposed",
    descending: bool = True,
    cursor: str | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> Page:
    """Return a page of the hypotheses that a filter leaves.

    Parameters
    ----------
    what
        The filter.
    sort, descending
        One of :data:`SORTS`. Hypotheses without a value come last either way, equal ones as proposed (or the newest
        first, descending).
    cursor
        Of another page of this filter and order: its ``next``, or its ``previous`` with ``backwards``.
    backwards
        Return the rows before the cursor; the rows of a page are always in the order asked for. Without a cursor, the
        last ones.
    limit
        Rows at most.

    Raises
    ------
    LedgerQueryError
        If the order is unknown, a date is none, the cursor is damaged or of another order, or the limit is below 1.
    """
    if limit < 1:
        raise LedgerQueryError(f"a page of {limit!r} rows; ask for one at least")
    order = _Order.named(sort, descending=descending)
    place = None if not cursor else Cursor.read(cursor, sort, descending=descending)
    with ledger.read() as connection:
        seqs = _Query(connection, what).page(order, place, backwards=backwards, most=limit + 1)
        more, seqs = len(seqs) > limit, seqs[:limit]
        if backwards:
            seqs.reverse()
        rows = _rows(connection, seqs)
    before = more if backwards else place is not None
    after = place is not None if backwards else more
    return Page(
        tuple(rows),
        str(order.cursor(rows[0])) if rows and before else None,
        str(order.cursor(rows[-1])) if rows and after else None,
    )


def count_found(ledger: Ledger, what: Find, most: int = 10_000) -> Count:
    """Return how many hypotheses a filter leaves: exactly where counters say, otherwise counted up to ``most``.

    Raises
    ------
    LedgerQueryError
        If a date is none.
    """
    with ledger.read() as connection:
        return _Query(connection, what).count(most)


def neighbours(
    ledger: Ledger, what: Find, subject: str, *, sort: str = "proposed", descending: bool = True
) -> Neighbours:
    """Return the slots before and after one, of those that a filter leaves, in an order.

    Raises
    ------
    LedgerQueryError
        If the ledger holds no such slot, or as :func:`find` says.
    """
    order = _Order.named(sort, descending=descending)
    table = tables.hypothesis
    with ledger.read() as connection:
        known = select_rows(connection, table, HypothesisRow, table.c.subject == subject)
        if not known:
            raise LedgerQueryError(f"the ledger holds no slot {subject!r}; take one from a page of hypotheses")
        query, place = _Query(connection, what), order.cursor(known[0])
        around = [query.page(order, place, backwards=backwards, most=1) for backwards in (True, False)]
        names = [_rows(connection, seqs)[0].subject if seqs else None for seqs in around]
    return Neighbours(*names)


@dataclass(frozen=True, slots=True)
class _Order:
    sort: str
    column: str
    descending: bool

    @classmethod
    def named(cls, sort: str, *, descending: bool) -> _Order:
        if sort not in SORTS:
            raise LedgerQueryError(f"hypotheses are not sorted by {sort!r}; sort them by one of {', '.join(SORTS)}")
        return cls(sort, SORTS[sort], descending)

    def cursor(self, row: HypothesisRow) -> Cursor:
        return Cursor(self.sort, self.descending, getattr(row, self.column), row.seq)


class _Query:
    """A filter, as sets of hypotheses and the span that its dates leave of them."""

    def __init__(self, connection: Connection, what: Find) -> None:
        self._connection = connection
        self._given = what.given()
        self._arms = arms(self._given)
        self._since = moment(what.since, time.min) or _BEGINNING
        self._until = moment(what.until, time.max) or _END
        self._span, self._exact = self._dated()

    def page(self, order: _Order, place: Cursor | None, *, backwards: bool, most: int) -> list[int]:
        """Return the ``seq`` of the rows after a place, or before it, the nearest first."""
        falling = order.descending is not backwards
        if order.column == "seq":
            span = self._span if place is None else self._span.cut(_beyond(place, falling))
            return list(islice(self._proposed(span, falling), most))
        source, member, values = self._members(order.column)
        walked = self._arms and source.endswith(order.column)
        found: list[int] = []
        for valued in (False, True) if backwards else (True, False):
            at_place = place is None or valued is (place.value is not None)
            if not at_place and valued is not backwards:
                continue  # the place is behind all of this part
            key, keys = _key(order.column, place if at_place else None, falling, valued)
            way = "DESC" if falling else "ASC"
            ordered = f"ORDER BY {order.column} {way}, seq {way} LIMIT ?"
            wanted = most - len(found)
            near: list[int] = []
            if walked and wanted:
                # Of a large set some are mostly near; only where they are not, the whole set is laid out.
                query = f"{source} WHERE {ALL} AND {key} {ordered}"
                near = self._fitting(self._connection.exec_driver_sql(query, (*keys, _NEAR)).scalars().all())
            if len(near) >= wanted:
                found += near[:wanted]
                continue
            query = f"{source} WHERE {ALL} AND {key}{member} {ordered}"
            found += self._connection.exec_driver_sql(query, (*keys, *values, wanted)).scalars()
        return found

    def count(self, most: int) -> Count:
        """Return how many hypotheses there are."""
        if not self._given:
            return Count(self._one("SELECT entries FROM counter WHERE kind = ?", EntryKind.HYPOTHESIS.value), False)
        if self._exact and not self._arms:
            days = (self._since[:10], self._until[:10])
            return Count(self._one("SELECT sum(number) FROM day WHERE day BETWEEN ? AND ?", *days), False)
        known = counted(self._connection, self._given)
        if known is not None:
            return Count(known, False)
        if self._exact:
            number = held(self._connection, self._arms, self._span, most + 1)
        else:
            number = sum(1 for _ in islice(self._proposed(self._span, True), most + 1))
        return Count(min(number, most), number > most)

    def _one(self, query: str, *values: Any) -> int:
        return int(self._connection.exec_driver_sql(query, values).scalar() or 0)

    def _dated(self) -> tuple[Span, bool]:
        """Return the span of rows that may be of the dates asked for, and whether all of it is."""
        if (self._since, self._until) == (_BEGINNING, _END):
            return Span(), True
        days = (self._since[:10], self._until[:10])
        first, last = self._connection.exec_driver_sql(
            "SELECT min(first_seq), max(last_seq) FROM day WHERE day BETWEEN ? AND ?", days
        ).one()
        if first is None:
            return Span(1, 0), True
        # A clock that was set back leaves rows of other days in between.
        others = "SELECT EXISTS (SELECT 1 FROM day WHERE day NOT BETWEEN ? AND ? AND last_seq >= ? AND first_seq <= ?)"
        whole = self._since[10:] in ("", _FIRST) and self._until[10:] in ("", _LAST)
        return Span(first, last), whole and not self._one(others, *days, first, last)

    def _proposed(self, span: Span, falling: bool) -> Iterator[int]:
        seqs = in_order(self._connection, self._arms, span, descending=falling)
        return seqs if self._exact else self._of_dates(seqs)

    def _of_dates(self, seqs: Iterator[int]) -> Iterator[int]:
        query = f"SELECT seq FROM hypothesis WHERE {_LISTED} AND {_DATED}"
        while some := list(islice(seqs, _AT_ONCE)):
            fit = set(self._connection.exec_driver_sql(query, (str(some), self._since, self._until)).scalars())
            yield from (seq for seq in some if seq in fit)

    def _fitting(self, seqs: Sequence[int]) -> list[int]:
        """Return those of some rows that the filter leaves, each looked at."""
        checks = " AND ".join(arm.check for arm in self._arms)
        query = (
            f"SELECT h.seq FROM hypothesis AS h WHERE h.{_LISTED} AND h.seq BETWEEN ? AND ? AND h.{_DATED} AND {checks}"
        )
        values = (value for arm in self._arms for value in arm.values)
        span = (self._span.first, self._span.last, self._since, self._until)
        fit = set(self._connection.exec_driver_sql(query, (str(list(seqs)), *span, *values)).scalars())
        return [seq for seq in seqs if seq in fit]

    def _members(self, column: str) -> tuple[str, str, list[Any]]:
        """Return where rows are read from for an order by values, which of them the filter leaves, and parameters."""
        walked = f"SELECT seq FROM hypothesis INDEXED BY hypothesis_by_{column}"
        dated, dates = ("", []) if self._exact else (f" AND {_DATED}", [self._since, self._until])
        if not self._arms:
            return walked, f" AND +seq BETWEEN ? AND ?{dated}", [self._span.first, self._span.last, *dates]
        few = list(in_order(self._connection, self._arms, self._span, descending=True, most=_SORTED + 1))
        if len(few) <= _SORTED:
            return "SELECT seq FROM hypothesis NOT INDEXED", f" AND {_LISTED}{dated}", [str(few), *dates]
        several, values = common(self._connection, self._arms, self._span, descending=True)
        # A limit keeps SQLite from leaving out the order, by which it walks the sets side by side.
        return walked, f" AND +seq IN (SELECT * FROM ({several} LIMIT -1)){dated}", [*values, *dates]


def _beyond(place: Cursor, falling: bool) -> Span:
    return Span(last=place.seq - 1) if falling else Span(first=place.seq + 1)


def _key(column: str, place: Cursor | None, falling: bool, valued: bool) -> tuple[str, list[Any]]:
    """Return which rows come after a place, of those with a value or of those without, and parameters."""
    there = f"{column} IS {'NOT NULL' if valued else 'NULL'}"
    if place is None:
        return there, []
    sign = "<" if falling else ">"
    if valued:
        return f"{there} AND ({column}, seq) {sign} (?, ?)", [place.value, place.seq]
    return f"{there} AND seq {sign} ?", [place.seq]


def _rows(connection: Connection, seqs: list[int]) -> list[HypothesisRow]:
    table = tables.hypothesis
    found = {row.seq: row for row in select_rows(connection, table, HypothesisRow, table.c.seq.in_(seqs))}
    return [found[seq] for seq in seqs]
