"""Lists of pairs that are made of others: of the members of sets, and of scored pairs by rising confidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from theodolite.data.references import Pair, Reference, member_pairs
from theodolite.sources import Source

__all__ = ["MOST_PAIRED", "TIERS", "confidence_tiers", "of_kind", "with_pairs"]

TIERS = 5
"""Lists that are made of scored pairs, each within the one before."""

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


def confidence_tiers(
    scored: Iterable[tuple[str, str, float]], *, name: str, origin: Source, tiers: int = TIERS
) -> tuple[Reference, ...]:
    """Return scored pairs as lists of rising confidence, each within the one before: all, then those above a quantile.

    A pair is so in as many of the lists as its confidence is high. A pair that is named twice has its larger score.

    Parameters
    ----------
    scored
        Two genes and a score, a pair.
    name
        What the ids begin with: ``name_tier1`` holds all.
    origin
        Where the scores are from.
    tiers
        How many lists.

    Raises
    ------
    ValueError
        If a score is no finite number, there are fewer pairs than lists, or so many equal scores that two lists would
        be one.
    """
    best: dict[Pair, float] = {}
    for first, second, score in scored:
        if not np.isfinite(score):
            raise ValueError(f"the score of {first} and {second} is {score!r}; give a finite number")
        pair = (min(first, second), max(first, second))
        best[pair] = max(float(score), best.get(pair, -np.inf))
    cuts = np.quantile(list(best.values()), np.arange(tiers) / tiers) if len(best) >= tiers else np.zeros(1)
    if len(set(cuts.tolist())) < tiers:
        raise ValueError(
            f"{len(best)} scored pairs with {len(set(best.values()))} different scores cannot be cut into {tiers} "
            "tiers; give more pairs, or lists of pairs of your own"
        )
    return tuple(
        Reference(
            id=f"{name}_tier{tier}",
            title=f"{name}, pairs with a score of {cut:.6g} or more",
            kind="pairs",
            members=tuple(pair for pair, score in best.items() if score >= cut),
            definition=f"a score of {cut!r} or more",
            origins=(origin,),
        )
        for tier, cut in enumerate(cuts.tolist(), start=1)
    )
