"""Orthologues: a reference of one species carried over to another, by genes that correspond one to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from theodolite.canonical import sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.columns import checked_gene, columns, delimiter_of, first_line
from theodolite.data.references import Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["Carried", "Orthologues", "carry", "read_orthologues"]

_NAMES = (
    ("source", "target"),
    ("Gene name", "Mouse gene name"),
    ("Gene name", "Human gene name"),
)
_TYPES = ("type", "Mouse homology type", "Human homology type")
_ONE_TO_ONE = "ortholog_one2one"


@dataclass(frozen=True, eq=False)
class Orthologues:
    """Genes of two species that correspond one to one.

    Attributes
    ----------
    target
        The gene of the other species by gene.
    dropped
        Number of genes of the first species that have several counterparts, or share theirs.
    source
        The table by content hash, and the database that it came from.
    """

    target: Mapping[str, str]
    dropped: int
    source: Source


@dataclass(frozen=True)
class Carried:
    """A reference in the genes of another species.

    Attributes
    ----------
    reference
        The reference, None where no member could be carried over.
    dropped
        Number of members with a gene that has no counterpart of its own.
    """

    reference: Reference | None
    dropped: int


def read_orthologues(text: str, *, where: str = "orthologues") -> Orthologues:
    """Read pairs of genes: ``source`` and ``target``, or *Gene name* and *Mouse gene name* as Ensembl BioMart has them.

    Genes of which the table says that they are no ``ortholog_one2one`` (``type``, *Mouse homology type*) are dropped,
    and so are those that it names with several counterparts, whatever it says of them. Rows without a counterpart count
    as nothing.

    Raises
    ------
    ReferenceTableError
        For missing columns, a date in place of a gene, and a table without one-to-one pairs.
    """
    delimiter = delimiter_of(text)
    header = [field.strip().strip('"') for field in first_line(text).split(delimiter)]
    names = next((two for two in _NAMES if set(two) <= set(header)), _NAMES[0])
    kind = next((name for name in _TYPES if name in header), None)
    pairs: set[tuple[str, str]] = set()
    several: set[str] = set()
    for number, (first, second, says) in columns(
        text, delimiter, (*names, kind or names[0]), where, empty=(*names, kind or names[0])
    ):
        if first and second:
            at = f"{where}:{number}"
            pair = (checked_gene(first, at), checked_gene(second, at))
            pairs.add(pair)
            if kind is not None and says != _ONE_TO_ONE:
                several.add(pair[0])
    here = Counter(first for first, _ in pairs)
    there = Counter(second for _, second in pairs)
    several.update(first for first, second in pairs if here[first] > 1 or there[second] > 1)
    target = {first: second for first, second in sorted(pairs) if first not in several}
    if not target:
        raise ReferenceTableError(
            f"{where}: no one-to-one pair in it ({len(several)} genes have several counterparts); give a table of two "
            "species' symbols"
        )
    source = Source("table:orthologues", sha256_bytes(text.encode()), (database("Ensembl Compara"),))
    return Orthologues(target, len(several), source)


def carry(reference: Reference, table: Orthologues) -> Carried:
    """Return a reference in the genes of the other species; a pair or edge needs a counterpart of both genes.

    The id stays, so that a campaign on other cells has the claims of the same name; content and origins say what was
    done.
    """
    to = table.target
    members: tuple[Any, ...] = tuple(
        to[member] if isinstance(member, str) else (to[member[0]], to[member[1]])
        for member in reference.members
        if all(gene in to for gene in ((member,) if isinstance(member, str) else member))
    )
    dropped = len(reference.members) - len(members)
    if not members:
        return Carried(None, dropped)
    carried = replace(
        reference,
        members=members,
        definition=f"{reference.definition}; by one-to-one orthologues, {dropped} of {len(reference.members)} left out",
        origins=(reference.source, table.source),
    )
    return Carried(carried, dropped)
