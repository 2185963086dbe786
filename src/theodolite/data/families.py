"""Gene families: clusters of paralogues, the unit that gene claims generalise over and that a split keeps whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from theodolite.canonical import digest
from theodolite.data.references import ReferenceTableError

__all__ = ["FamilyTableError", "GeneFamilies", "load_families", "read_families"]

_HEADER = ("gene", "family")
_VERSION = re.compile(r"#\s*version\s*[:=]?\s*([^\s;,]+)", re.IGNORECASE)


class FamilyTableError(ReferenceTableError):
    """A table of gene families that cannot be read; the message names file and line."""


@dataclass(frozen=True, eq=False)
class GeneFamilies:
    """The family of each gene.

    Attributes
    ----------
    family
        Family by gene. A gene without paralogues is a family of its own, named in the table like any other.
    version
        The table's own version, ``unversioned`` where it names none.
    """

    family: Mapping[str, str]
    version: str

    @cached_property
    def sha256(self) -> str:
        """Content hash of the mapping; comments and row order do not count."""
        return digest(dict(self.family))

    def of(self, genes: Iterable[str]) -> tuple[str | None, ...]:
        """Return the family of each gene, None where the table has no entry."""
        return tuple(self.family.get(gene) for gene in genes)


def read_families(text: str, *, where: str = "table") -> GeneFamilies:
    """Read a tab-separated table of two columns, ``gene`` and ``family``.

    Lines that begin with ``#`` are comments; ``# version: 3`` names the version.

    Raises
    ------
    FamilyTableError
        For a missing header, a row without two filled columns, or a repeated gene.
    """
    family: dict[str, str] = {}
    line_of: dict[str, int] = {}
    version = "unversioned"
    header_seen = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            if (match := _VERSION.match(line)) is not None:
                version = match.group(1)
            continue
        if not line.strip():
            continue
        row = tuple(field.strip() for field in line.split("\t"))
        if not header_seen:
            if row != _HEADER:
                raise FamilyTableError(f"{where}:{number}: the header is {line!r}, expected 'gene<tab>family'")
            header_seen = True
            continue
        if len(row) != 2 or not all(row):
            raise FamilyTableError(f"{where}:{number}: {line!r} is not a gene and a family with a tab between them")
        gene, name = row
        if gene in family:
            raise FamilyTableError(
                f"{where}:{number}: gene {gene!r} is in family {name!r} here and in {family[gene]!r} on line "
                f"{line_of[gene]}; a gene has one family"
            )
        family[gene] = name
        line_of[gene] = number
    if not family:
        raise FamilyTableError(f"{where}: no gene in it; expected a header 'gene<tab>family' and one row a gene")
    return GeneFamilies(family, version)


def load_families(path: str | Path | None = None) -> GeneFamilies:
    """Read a table of gene families: the packaged one, or a file of the same format.

    Raises
    ------
    FamilyTableError
        If the table cannot be read; see :func:`read_families`.
    """
    if path is None:
        packaged = files("theodolite.data").joinpath("tables", "gene_families.tsv")
        return read_families(packaged.read_text(encoding="utf-8"), where="gene_families.tsv")
    return read_families(Path(path).read_text(encoding="utf-8"), where=str(path))
