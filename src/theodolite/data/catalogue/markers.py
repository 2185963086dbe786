"""Markers of cell types by PanglaoDB (Franzén et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from theodolite.canonical import sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.catalogue.naming import Group, by_label, sets_of
from theodolite.data.columns import checked_gene, columns
from theodolite.data.references import Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["read_markers"]

_COLUMNS = ("species", "official gene symbol", "cell type", "canonical marker")
_SPECIES = {"human": "Hs", "mouse": "Mm"}
_NO_SPECIES = ("None", "NA", "4")
"""What the published table has in place of a species in some 30 rows, which are dropped."""
_CANONICAL = ("0", "1", "NA", "")


def read_markers(
    text: str,
    *,
    where: str = "PanglaoDB",
    species: Literal["human", "mouse"] = "human",
) -> tuple[Reference, ...]:
    """Read the markers of one species; symbols are those of human genes for both.

    Returns
    -------
    tuple of Reference
        For each cell type a set of all its markers, ``panglaodb.T-cells``, and one of those that are canonical,
        ``panglaodb.T-cells.canonical``, where it differs. Rows that name no species are dropped.

    Raises
    ------
    ReferenceTableError
        For a missing column, an empty field, another species or flag than the table knows, and a table without markers
        of the species.
    """
    rows: list[tuple[str, str]] = []
    canonical: list[tuple[str, str]] = []
    for number, (kinds, symbol, label, flag) in columns(text, "\t", _COLUMNS, where, empty=("canonical marker",)):
        at = f"{where}:{number}"
        found = set(kinds.split())
        if not found <= {*_SPECIES.values(), *_NO_SPECIES}:
            raise ReferenceTableError(f"{at}: species {kinds!r} is not made of Hs and Mm, and not None")
        if flag not in _CANONICAL:
            raise ReferenceTableError(f"{at}: the flag canonical marker of {symbol} is {flag!r}; it is 1, 0 or NA")
        gene = checked_gene(symbol, at)
        if _SPECIES[species] in found:
            rows.append((label, gene))
            if flag == "1":
                canonical.append((label, gene))
    if not rows:
        raise ReferenceTableError(f"{where}: no {species} marker in it; such a row has {_SPECIES[species]} in species")
    origin = Source("table:panglaodb", sha256_bytes(text.encode()), (database("PanglaoDB"),))
    return sets_of("panglaodb", _groups(rows, canonical, species), (origin,))


def _groups(rows: list[tuple[str, str]], canonical: list[tuple[str, str]], species: str) -> Iterator[Group]:
    narrow = by_label(canonical)
    for label, genes in by_label(rows).items():
        yield Group(label, f"{label} markers", f"every {species} marker of {label} in PanglaoDB", genes)
        yield Group(
            f"{label}.canonical",
            f"{label} canonical markers",
            f"{species} markers of {label} that PanglaoDB flags as canonical",
            narrow.get(label, set()),
        )
