"""What a description is held against, as the job that describes is given it: references cut to some genes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from theodolite.canonical import canonical_json
from theodolite.data import Reference
from theodolite.sources import Source

__all__ = ["references_from_bytes", "references_to_bytes"]


def references_to_bytes(references: Iterable[Reference], genes: Collection[str]) -> bytes:
    """Serialise the part of references that lies within some genes; equal parts give equal bytes.

    A pair or an edge stays where both of its genes are among them. Every reference is named, also one that has no
    member there.

    Parameters
    ----------
    references
        The references.
    genes
        Those that may be told of.
    """
    known = frozenset(genes)
    return canonical_json(
        [
            {
                "id": reference.id,
                "title": reference.title,
                "kind": reference.kind,
                "definition": reference.definition,
                "sha256": reference.sha256,
                "members": [
                    member
                    for member in reference.members
                    if known.issuperset((member,) if isinstance(member, str) else member)
                ],
            }
            for reference in references
        ]
    ).encode()


def references_from_bytes(content: bytes) -> tuple[Reference, ...]:
    """Read references back from :func:`references_to_bytes`; those without a member there are left out.

    Each names the whole reference that it was cut from as its origin.
    """
    return tuple(_reference(item) for item in json.loads(content) if item["members"])


def _reference(item: dict[str, Any]) -> Reference:
    members: Any = tuple(member if isinstance(member, str) else tuple(member) for member in item["members"])
    origin = Source(name=f"reference:{item['id']}", sha256=item["sha256"])
    return Reference(item["id"], item["title"], item["kind"], members, item["definition"], (origin,))
