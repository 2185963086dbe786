"""A page of hypotheses says what the whole table would say of them, and looks up nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.reports import verdict_lines
from theodolite.reports.listed import gate_title, listed
from theodolite.store import Find, Ledger, choices, find, gate_rows


def test_lines_of_a_page_are_those_of_the_whole_table(ledger: Ledger) -> None:
    whole = {line.subject: line for line in verdict_lines(ledger)}
    rows = find(ledger, Find(), limit=4).rows
    found = listed(ledger, rows)
    assert [item.row for item in found] == list(rows)
    assert [item.line for item in found] == [whole[row.subject] for row in rows]


def test_only_gates_of_the_page_are_read(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counting(*given: Any, subjects: Any) -> Any:
        read.extend(found := gate_rows(*given, subjects=subjects))
        return found

    monkeypatch.setattr("theodolite.reports.listed.gate_rows", counting)
    row = find(ledger, Find(outcome="supported"), limit=1).rows[0]
    listed(ledger, [row])
    assert {gate.subject for gate in read} == {row.subject}


def test_the_least_that_counts_is_what_the_gate_of_sizes_asks_for(ledger: Ledger) -> None:
    rows = find(ledger, Find(outcome="supported")).rows
    for item in listed(ledger, rows):
        (size,) = (gate for gate in gate_rows(ledger, item.row.subject) if gate.gate == "G9")
        assert item.least == size.threshold


def test_a_gate_has_its_title_and_an_unknown_one_none(ledger: Ledger) -> None:
    assert all(gate_title(ledger, gate) for gate in choices(ledger, "unmet"))
    assert gate_title(ledger, "G99") is None


def test_no_rows_are_no_lines(ledger: Ledger) -> None:
    assert listed(ledger, ()) == []
