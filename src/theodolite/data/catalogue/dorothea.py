"""DoRothEA regulons (Garcia-Alonso et al. 2019), one table for each level of confidence.

A level says which kinds of evidence stand behind an edge: A curation by experts or all four kinds, E computation alone.
Levels are classes of evidence, so they are never joined here.
"""

from __future__ import annotations

from collections.abc import Iterator

from theodolite.canonical import digest, sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.columns import checked_gene, columns, delimiter_of, first_line, number
from theodolite.data.references import ReferenceTableError
from theodolite.data.regulons import RegulonTable, Sign, regulon_table
from theodolite.sources import Source

__all__ = ["LEVELS", "read_dorothea"]

LEVELS = ("A", "B", "C", "D", "E")
_NAMES = (("tf", "confidence", "target", "mor"), ("source", "confidence", "target", "weight"))
"""Columns as the authors name them, and as decoupleR does, which divides the sign by the level."""


def read_dorothea(text: str, *, where: str = "DoRothEA") -> tuple[RegulonTable, ...]:
    """Read a table of regulator, level, target and mode of regulation, by commas or tabs.

    Returns
    -------
    tuple of RegulonTable
        ``dorothea.A`` to ``dorothea.E``, those that have edges.

    Raises
    ------
    ReferenceTableError
        For a missing column, an empty field, another level, a mode of regulation that is zero or no number, and a
        table without edges.
    """
    delimiter = delimiter_of(text)
    header = [field.strip().strip('"') for field in first_line(text).split(delimiter)]
    wanted = next((names for names in _NAMES if names[0] in header), _NAMES[0])
    rows: dict[str, list[tuple[str, str, Sign]]] = {level: [] for level in LEVELS}
    for line, (regulator, level, target, mode) in columns(text, delimiter, wanted, where):
        at = f"{where}:{line}"
        if level not in rows:
            raise ReferenceTableError(f"{at}: level {level!r} of {regulator} and {target} is none of A, B, C, D, E")
        value = number(mode, -1, 1, at)
        if value == 0:
            raise ReferenceTableError(
                f"{at}: the mode of regulation of {regulator} and {target} is 0; it is above for activation, below for "
                "repression"
            )
        sign: Sign = "activation" if value > 0 else "repression"
        rows[level].append((checked_gene(regulator, at), checked_gene(target, at), sign))
    tables = tuple(_tables(rows, sha256_bytes(text.encode()), where))
    if not tables:
        raise ReferenceTableError(f"{where}: no edge in it; give a table with one regulator and target a line")
    return tables


def _tables(rows: dict[str, list[tuple[str, str, Sign]]], sha256: str, where: str) -> Iterator[RegulonTable]:
    for level, edges in rows.items():
        if any(regulator != target for regulator, target, _ in edges):
            # Of the file and the level: the file itself is no ancestor, or one level would leak into every other.
            source = Source(f"table:dorothea.{level}", digest([sha256, level]), (database(f"DoRothEA {level}"),))
            yield regulon_table(f"dorothea.{level}", source, where, edges)
