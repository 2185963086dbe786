"""An export holds every slot and every column, alike in both formats."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from theodolite.reports import COLUMNS
from theodolite.reports.export import hypothesis_batches, hypothesis_columns
from theodolite.reports.leaving import csv_pieces, json_pieces
from theodolite.store import Find, Ledger, hypothesis_rows


def exported(ledger: Ledger, campaign: str | None = None) -> list[dict[str, Any]]:
    """Return what leaves of a ledger, as proposed."""
    batches = hypothesis_batches(ledger, Find(campaign=campaign), descending=False)
    return [row for batch in batches for row in batch]


def as_csv(rows: list[dict[str, Any]]) -> str:
    return "".join(csv_pieces(hypothesis_columns(), [rows]))


def test_every_slot_has_every_column(ledger):
    rows = exported(ledger)
    assert [row["subject"] for row in rows] == [row.subject for row in hypothesis_rows(ledger)]
    assert all(tuple(row) == COLUMNS for row in rows)


def test_csv_and_json_say_the_same(ledger):
    rows = exported(ledger)
    from_csv = list(csv.DictReader(io.StringIO(as_csv(rows))))
    from_json = json.loads("".join(json_pieces([rows])))
    assert tuple(from_csv[0]) == COLUMNS
    for text, value in zip(from_csv, from_json, strict=True):
        assert float(text["effect"]) == value["effect"]
        assert text["claim_text"] == value["claim_text"]
        assert text["adjustment"].split(";") == value["adjustment"]
        assert text["refusal_code"] == "" and value["refusal_code"] is None


def test_a_campaign_that_is_not_there_exports_a_header_only(ledger):
    assert as_csv(exported(ledger, "no-such-campaign")) == ",".join(COLUMNS) + "\n"


def test_no_words_of_an_agent_become_a_formula(ledger):
    row = exported(ledger)[0] | {"rationale": '=HYPERLINK("http://example.org","see")', "effect": -0.1}
    (found,) = csv.DictReader(io.StringIO(as_csv([row])))
    assert found["rationale"] == "'" + row["rationale"]
    assert float(found["effect"]) == -0.1, "numbers stay numbers"
