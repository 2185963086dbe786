"""What the database itself derives from the rows of hypotheses and gates: counters, marks, and an index of their texts.

Triggers keep all of it, in the transaction that changes the row, so that the tables in force, a rebuild and the copy
that ``verify`` makes are alike. The index of texts holds no text of its own.
"""

from __future__ import annotations

from itertools import combinations

from sqlalchemy import Column, Connection, Index, Integer, String, Table, text
from sqlalchemy import inspect as inspect_database

from theodolite.store.schema import is_projection
from theodolite.store.tables import PROJECTIONS, hypothesis

__all__ = ["ALL", "COUNTED", "DERIVING", "INDEXED", "KINDS", "make_projections", "remove_projections"]

COUNTED = {
    "family": "family",
    "tool": "tool",
    "locus": "locus",
    "model": "model",
    "cells": "context",
    "reference": "reference",
    "author": "author",
    "relation": "relation",
}
"""What hypotheses are counted by, beside campaign and outcome: the column of each."""
_CROSSED = ("family", "tool", "locus", "model", "cells", "reference")
_EVERYWHERE = (*combinations(_CROSSED, 2), ("author",), ("relation",))
_BY_CAMPAIGN = ((), *(("family", other) for other in _CROSSED[1:]))
# Not every pair within every campaign: locus by reference would be as many counters as there are hypotheses.
KINDS = {False: _EVERYWHERE, True: _BY_CAMPAIGN}
"""What counters are kept by, over all campaigns and (True) within each."""

INDEXED = (
    "campaign", "outcome", "family", "tool", "locus", "layer", "model", "context", "reference", "author", "relation",
    "block_id", "decided_at", "effect", "p", "e", "cost",
)  # fmt: skip
"""Columns of hypotheses that have an index ``hypothesis_by_<column>``, in which equal values are as proposed."""
ALL = "+seq > 0"
"""True of every row. Only a query that says so may use these indexes: what a campaign asks keeps to its own."""
for _name in INDEXED:
    Index(f"hypothesis_by_{_name}", hypothesis.c[_name], sqlite_where=text(ALL))
# Costs as proposed: of a wide range of them, putting those of the index above in this order would take a second.
Index("hypothesis_charged", hypothesis.c.seq, hypothesis.c.cost, sqlite_where=hypothesis.c.cost.is_not(None))

