"""Rows leave with their types, absent values and odd text as they are, whatever the batch and the format."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from theodolite.reports.leaving import Leaving, csv_pieces, json_pieces, parquet_pieces

COLUMNS = (
    Leaving("text", "text"), Leaving("number", "number"), Leaving("whole", "whole"), Leaving("yes", "yes"),
    Leaving("words", "words"), Leaving("data", "json"),
)  # fmt: skip
NOTHING: dict[str, Any] = dict.fromkeys(column.name for column in COLUMNS)
ROWS: list[dict[str, Any]] = [
    {"text": "µ, \"quoted\"\n\0", "number": -0.25, "whole": 2**62, "yes": False, "words": ("a", "", "µ"),
     "data": {"a": [1]}},
    NOTHING,
    {"text": "", "number": 0.0, "whole": 0, "yes": True, "words": (), "data": []},
    {"text": "\u202e<script>", "number": float("inf"), "whole": -1, "yes": True, "words": ("x" * 10_000,), "data": "="},
] * 3  # fmt: skip


def _batches(size: int) -> list[list[dict[str, Any]]]:
    return [ROWS[first : first + size] for first in range(0, len(ROWS), size)]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_parquet_holds_what_was_given(size: int) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(b"".join(parquet_pieces(COLUMNS, _batches(size)))))
    table.validate(full=True)
    assert [str(field.type) for field in table.schema] == [
        "string", "double", "int64", "bool", "list<element: string>", "string",
    ]  # fmt: skip
    for found, row in zip(table.to_pylist(), ROWS, strict=True):
        words, data = row["words"], row["data"]
        assert found == row | {
            "words": None if words is None else list(words),
            "data": None if data is None else json.dumps(data, separators=(",", ":")),
        }


def test_a_parquet_file_is_written_without_pandas() -> None:
    pytest.importorskip("pyarrow")
    said = (
        "import sys\nfrom theodolite.reports.leaving import Leaving, parquet_pieces\n"
        "rows = [{'a': 'x', 'b': 1.0, 'c': ('y',)}]\n"
        "columns = (Leaving('a', 'text'), Leaving('b', 'number'), Leaving('c', 'words'))\n"
        "assert b''.join(parquet_pieces(columns, [rows])).startswith(b'PAR1')\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_csv_is_the_same_in_pieces_of_any_size() -> None:
    whole = "".join(csv_pieces(COLUMNS, [ROWS]))
    assert "".join(csv_pieces(COLUMNS, _batches(1))) == whole
    rows = list(csv.DictReader(io.StringIO(whole, newline="")))
    assert rows[0]["text"] == ROWS[0]["text"] and rows[0]["words"] == "a;;µ" and rows[0]["data"] == '{"a":[1]}'
    assert set(rows[1].values()) == {""}


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
@pytest.mark.parametrize("kind", ["text", "words"])
def test_no_text_becomes_a_formula(sign: str, kind: Any) -> None:
    said = f"{sign}1+1"
    pieces = csv_pieces((Leaving("a", kind),), [[{"a": (said, "b") if kind == "words" else said}]])
    (row,) = csv.DictReader(io.StringIO("".join(pieces), newline=""))
    assert row["a"].startswith(f"'{sign}")


def test_a_carriage_return_begins_no_row() -> None:
    said = "seen\r=HYPERLINK(1)"
    (piece,) = csv_pieces((Leaving("a", "text"), Leaving("b", "number")), [[{"a": said, "b": None}]])
    assert piece == f'a,b\n"{said}",""\n'
    assert list(csv.DictReader(io.StringIO(piece, newline=""))) == [{"a": said, "b": ""}]


def test_json_is_one_list() -> None:
    assert json.loads("".join(json_pieces(_batches(5)))) == json.loads(json.dumps(ROWS))
    assert json.loads("".join(json_pieces([]))) == []


@pytest.mark.parametrize("text", ["a;=HYPERLINK(1)", " =1+1", "\u200b=1", "x;\x0b@cmd"])
def test_no_text_becomes_a_formula_where_semicolons_cut_cells(text: str) -> None:
    (found,) = csv.DictReader(io.StringIO("".join(csv_pieces(COLUMNS, [[{**NOTHING, "text": text}]]))))
    for cell in found["text"].split(";"):
        assert not cell.lstrip(" \u200b\x0b").startswith(("=", "@"))
