"""Rows as files for other programs, written batch by batch: how long a table is makes no difference to the memory."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any, Literal

from sqlalchemy import Boolean, Float, Integer, Table

from theodolite.store.column_types import CanonicalJson, WholeNumber, Words

__all__ = ["Batch", "Kind", "Leaving", "columns_of", "csv_pieces", "json_pieces", "parquet_pieces", "parquet_retold"]

Kind = Literal["text", "number", "whole", "yes", "words", "json"]
Batch = Sequence[Mapping[str, Any]]
"""Some rows as plain data."""

_CUT = re.compile(r"(?<=;)")
_UNSEEN = " \u00a0\u200b\ufeff\x0b\x0c"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Leaving:
    """A column of a file.

    ``kind`` says what it holds: text, a number, a whole number, yes or no, a list of words, or plain data, which
    leaves as JSON text. Each may be absent.
    """

    name: str
    kind: Kind


def columns_of(table: Table) -> tuple[Leaving, ...]:
    """Return the columns of a projection table. Whole numbers that may be wider than 64 bits leave as text."""
    return tuple(Leaving(column.name, _kind(column.type)) for column in table.columns)


def _kind(of: object) -> Kind:
    kinds: tuple[tuple[type, Kind], ...] = (
        (Words, "words"), (CanonicalJson, "json"), (WholeNumber, "text"), (Boolean, "yes"), (Integer, "whole"),
        (Float, "number"),
    )  # fmt: skip
    return next((kind for known, kind in kinds if isinstance(of, known)), "text")


def csv_pieces(columns: Sequence[Leaving], batches: Iterable[Batch]) -> Iterator[str]:
    """Yield rows as CSV: a header, then a piece a batch; lists are joined by ``;``, what is absent is empty.

    Words of agents and people are among the values: text that a spreadsheet would take for a formula gets a leading
    apostrophe (OWASP, CSV injection).
    """
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    # A bare carriage return is not quoted of itself; who takes it for the end of a row would see a cell of its own.
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow([column.name for column in columns])
    for batch in batches:
        for row in batch:
            cells = [_cell(row[column.name], column.kind) for column in columns]
            broken = any(isinstance(cell, str) and "\r" in cell for cell in cells)
            (quoting if broken else plain).writerow(cells)
        yield _taken(text)
    if text.tell():
        yield _taken(text)


def _taken(text: io.StringIO) -> str:
    said = text.getvalue()
    text.seek(0)
    text.truncate()
    return said


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind == "words":
        value = ";".join(value)
    elif kind == "json":
        value = _json(value)
    return _guarded(value) if isinstance(value, str) else value


def _guarded(value: str) -> str:
    """Return text that no spreadsheet takes for a formula, also where it cuts cells at semicolons."""
    parts = _CUT.split(value)
    return "".join(f"'{part}" if part.lstrip(_UNSEEN).startswith(_FORMULA) else part for part in parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_pieces(batches: Iterable[Batch]) -> Iterator[str]:
    """Yield rows as a JSON list of objects."""
    opened = False
    for batch in batches:
        for row in batch:
            yield (",\n" if opened else "[\n") + indent(json.dumps(row, indent=2, ensure_ascii=False), "  ")
            opened = True
    yield "\n]\n" if opened else "[]\n"


def parquet_pieces(columns: Sequence[Leaving], batches: Iterable[Batch]) -> Iterator[bytes]:
    """Yield rows as a Parquet file, a row group a batch; the schema is that of the columns, whatever the rows hold."""
    import pyarrow as pa
    from pyarrow import parquet

    from theodolite.reports.arrow_columns import arrow_column, arrow_type

    schema = pa.schema([(column.name, arrow_type(column.kind)) for column in columns])
    sink = _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            values = [
                arrow_column([_stored(row[column.name], column.kind) for row in batch], column.kind)
                for column in columns
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(values, schema=schema))
            yield sink.taken()
    yield sink.taken()


def parquet_retold(file: bytes, told: Callable[[str], str]) -> bytes:
    """Return a Parquet file of :func:`parquet_pieces` with every text in it told otherwise, row group by row group.

    Parameters
    ----------
    file
        The whole file.
    told
        What a text becomes; of a list of words, each.
    """
    import pyarrow as pa
    from pyarrow import parquet

    from theodolite.reports.arrow_columns import arrow_column

    read = parquet.ParquetFile(pa.BufferReader(file))
    schema = read.schema_arrow
    sink = _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for number in range(read.num_row_groups):
            group = read.read_row_group(number).combine_chunks()
            columns = []
            for field, column in zip(schema, group.columns, strict=True):
                if pa.types.is_string(field.type):
                    column = arrow_column([_told(value, told) for value in column.to_pylist()], "text")
                elif pa.types.is_list(field.type):
                    words = [None if value is None else [told(word) for word in value] for value in column.to_pylist()]
                    column = arrow_column(words, "words")
                columns.append(column)
            writer.write_table(pa.table(columns, schema=schema))
    return sink.taken()


def _told(value: str | None, told: Callable[[str], str]) -> str | None:
    return None if value is None else told(value)


def _stored(value: Any, kind: Kind) -> Any:
    if value is None or kind not in ("text", "json"):
        return value
    return _json(value) if kind == "json" else str(value)


class _Sink(io.RawIOBase):
    """What a writer of a file has written since it was last asked."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._held.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held