tally = Table(
    "tally",
    PROJECTIONS,
    # What is counted by, such as "family locus"; "" for outcomes alone; "tag" and "unmet" for marks.
    Column("kind", String, primary_key=True),
    # "" for counts over all campaigns.
    Column("campaign", String, primary_key=True),
    Column("a", String, primary_key=True),
    Column("b", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("number", Integer, nullable=False),
    sqlite_with_rowid=False,
)

mark = Table(
    "mark",
    PROJECTIONS,
    Column("kind", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

day = Table(
    "day",
    PROJECTIONS,
    Column("day", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
)

_TEXTS = ("claim_text", "rationale", "reference", "object", "failure_reason", "next_step", "refusal_reason")
_TEXT_INDEX = (
    f"CREATE VIRTUAL TABLE hypothesis_text USING fts5({', '.join(_TEXTS)}, "
    "content='hypothesis', content_rowid='seq', columnsize=0, tokenize='unicode61')"
)

_KEY = "(kind, campaign, a, b, outcome)"


def _tallied(row: str) -> list[str]:
    """Return the keys under which a row counts, as SQL."""
    keys = []
    for campaign, kinds in (("''", _EVERYWHERE), (f"{row}.campaign", _BY_CAMPAIGN)):
        for kind in kinds:
            values = [f"{row}.{COUNTED[name]}" for name in kind] + ["''", "''"]
            keys.append(f"'{' '.join(kind)}', {campaign}, {values[0]}, {values[1]}, {row}.outcome")
    return keys


def _count(keys: list[str], step: int = 1) -> str:
    rows = ", ".join(f"({key}, {step})" for key in keys)
    return f"INSERT INTO tally VALUES {rows} ON CONFLICT {_KEY} DO UPDATE SET number = number + {step}"


def _texts(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in _TEXTS)


def _mark(kind: str, value: str, seq: str, source: str) -> str:
    return f"INSERT INTO mark SELECT '{kind}', {value}, {seq} FROM {source} ON CONFLICT DO NOTHING"


_TAGS = _mark("tag", "value", "NEW.seq", "json_each(NEW.tags) WHERE true")
_INDEX_TEXT = f"INSERT INTO hypothesis_text (rowid, {', '.join(_TEXTS)}) VALUES (NEW.seq, {_texts('NEW')})"
_OF_GATE = "(SELECT seq FROM hypothesis WHERE subject = OLD.subject)"

DERIVING = {
    "hypothesis_added": f"""CREATE TRIGGER hypothesis_added AFTER INSERT ON hypothesis BEGIN
  {_count(_tallied("NEW"))};
  INSERT INTO day VALUES (substr(NEW.proposed_at, 1, 10), 1, NEW.seq, NEW.seq)
    ON CONFLICT (day) DO UPDATE SET number = number + 1, first_seq = min(first_seq, NEW.seq),
      last_seq = max(last_seq, NEW.seq);
  {_TAGS};
  {_INDEX_TEXT};
END""",
    "hypothesis_ended": f"""CREATE TRIGGER hypothesis_ended AFTER UPDATE OF outcome ON hypothesis
WHEN OLD.outcome <> NEW.outcome BEGIN
  {_count(_tallied("OLD"), -1)};
  {_count(_tallied("NEW"))};
END""",
    "hypothesis_tagged": f"""CREATE TRIGGER hypothesis_tagged AFTER UPDATE OF tags ON hypothesis
WHEN OLD.tags <> NEW.tags BEGIN
  DELETE FROM mark WHERE kind = 'tag' AND seq = OLD.seq AND value IN (SELECT value FROM json_each(OLD.tags));
  {_TAGS};
END""",
    "hypothesis_said": f"""CREATE TRIGGER hypothesis_said
AFTER UPDATE OF failure_reason, refusal_reason, next_step ON hypothesis
WHEN OLD.failure_reason IS NOT NEW.failure_reason OR OLD.refusal_reason IS NOT NEW.refusal_reason
  OR OLD.next_step IS NOT NEW.next_step BEGIN
  INSERT INTO hypothesis_text (hypothesis_text, rowid, {", ".join(_TEXTS)}) VALUES ('delete', OLD.seq, {_texts("OLD")});
  {_INDEX_TEXT};
END""",
    "gate_unmet": f"""CREATE TRIGGER gate_unmet AFTER INSERT ON gate WHEN NEW.passed = 0 BEGIN
  {_mark("unmet", "NEW.gate", "seq", "hypothesis WHERE subject = NEW.subject")};
END""",
    "gate_gone": f"""CREATE TRIGGER gate_gone AFTER DELETE ON gate WHEN OLD.passed = 0 BEGIN
  DELETE FROM mark WHERE kind = 'unmet' AND value = OLD.gate AND seq = {_OF_GATE};
END""",
    # No counter stays at nothing: tables that were made from other entries would differ in it.
    "tally_empty": f"""CREATE TRIGGER tally_empty AFTER UPDATE ON tally WHEN NEW.number = 0 BEGIN
  DELETE FROM tally WHERE {_KEY} = (NEW.kind, NEW.campaign, NEW.a, NEW.b, NEW.outcome);
END""",
    "mark_added": f"""CREATE TRIGGER mark_added AFTER INSERT ON mark BEGIN
  {_count(["NEW.kind, '', NEW.value, '', ''"])};
END""",
    "mark_gone": f"""CREATE TRIGGER mark_gone AFTER DELETE ON mark BEGIN
  {_count(["OLD.kind, '', OLD.value, '', ''"], -1)};
END""",
}
"""The triggers, as SQL text that ``verify`` compares letter by letter."""


def make_projections(connection: Connection) -> None:
    """Make all projection tables, empty, with what the database derives from them."""
    PROJECTIONS.create_all(connection)
    connection.exec_driver_sql(_TEXT_INDEX)
    for statement in DERIVING.values():
        connection.exec_driver_sql(statement)


def remove_projections(connection: Connection) -> None:
    """Drop all projection tables, those of other versions too; triggers and indexes go with them."""
    virtual = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
    # First, for it drops the tables in which SQLite keeps it.
    first = list(virtual.scalars())
    for table in [*first, *inspect_database(connection).get_table_names()]:
        if is_projection(table):
            quoted = connection.dialect.identifier_preparer.quote_identifier(table)
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted}")
    for name in DERIVING:  # one that was put on another table
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
