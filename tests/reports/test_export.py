"""An export holds every slot and every column, alike in both formats."""

from __future__ import annotations

import csv
import io
import json

from theodolite.reports import COLUMNS, export_rows, to_csv, to_json
from theodolite.store import hypothesis_rows


def test_every_slot_has_every_column(ledger):
    rows = export_rows(ledger)
    assert [row["subject"] for row in rows] == [row.subject for row in hypothesis_rows(ledger)]
    assert all(tuple(row) == COLUMNS for row in rows)


def test_csv_and_json_say_the_same(ledger):
    rows = export_rows(ledger)
    from_csv = list(csv.DictReader(io.StringIO(to_csv(rows))))
    from_json = json.loads(to_json(rows))
    assert tuple(from_csv[0]) == COLUMNS
    for text, value in zip(from_csv, from_json, strict=True):
        assert float(text["effect"]) == value["effect"]
        assert text["claim_text"] == value["claim_text"]
        assert text["adjustment"].split(";") == value["adjustment"]
        assert text["refusal_code"] == "" and value["refusal_code"] is None


def test_a_campaign_that_is_not_there_exports_a_header_only(ledger):
    assert to_csv(export_rows(ledger, "no-such-campaign")) == ",".join(COLUMNS) + "\n"


def test_no_words_of_an_agent_become_a_formula(ledger):
    row = export_rows(ledger)[0] | {"rationale": '=HYPERLINK("http://example.org","see")', "effect": -0.1}
    (found,) = csv.DictReader(io.StringIO(to_csv([row])))
    assert found["rationale"] == "'" + row["rationale"]
    assert float(found["effect"]) == -0.1, "numbers stay numbers"
