from __future__ import annotations

import pytest

from theodolite.analysis.manifold.journal import append_line, read_lines


def test_lines_come_back_as_they_were_and_numbers_exactly(tmp_path):
    journal = tmp_path / "new" / "search.jsonl"
    assert read_lines(journal) == []
    entries = [{"score": 0.1 + 0.2, "name": "ä"}, {"score": None}]
    for entry in entries:
        append_line(journal, entry)
    assert read_lines(journal) == entries


@pytest.mark.parametrize("cut", [1, 5, 14])
def test_a_last_line_that_was_cut_short_is_dropped_and_the_next_is_whole(tmp_path, cut):
    journal = tmp_path / "search.jsonl"
    for number in range(3):
        append_line(journal, {"number": number})
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert [entry["number"] for entry in read_lines(journal)] == [0, 1]
    append_line(journal, {"number": 7})
    assert [entry["number"] for entry in read_lines(journal)] == [0, 1, 7]


@pytest.mark.parametrize("line", ["not json", "[1, 2]"])
def test_a_line_of_something_else_is_named(tmp_path, line):
    journal = tmp_path / "search.jsonl"
    append_line(journal, {"number": 0})
    with journal.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"search\.jsonl:2 is no line of a search"):
        read_lines(journal)
