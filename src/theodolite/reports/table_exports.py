"""The other tables of a ledger as files: a closed list, each read from its own table, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Table, select, tuple_

from theodolite.reports.leaving import Leaving, columns_of
from theodolite.store import Ledger, tables

__all__ = ["TABLES", "ExportedTable", "table_batches"]

_BATCH = 2_000
_CANDIDATES = (
    Leaving("id", "text"),
    Leaving("ruler", "text"),
    Leaving("place", "text"),
    Leaving("features", "text"),
    Leaving("fitter", "text"),
    Leaving("score", "number"),
    Leaving("gain", "number"),
    Leaving("trust", "number"),
    Leaving("fit", "yes"),
    Leaving("reason", "text"),
)


@dataclass(frozen=True)
class ExportedTable:
    """A table: what a row of it is, in words, and its columns; ``source`` is None where rows are put together."""

    says: str
    columns: tuple[Leaving, ...]
    source: Table | None = None


def _of(table: Table, says: str) -> ExportedTable:
    return ExportedTable(says, columns_of(table), table)


TABLES: Final[Mapping[str, ExportedTable]] = MappingProxyType(
    {
        "campaigns": _of(tables.campaign, "A campaign, with its specification"),
        "references": _of(tables.reference_set, "A reference of a campaign, and what of it lies in the hold-out block"),
        "looks": _of(tables.look, "A look at discovery units, before anything was locked"),
        "candidates": ExportedTable("A candidate that a search tried, held against one ruler, best first", _CANDIDATES),
        "gates": _of(tables.gate, "A gate of a hypothesis: number, threshold, whether it passed"),
        "nulls": _of(tables.null_evidence, "A null of a hypothesis: how often it did as well as the real labels"),
        "reviews": _of(tables.review, "A review of a hypothesis, with its objections"),
        "refusals": _of(tables.refusal, "A hypothesis that was refused before it ran, and why"),
        "rejudgements": _of(tables.rejudgement, "What a newer catalogue says of a hypothesis"),
        "invalidations": _of(tables.invalidation, "What a person found to be bad"),
        "invalidated": _of(tables.invalidated, "A verdict that an invalidation turned"),
        "rounds": _of(tables.round_row, "A finished round of a campaign"),
        "blocks": _of(tables.block, "A hold-out block, and when it was retired"),
        "streams": _of(tables.stream, "An error stream: its rule, levels spent, supports"),
        "trials": _of(tables.review_trial, "A sealed item that a reviewer was given, and whether it was caught"),
        "instrument_checks": _of(tables.tool_check, "What an instrument shows in worlds of known truth"),
        "model_calls": _of(tables.model_call, "A request to a language model: tokens, cost, outcome"),
        "budget_marks": _of(tables.budget_mark, "When a budget of a campaign passed a percentage"),
    }
)
"""What can leave beside hypotheses, by the name of its file."""


def table_batches(ledger: Ledger, name: str) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the rows of one of :data:`TABLES`, some at a time, in the order of its key; each batch of its own moment.

    Raises
    ------
    KeyError
        If there is no such table.
    """
    table = TABLES[name].source
    if table is None:
        # Here only: the rooms of the search are slow to load.
        from theodolite.reports.searched import candidate_lines

        yield [asdict(line) for line in candidate_lines(ledger)]
        return
    # By the key, which has an index: an order without one would sort the whole table for every batch.
    key = tuple(table.primary_key.columns)
    query = select(table).order_by(*key).limit(_BATCH)
    rows: list[Mapping[str, Any]] = []
    while True:
        place = tuple_(*key) > tuple_(*(rows[-1][column.name] for column in key)) if rows else None
        with ledger.read() as connection:
            found = connection.execute(query if place is None else query.where(place)).mappings()
            rows = [dict(row) for row in found]
        if rows:
            yield rows
        if len(rows) < _BATCH:
            return
