"""Ids of the references of a collection: names that a claim can bear, and no content twice."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from theodolite.canonical import digest
from theodolite.data.references import Reference
from theodolite.sources import Source

__all__ = ["LONGEST_ID", "Group", "by_label", "distinct", "ids_of", "sets_of"]

LONGEST_ID = 60
"""Letters of an id; a claim bears 80, and pairs and permutations of a reference add to its id."""
_HASH = 8


@dataclass(frozen=True)
class Group:
    """Genes under a label, such as a compartment or a cell type.

    Attributes
    ----------
    label
        What the table calls it, and in the id.
    title, definition
        As the reference says them.
    genes
        The members.
    """

    label: str
    title: str
    definition: str
    genes: Collection[str]


def ids_of(prefix: str, labels: Iterable[str]) -> Iterator[str]:
    """Yield an id for each label: the prefix, a dot, and the label with signs that a claim bears.

    An id that would be too long, or is that of an earlier label, ends in a hash of its label.
    """
    taken: set[str] = set()
    for label in labels:
        slug = re.sub(r"[^A-Za-z0-9_:.+]+", "-", label).strip("-.:+_")
        name = f"{prefix}.{slug}"
        if not slug or len(name) > LONGEST_ID or name in taken:
            name = f"{name[: LONGEST_ID - _HASH - 1].rstrip('-._:+')}-{digest(label)[:_HASH]}"
        taken.add(name)
        yield name


def sets_of(prefix: str, groups: Iterable[Group], origins: tuple[Source, ...]) -> tuple[Reference, ...]:
    """Return groups of genes as gene sets; of groups with the same genes the first only."""
    every = [group for group in groups if group.genes]
    return distinct(
        Reference(
            id=name,
            title=group.title,
            kind="set",
            members=tuple(sorted(group.genes)),
            definition=group.definition,
            origins=origins,
        )
        for name, group in zip(ids_of(prefix, (group.label for group in every)), every, strict=True)
    )


def distinct(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Return references without those that have the content of an earlier one."""
    by_content: dict[str, Reference] = {}
    for reference in references:
        by_content.setdefault(reference.sha256, reference)
    return tuple(by_content.values())


def by_label(rows: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Return genes by label, of rows of label and gene; labels in alphabetical order."""
    found: dict[str, set[str]] = {}
    for label, gene in rows:
        found.setdefault(label, set()).add(gene)
    return {label: found[label] for label in sorted(found)}
