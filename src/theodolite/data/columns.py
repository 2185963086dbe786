"""Reading delimited tables so that every mistake is told by file, line, value and remedy."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence

from theodolite.data.references import ReferenceTableError

__all__ = ["checked_gene", "columns", "decoded", "delimiter_of", "first_line", "lines", "number", "unpacked"]

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
_DATE = re.compile(
    rf"\d{{1,2}}-(?:{_MONTHS})(?:-\d{{2,4}})?|(?:{_MONTHS})-(?:\d{{1,2}}|\d{{4}})|\d{{1,4}}[-/]\d{{1,2}}[-/]\d{{1,4}}",
    re.IGNORECASE,
)
_GENE = re.compile(r"[^\s,;|\"]{1,60}")


def unpacked(content: bytes, where: str) -> bytes:
    """Return the content of a file, unpacked where it is packed by gzip.

    Raises
    ------
    ReferenceTableError
        If it is cut off or damaged.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ReferenceTableError(f"{where}: a damaged gzip file ({error}); get it again") from error


def decoded(content: bytes, where: str) -> str:
    """Return the text of a file, unpacked where it is packed by gzip.

    Raises
    ------
    ReferenceTableError
        If it is cut off, damaged or no UTF-8.
    """
    content = unpacked(content, where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReferenceTableError(
            f"{where}:{line}: byte {content[error.start]:#04x} is no UTF-8; save the table as UTF-8 text"
        ) from error


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield line numbers, from 1, and lines without their ends; a large text is not copied."""
    start = 0
    number = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        number += 1
        yield number, text[start:end].removesuffix("\r")
        start = end + 1


def first_line(text: str) -> str:
    """Return the first line that is not blank, empty if there is none."""
    return next((line for _, line in lines(text) if line.strip()), "")


def delimiter_of(text: str) -> str:
    """Return what parts the columns of a table: a tab where its first line has one, a comma else."""
    return "\t" if "\t" in first_line(text) else ","


def checked_gene(symbol: str, where: str) -> str:
    """Return a gene symbol without surrounding blanks.

    Raises
    ------
    ReferenceTableError
        If it is empty, a date that a spreadsheet made of a symbol, or nothing that a gene is called.
    """
    gene = symbol.strip()
    if _DATE.fullmatch(gene):
        raise ReferenceTableError(
            f"{where}: {gene!r} is a date, which a spreadsheet made of a gene symbol (1-Mar was MARCH1, now MARCHF1; "
            "Sep-2 was SEPT2, now SEPTIN2); take the table as its authors publish it, not saved again by a spreadsheet"
        )
    if _GENE.fullmatch(gene) is None or not gene.isprintable():
        raise ReferenceTableError(
            f"{where}: {symbol!r:.80} is no gene symbol; it has 1 to 60 signs, no blanks, commas or quotes"
        )
    return gene


def number(text: str, low: float, high: float, where: str) -> float:
    """Return a number within bounds.

    Raises
    ------
    ReferenceTableError
        If it is none, or out of bounds.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ReferenceTableError(f"{where}: {text!r:.40} is no number from {low:g} to {high:g}")
    return value


def columns(
    text: str, delimiter: str, wanted: Sequence[str], where: str, *, empty: Sequence[str] = ()
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line number and the wanted columns of every row of a table with a header.

    Parameters
    ----------
    text, delimiter
        The table. In one of tabs, quotes are signs like any other.
    wanted
        Names of columns.
    where
        What errors call the table.
    empty
        Those of them that may be empty in a row.

    Raises
    ------
    ReferenceTableError
        For a missing column, a row of another length than the header, or an empty field.
    """
    reader = csv.reader(
        (line for _, line in lines(text)),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter in "\t " else csv.QUOTE_MINIMAL,
    )
    try:
        header = [field.strip() for field in next(reader, [])]
        missing = [column for column in wanted if column not in header]
        if missing:
            raise ReferenceTableError(
                f"{where}:1: the header {', '.join(header)!r:.300} has no column {', '.join(map(repr, missing))}; "
                f"the columns {', '.join(wanted)} are needed"
            )
        places = [(header.index(column), column) for column in wanted]
        for row in reader:
            if not row:
                continue
            at = f"{where}:{reader.line_num}"
            if len(row) != len(header):
                raise ReferenceTableError(
                    f"{at}: {row!r:.200} has {len(row)} fields where the header has {len(header)}"
                )
            fields = tuple(row[place].strip() for place, _ in places)
            for field, (_, column) in zip(fields, places, strict=True):
                if not field and column not in empty:
                    raise ReferenceTableError(f"{at}: {row!r:.200} has no {column}; fill it or drop the row")
            yield reader.line_num, fields
    except csv.Error as error:
        raise ReferenceTableError(
            f"{where}:{reader.line_num}: no table of {delimiter!r} ({error}); get it again"
        ) from error
