"""Checks of instruments as rows of the ledger."""

from __future__ import annotations

import pytest

from theodolite.canonical import digest
from theodolite.store import Ledger, LedgerPayloadError, rebuild, tool_check_rows, verify


def test_a_check_is_a_row_and_survives_a_rebuild(told, tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, create=True) as ledger:
        story = told.Story(ledger).begin()
        story.check()
        story.check("own.first-2", source_sha256=digest("changed"), passed_empty=60, error_low=0.24, fit=False)
        first, second = tool_check_rows(ledger, "own.first")
        assert (first.fit, first.places, first.error_low) == (True, ("layer 0", "layer 1"), 0.013)
        assert tool_check_rows(ledger, source_sha256=digest("changed")) == [second]
        assert tool_check_rows(ledger, "another.tool") == []
        rebuild(ledger)
        assert tool_check_rows(ledger) == [first, second]
    assert verify(path).ok


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fit": False}, "a tool is fit where the bound is not above the level"),
        ({"error_low": 0.06}, "a tool is fit where the bound is not above the level"),
        ({"found": 41}, "41 of 40 planted"),
        ({"passed_empty": 201}, "201 of 200 empty"),
        ({"source_sha256": "short"}, "source_sha256"),
    ],
)
def test_a_check_that_contradicts_itself_is_refused(told, ledger, change, said):
    with pytest.raises(LedgerPayloadError, match=said):
        told.Story(ledger).check(**change)
