"""The hypotheses of a ledger as a file for other programs: one row a slot, every column of the projection."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields
from typing import Any

from theodolite.store import HypothesisRow, Ledger, hypothesis_rows, refusal_rows

__all__ = ["COLUMNS", "export_rows", "to_csv", "to_json"]

COLUMNS: tuple[str, ...] = (*(field.name for field in fields(HypothesisRow)), "refusal_code", "refusal_reason")
"""Columns of an export; effects are in the unit of the column ``unit``."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_rows(ledger: Ledger, campaign: str | None = None) -> list[dict[str, Any]]:
    """Return every slot, of one campaign or of all, as plain data under :data:`COLUMNS`."""
    refusals = {row.subject: row for row in refusal_rows(ledger, campaign)}
    rows = []
    for row in hypothesis_rows(ledger, campaign):
        refusal = refusals.get(row.subject)
        rows.append(
            {
                **asdict(row),
                "refusal_code": None if refusal is None else refusal.code,
                "refusal_reason": None if refusal is None else refusal.reason,
            }
        )
    return rows


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as CSV with a header; lists are joined by ``;``, what is absent is empty.

    Words of agents and people are among the values: text that a spreadsheet would take for a formula gets a leading
    apostrophe (OWASP, CSV injection).
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        value = ";".join(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def to_json(rows: list[dict[str, Any]]) -> str:
    """Return rows as a JSON list of objects."""
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
