"""Pairs of the members of sets, wherever pairs are asked for and sets are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from theodolite.data.references import Reference, member_pairs

__all__ = ["MOST_PAIRED", "of_kind", "with_pairs"]

MOST_PAIRED = 200
"""Members of the largest set of a collection of which pair claims are made."""


def with_pairs(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Return references, and after them the pairs inside each set, of which pair claims are made.

    A set that names sizes, one of a collection, makes pairs up to :data:`MOST_PAIRED` members: a broad term of GO would
    make millions.
    """
    every = tuple(references)
    paired = [
        reference
        for reference in every
        if reference.kind == "set" and (reference.sizes is None or len(reference.members) <= MOST_PAIRED)
    ]
    return (*every, *map(member_pairs, paired))


def of_kind(references: Sequence[Reference], *kinds: str) -> tuple[Reference, ...]:
    """Return the references of some kinds; where these are ``pairs``, with the pairs of the members of sets.

    A set that stands alone makes pairs whatever its size, one of several as in :func:`with_pairs`.
    """
    given = tuple(references)
    if "pairs" in kinds:
        sets = [item for item in given if item.kind == "set"]
        paired = map(member_pairs, sets) if len(sets) == 1 else with_pairs(given)
        given = tuple({item.id: item for item in (*given, *paired)}.values())
    return tuple(item for item in given if item.kind in kinds)
