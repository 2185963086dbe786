"""How many hypotheses there are of what: read off counters that the database keeps, whatever the ledger's length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from theodolite.store.derived import COUNTED, KINDS
from theodolite.store.errors import LedgerQueryError
from theodolite.store.ledger import Ledger

__all__ = ["CHOICES", "TALLIED", "choices", "counted", "tallies"]

MARKS = ("tag", "unmet")
TALLIED = ("campaign", *COUNTED, "outcome")
"""What tallies can be made by."""
CHOICES = (*TALLIED, *MARKS)
"""Fields of a filter that have few values."""


def choices(ledger: Ledger, field: str) -> dict[str, int]:
    """Return the values that a field of a filter takes, with how many hypotheses have each, most first.

    Raises
    ------
    LedgerQueryError
        If the field is none of :data:`CHOICES`.
    """
    _refuse_unknown([field], CHOICES)
    with ledger.read() as connection:
        if field in MARKS:
            query = "SELECT a, number FROM tally WHERE kind = ?"
            found = [tuple(row) for row in connection.exec_driver_sql(query, (field,))]
        else:
            found = _tallied(connection, [field], {})
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))


def tallies(ledger: Ledger, *, by: Sequence[str], campaign: str | None = None) -> list[tuple[Any, ...]]:
    """Return how many hypotheses there are of each combination of values, in the order of the values.

    By at most two fields beside campaign and outcome it is read off counters; within a campaign, where there are two,
    one must be the family. Anything else is counted hypothesis by hypothesis, which takes a second a million.

    Parameters
    ----------
    by
        Fields, of :data:`TALLIED`.
    campaign
        Only this campaign.

    Returns
    -------
    list of tuple
        The values, in the order of ``by``, then the count.

    Raises
    ------
    LedgerQueryError
        If a field is none of :data:`TALLIED`, or is named twice.
    """
    _refuse_unknown(by, TALLIED)
    with ledger.read() as connection:
        return sorted(_tallied(connection, by, {} if campaign is None else {"campaign": campaign}))


def counted(connection: Connection, where: Mapping[str, str]) -> int | None:
    """Return how many hypotheses have these values, None where no counter says so."""
    if len(where) == 1 and (field := next(iter(where))) in MARKS:
        found = connection.exec_driver_sql("SELECT number FROM tally WHERE kind = ? AND a = ?", (field, where[field]))
        return int(found.scalar() or 0)
    if not where.keys() <= set(TALLIED):
        return None
    source = _source(list(where))
    if source is None:
        return None
    kind, columns = source
    conditions = "".join(f" AND {columns[name]} = ?" for name in where)
    found = connection.exec_driver_sql(
        f"SELECT sum(number) FROM tally WHERE kind = ? AND {_level(where)}{conditions}", (kind, *where.values())
    )
    return int(found.scalar() or 0)


def _refuse_unknown(fields: Sequence[str], known: Sequence[str]) -> None:
    wrong = [field for field in fields if field not in known]
    if wrong or len(set(fields)) < len(fields):
        raise LedgerQueryError(
            f"hypotheses are not counted by {wrong[0] if wrong else list(fields)!r}; name each of {', '.join(known)} "
            "once at most"
        )


def _level(fields: Sequence[str] | Mapping[str, Any]) -> str:
    # Of outcomes alone there are counters by campaign only.
    return "campaign <> ''" if "campaign" in fields or not set(fields) - {"outcome"} else "campaign = ''"


def _source(fields: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """Return which counters hold these fields, and in which columns; None where none do."""
    wanted = {name for name in fields if name in COUNTED}
    level = "campaign" in fields or not wanted
    kind = min((kind for kind in KINDS[level] if wanted <= set(kind)), key=len, default=None)
    if kind is None:
        return None
    return " ".join(kind), {**dict(zip(kind, ("a", "b"), strict=False)), "campaign": "campaign", "outcome": "outcome"}


def _tallied(connection: Connection, by: Sequence[str], where: Mapping[str, str]) -> list[tuple[Any, ...]]:
    fields = list(dict.fromkeys([*by, *where]))
    source = _source(fields)
    if source is None:
        table, columns = "hypothesis", {**COUNTED, "campaign": "campaign", "outcome": "outcome"}
        conditions, values, number = "true", [], "count(*)"
    else:
        kind, columns = source
        table, number = "tally", "sum(number)"
        conditions, values = f"kind = ? AND {_level(fields)}", [kind]
    conditions += "".join(f" AND {columns[name]} = ?" for name in where)
    grouped = ", ".join(columns[name] for name in by)
    query = f"SELECT {grouped}{', ' if by else ''}{number} FROM {table} WHERE {conditions}"
    found = connection.exec_driver_sql(f"{query} GROUP BY {grouped}" if by else query, (*values, *where.values()))
    return [tuple(row) for row in found if row[-1]]
