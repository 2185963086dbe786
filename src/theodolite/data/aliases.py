"""Aliases and previous symbols of genes: a packaged table, and the tables that people have."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from theodolite.canonical import digest
from theodolite.data.counts import CellDataError, CellErrorCode

__all__ = ["AliasTable", "ensembl_id", "load_aliases", "read_aliases"]

PACKAGED = "packaged"
"""What stands for the packaged table where a path is asked for."""

_ENSEMBL = re.compile(r"(ENS[A-Z]*G\d{11})(?:\.\d+)?(?:_PAR_Y)?")
_VERSION = re.compile(r"#\s*version\s*[:=]?\s*([^\s;,]+)", re.IGNORECASE)
_PAIRS = ("alias", "symbol")
_HGNC = ("symbol", "prev_symbol", "alias_symbol")


def ensembl_id(name: str) -> str:
    """Return the Ensembl gene id in a name without its version, ``""`` where the name is none."""
    match = _ENSEMBL.fullmatch(name.strip())
    return match.group(1) if match else ""


@dataclass(frozen=True, eq=False)
class AliasTable:
    """Which symbol a gene has today.

    Attributes
    ----------
    current
        Symbol by earlier symbol, alias or Ensembl id; no key is the symbol of another gene.
    ensembl
        Ensembl id by symbol, of those the table knows.
    ambiguous
        Names that the table gives to several genes; they are left as they are.
    version
        The table's own version, ``unversioned`` where it names none.
    """

    current: Mapping[str, str]
    ensembl: Mapping[str, str]
    ambiguous: frozenset[str]
    version: str

    @cached_property
    def sha256(self) -> str:
        """Content hash of what it maps; comments and row order do not count."""
        return digest([dict(self.current), dict(self.ensembl)])


def read_aliases(text: str, *, where: str = "table") -> AliasTable:
    """Read a tab-separated table with a header.

    Either the columns ``alias`` and ``symbol`` (one alias a row), or those of the complete set of the HGNC: ``symbol``,
    ``prev_symbol`` and ``alias_symbol`` (several with ``|`` between them, in quotes or not) and, where there is one,
    ``ensembl_gene_id``. Other columns are passed over. A previous symbol counts before an alias. A name that is some
    gene's symbol today is no alias, and one that several genes have had is ambiguous. Lines that begin with ``#`` are
    comments; ``# version: 3`` names the version.

    Raises
    ------
    CellDataError
        ``bad_aliases``, naming line and value.
    """
    version = "unversioned"
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            match = _VERSION.match(line)
            version = match.group(1) if match else version
            lines.append("")
        else:
            lines.append(line)
    rows = _rows(lines, where)
    symbols: set[str] = set()
    ensembl: dict[str, str] = {}
    previous: dict[str, set[str]] = {}
    alias: dict[str, set[str]] = {}
    for symbol, earlier, others, found in rows:
        symbols.add(symbol)
        if found:
            ensembl[symbol] = found
        for name in earlier:
            previous.setdefault(name, set()).add(symbol)
        for name in others:
            alias.setdefault(name, set()).add(symbol)
    if not symbols:
        raise CellDataError(CellErrorCode.BAD_ALIASES, f"{where}: no gene in it; give one row a gene under the header")
    current: dict[str, str] = {}
    ambiguous: set[str] = set()
    for name in sorted(previous.keys() | alias.keys()):
        if name in symbols:
            continue
        targets = previous.get(name) or alias[name]
        if len(targets) == 1:
            current[name] = next(iter(targets))
        else:
            ambiguous.add(name)
    by_id: dict[str, set[str]] = {}
    for symbol, found in ensembl.items():
        by_id.setdefault(found, set()).add(symbol)
    current |= {found: min(genes) for found, genes in by_id.items() if len(genes) == 1}
    return AliasTable(current, ensembl, frozenset(ambiguous), version)


def _rows(lines: list[str], where: str) -> Iterator[tuple[str, list[str], list[str], str]]:
    reader = csv.reader(lines, delimiter="\t")
    header: list[str] | None = None
    for row in reader:
        if not any(field.strip() for field in row):
            continue
        fields = [field.strip() for field in row]
        if header is None:
            header = fields
            if not {*_PAIRS} <= {*header} and not {*_HGNC} <= {*header}:
                raise CellDataError(
                    CellErrorCode.BAD_ALIASES,
                    f"{where}:{reader.line_num}: the header is {header[:6]!r}; it names the columns "
                    f"{' and '.join(_PAIRS)}, or {', '.join(_HGNC)}, with tabs between them",
                )
            continue
        if len(fields) != len(header):
            raise CellDataError(
                CellErrorCode.BAD_ALIASES,
                f"{where}:{reader.line_num}: {len(fields)} fields where the header has {len(header)}",
            )
        said = dict(zip(header, fields, strict=True))
        symbol = said["symbol"]
        if not symbol or ("alias" in said and not said["alias"]):
            raise CellDataError(CellErrorCode.BAD_ALIASES, f"{where}:{reader.line_num}: a name is empty in {fields!r}")
        found = said.get("ensembl_gene_id", "")
        if found and not ensembl_id(found):
            raise CellDataError(
                CellErrorCode.BAD_ALIASES, f"{where}:{reader.line_num}: {found!r} is no Ensembl gene id"
            )
        if "alias" in said:
            yield symbol, [said["alias"]], [], ensembl_id(found)
        else:
            yield symbol, _several(said["prev_symbol"]), _several(said["alias_symbol"]), ensembl_id(found)


def _several(field: str) -> list[str]:
    return [name.strip() for name in field.strip('"').split("|") if name.strip()]


def load_aliases(name: str | Path) -> AliasTable:
    """Read the packaged table (``packaged``) or a file; see :func:`read_aliases`.

    Raises
    ------
    CellDataError
        ``missing_file`` or ``bad_aliases``.
    """
    if str(name) == PACKAGED:
        packaged = files("theodolite.data").joinpath("tables", "gene_aliases.tsv")
        return read_aliases(packaged.read_text(encoding="utf-8"), where="gene_aliases.tsv")
    path = Path(name)
    if not path.is_file():
        raise CellDataError(
            CellErrorCode.MISSING_FILE, f"aliases are {str(name)!r}: neither {PACKAGED!r} nor a file that exists"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CellDataError(CellErrorCode.BAD_ALIASES, f"{str(path)!r} is no text in UTF-8 ({error})") from error
    try:
        return read_aliases(text, where=str(path))
    except csv.Error as error:
        raise CellDataError(CellErrorCode.BAD_ALIASES, f"{str(path)!r} is no table ({error})") from error
