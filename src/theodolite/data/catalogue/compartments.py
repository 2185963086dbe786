"""Compartments of proteins by the Human Protein Atlas, their levels of reliability kept apart."""

from __future__ import annotations

from collections.abc import Iterator

from theodolite.canonical import sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.catalogue.naming import Group, by_label, sets_of
from theodolite.data.columns import checked_gene, columns, first_line
from theodolite.data.references import Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["RELIABLE", "read_compartments"]

RELIABLE = ("Enhanced", "Validated", "Supported", "Approved")
"""Levels from the best; ``Validated`` is what the atlas called ``Enhanced`` before 2018. ``Uncertain`` is dropped."""
_UNCERTAIN = "Uncertain"


def read_compartments(text: str, *, where: str = "HPA", uncertain: bool = False) -> tuple[Reference, ...]:
    """Read ``subcellular_location.tsv``, of which each column of reliability lists compartments with ``;`` between.

    The level of a compartment counts, not the one that the file gives to the gene as a whole.

    Parameters
    ----------
    text, where
        The file, and what errors call it.
    uncertain
        Whether to make sets of the uncertain compartments too, each by itself; they enter no other set.

    Returns
    -------
    tuple of Reference
        For each compartment a set of all reliable levels, ``hpa.Mitochondria``, then one of each level that differs
        from it, ``hpa.Mitochondria.supported``.

    Raises
    ------
    ReferenceTableError
        For a missing column, a compartment of a gene without symbol, an empty compartment, and a file without any.
    """
    header = [field.strip() for field in first_line(text).split("\t")]
    named = [level for level in (*RELIABLE, _UNCERTAIN) if level in header]
    levels = named or [RELIABLE[-1]]  # the missing column is told by its name
    rows: dict[str, list[tuple[str, str]]] = {level: [] for level in levels}
    for number, (symbol, *cells) in columns(text, "\t", ("Gene name", *levels), where, empty=("Gene name", *levels)):
        at = f"{where}:{number}"
        for level, cell in zip(levels, cells, strict=True):
            for place in cell.split(";") if cell else ():
                if not place.strip():
                    raise ReferenceTableError(f"{at}: {cell!r} has an empty compartment; they have one ; between them")
                rows[level].append((place.strip(), checked_gene(symbol, at)))
    groups = tuple(_groups(rows, uncertain))
    if not groups:
        raise ReferenceTableError(f"{where}: no compartment in it of a level {', '.join(RELIABLE)}")
    origin = Source("table:hpa", sha256_bytes(text.encode()), (database("Human Protein Atlas"),))
    return sets_of("hpa", groups, (origin,))


def _groups(rows: dict[str, list[tuple[str, str]]], uncertain: bool) -> Iterator[Group]:
    reliable = [level for level in rows if level != _UNCERTAIN]
    words = ", ".join(level.lower() for level in reliable)
    by_level = {level: by_label(found) for level, found in rows.items()}
    for place, genes in by_label(row for level in reliable for row in rows[level]).items():
        yield Group(place, f"{place} proteins", f"proteins in {place} by the Human Protein Atlas: {words}", genes)
        for level in reliable:
            yield _of_level(place, level, by_level[level].get(place, set()))
    if uncertain:
        for place, genes in by_level.get(_UNCERTAIN, {}).items():
            yield _of_level(place, _UNCERTAIN, genes)


def _of_level(place: str, level: str, genes: set[str]) -> Group:
    return Group(
        f"{place}.{level.lower()}",
        f"{place} proteins, {level.lower()}",
        f"proteins in {place} by the Human Protein Atlas, each of reliability {level}",
        genes,
    )
