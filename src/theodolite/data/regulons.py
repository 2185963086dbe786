"""Regulons from published tables: who regulates whom, in which direction, and by which kind of DNA-binding domain.

TRRUST v2 (Han et al. 2018) names a mode for each edge, CollecTRI (Müller-Dott et al. 2023) a sign, and the catalogue
of Lambert et al. (2018) the DNA-binding domain of each transcription factor. The tables have terms of their own and are
not part of the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from theodolite.canonical import digest, sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.columns import checked_gene, columns, delimiter_of, first_line, lines
from theodolite.data.references import Pair, Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = [
    "RegulonTable",
    "Sign",
    "read_collectri",
    "read_tf_classes",
    "read_trrust",
    "regulon_references",
    "regulon_table",
]

Sign = Literal["activation", "repression", "unknown"]
_SIGNS: tuple[Sign, ...] = ("activation", "repression", "unknown")

_TRRUST_HEADER = ("Gene1", "Gene2", "Mode_of_Regulation", "PMID")
_TRRUST_MODES: Mapping[str, Sign] = {"Activation": "activation", "Repression": "repression", "Unknown": "unknown"}
_COLLECTRI_COLUMNS = ("source", "target", "weight")
_COLLECTRI_SIGNS: Mapping[str, Sign] = {"1": "activation", "-1": "repression"}
_CLASS_COLUMNS = ("symbol", "dbd", "is_tf")
_CLASS_COLUMNS_AS_PUBLISHED = ("HGNC symbol", "DBD", "Is TF?")


@dataclass(frozen=True, eq=False)
class RegulonTable:
    """Signed edges from regulators to targets.

    Attributes
    ----------
    name
        Short name of the table, such as ``trrust``; begins the ids of its references.
    signs
        What the table says of each (regulator, target): ``activation`` or ``repression`` where its rows agree,
        ``unknown`` where they name no sign or both.
    loops
        Genes that the table says regulate themselves. These are no edges: a gene is no candidate partner of itself.
    source
        The table as a source, by content hash, and the databases that it was made from.
    """

    name: str
    signs: Mapping[Pair, Sign]
    loops: tuple[str, ...]
    source: Source


def regulon_table(name: str, source: Source, where: str, rows: Iterable[tuple[str, str, Sign]]) -> RegulonTable:
    """Return rows of regulator, target and sign as a table.

    Raises
    ------
    ReferenceTableError
        If no row is an edge.
    """
    said: dict[Pair, set[Sign]] = {}
    loops: set[str] = set()
    for regulator, target, sign in rows:
        if regulator == target:
            loops.add(regulator)
        else:
            said.setdefault((regulator, target), set()).add(sign)
    if not said:
        raise ReferenceTableError(f"{where}: no edge in it; give a table with one regulator and target a line")
    signs: dict[Pair, Sign] = {}
    for edge, found in sorted(said.items()):
        known = found - {"unknown"}
        signs[edge] = known.pop() if len(known) == 1 else "unknown"
    return RegulonTable(name, signs, tuple(sorted(loops)), source)


def read_trrust(text: str, *, where: str = "TRRUST") -> RegulonTable:
    """Read the tab-separated table of TRRUST: regulator, target, mode, PubMed ids; with or without a header line.

    Raises
    ------
    ReferenceTableError
        Naming line and value, for a row without four filled columns or with another mode than ``Activation``,
        ``Repression`` or ``Unknown``, and for a table without edges.
    """
    source = Source("table:trrust", sha256_bytes(text.encode()), (database("TRRUST"),))
    return regulon_table("trrust", source, where, _trrust_rows(text, where))


def _trrust_rows(text: str, where: str) -> Iterator[tuple[str, str, Sign]]:
    for number, line in lines(text):
        row = tuple(field.strip() for field in line.split("\t"))
        if not line.strip() or (number == 1 and row == _TRRUST_HEADER):
            continue
        if len(row) != len(_TRRUST_HEADER) or not all(row):
            raise ReferenceTableError(
                f"{where}:{number}: {line!r} is not four filled columns with tabs between them; "
                f"these are {', '.join(_TRRUST_HEADER)}"
            )
        regulator, target, mode, _ = row
        if mode not in _TRRUST_MODES:
            raise ReferenceTableError(
                f"{where}:{number}: mode {mode!r} of {regulator} and {target} is none of {', '.join(_TRRUST_MODES)}; "
                f"a header line, if there is one, reads {' '.join(_TRRUST_HEADER)}"
            )
        at = f"{where}:{number}"
        yield checked_gene(regulator, at), checked_gene(target, at), _TRRUST_MODES[mode]


def read_collectri(text: str, *, where: str = "CollecTRI") -> RegulonTable:
    """Read the comma-separated table of CollecTRI, with the columns ``source``, ``target`` and ``weight`` among others.

    Raises
    ------
    ReferenceTableError
        Naming line and value, for a missing column, an empty field, or a weight that is neither 1 nor -1, and for a
        table without edges.
    """
    source = Source("table:collectri", sha256_bytes(text.encode()), (database("CollecTRI"),))
    return regulon_table("collectri", source, where, _collectri_rows(text, where))


def _collectri_rows(text: str, where: str) -> Iterator[tuple[str, str, Sign]]:
    for number, (regulator, target, weight) in columns(text, ",", _COLLECTRI_COLUMNS, where):
        if weight.removesuffix(".0") not in _COLLECTRI_SIGNS:
            raise ReferenceTableError(
                f"{where}:{number}: weight {weight!r} of {regulator} and {target} is no sign; it is 1 or -1"
            )
        at = f"{where}:{number}"
        yield checked_gene(regulator, at), checked_gene(target, at), _COLLECTRI_SIGNS[weight.removesuffix(".0")]


def read_tf_classes(text: str, *, where: str = "TF classes") -> dict[str, tuple[str, ...]]:
    """Read the DNA-binding classes of human transcription factors from the columns ``symbol``, ``dbd`` and ``is_tf``.

    The extract that the authors publish, with the columns *HGNC symbol*, *DBD* and *Is TF?*, is read too.

    Returns
    -------
    dict
        The classes of each gene whose ``is_tf`` is ``Yes``: one, two (``C2H2 ZF; Homeodomain``), or none where the
        domain is ``Unknown``. Genes that the catalogue decided are no transcription factors are left out.

    Raises
    ------
    ReferenceTableError
        Naming line and value, for a missing column, an empty field, another answer than ``Yes`` or ``No``, a repeated
        gene, and for a table without transcription factors.
    """
    classes: dict[str, tuple[str, ...]] = {}
    seen: dict[str, int] = {}
    published = all(column in first_line(text) for column in _CLASS_COLUMNS_AS_PUBLISHED)
    wanted = _CLASS_COLUMNS_AS_PUBLISHED if published else _CLASS_COLUMNS
    for number, (symbol, dbd, answer) in columns(text, delimiter_of(text) if published else "\t", wanted, where):
        if answer not in ("Yes", "No"):
            raise ReferenceTableError(f"{where}:{number}: is_tf of {symbol} is {answer!r}; it is 'Yes' or 'No'")
        if symbol in seen:
            raise ReferenceTableError(
                f"{where}:{number}: {symbol!r} is named on line {seen[symbol]} too; a gene has one row"
            )
        seen[symbol] = number
        checked_gene(symbol, f"{where}:{number}")
        if answer == "Yes":
            classes[symbol] = tuple(
                part.strip() for part in dbd.split(";") if part.strip() and part.strip() != "Unknown"
            )
    if not classes:
        raise ReferenceTableError(f"{where}: no gene in it is a transcription factor; is_tf says 'Yes' of such a gene")
    return classes


def regulon_references(
    table: RegulonTable, classes: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Reference, ...]:
    """Return a table as references: whole, by sign, by class of the regulator, and by both.

    Parameters
    ----------
    table
        The edges.
    classes
        DNA-binding classes by gene, as :func:`read_tf_classes` returns them; no subsets by class without.

    Returns
    -------
    tuple of Reference
        Under ids such as ``trrust``, ``trrust.repression``, ``trrust.bHLH`` and ``trrust.bHLH.repression``. A subset
        that is empty, or equal to one that came before it, is left out, so that no two have the same content.
    """
    known = classes or {}
    kinds = sorted({kind for found in known.values() for kind in found}, key=lambda kind: (kind.lower(), kind))
    by_content: dict[str, Reference] = {}
    for kind in (None, *kinds):
        edges = [edge for edge in table.signs if kind is None or kind in known.get(edge[0], ())]
        for sign in (None, *_SIGNS):
            members = tuple(edge for edge in edges if sign in (None, table.signs[edge]))
            if members:
                reference = _reference(table, members, kind, sign, known)
                by_content.setdefault(reference.sha256, reference)
    return tuple(by_content.values())


def _reference(
    table: RegulonTable,
    members: tuple[Pair, ...],
    kind: str | None,
    sign: Sign | None,
    classes: Mapping[str, tuple[str, ...]],
) -> Reference:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", kind).strip("-") if kind else None
    words = {None: "edges", "activation": "activating edges", "repression": "repressing edges"}
    what = words.get(sign, "edges without a sign")
    return Reference(
        id=".".join(part for part in (table.name, slug, sign) if part),
        title=f"{table.name} {what}" + (f" of {kind} factors" if kind else ""),
        kind="regulon",
        members=members,
        definition=f"every one of the {what} of {table.name}"
        + (f" whose regulator has the DNA-binding domain {kind!r}" if kind else ""),
        origins=(table.source, *((Source("table:DNA-binding classes", digest(dict(classes))),) if kind else ())),
    )
