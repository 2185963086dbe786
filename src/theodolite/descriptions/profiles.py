"""What descriptions over layers share: a profile as a curve, references that may be absent, memory, and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from theodolite.analysis.geometry import NullResult
from theodolite.data import Reference
from theodolite.descriptions.subject import DescriptionError
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = [
    "HELD",
    "draws_bytes",
    "each_reference",
    "hardest",
    "largest_p",
    "p_in_words",
    "pairs_bytes",
    "profiles",
    "smallest",
    "vectors_bytes",
]

T = TypeVar("T")

HELD: Final = {
    "gene_labels": "labels of genes",
    "degree_strata": "numbers of partners",
    "family_block_swap": "families",
    "curveball": "numbers of edges",
    "stratified_labels": "levels of expression",
}
"""What each null controls, in the plural."""


def vectors_bytes(size: BenchSize, copies: float = 2.0) -> int:
    """Return the bytes of gene vectors of all layers in double precision, as often as they are there at once."""
    return int(copies * 8 * (size.shape.n_layers + 1) * size.genes * size.width)


def profiles(
    curves: Mapping[str, ArrayLike], *, unit: str, curve: str = "depth", x: ArrayLike | None = None
) -> CurveFit:
    """Return named series over the same places as one curve, a group a series.

    Parameters
    ----------
    curves
        Values by name, each (places,): at each layer where ``x`` is not given.
    unit, curve
        Of the values, and what they run over.
    x
        Shape (places,): the places; counted from 0 where not given.
    """
    values = {name: np.asarray(series, dtype=np.float64) for name, series in curves.items()}
    at = {name: np.arange(len(series)) if x is None else np.asarray(x) for name, series in values.items()}
    return CurveFit(
        x=np.concatenate(list(at.values())).astype(np.float64),
        y=np.concatenate(list(values.values())),
        groups=tuple(name for name, series in values.items() for _ in series),
        curve=curve,
        unit=unit,
    )


def each_reference(
    references: Sequence[Reference], describe: Callable[[Reference], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """Return what is seen of each reference by id, and by id why there is nothing to see of the others.

    Raises
    ------
    DescriptionError
        If there is nothing to see of any.
    """
    found: dict[str, T] = {}
    left_out: dict[str, str] = {}
    for reference in references:
        try:
            found[reference.id] = describe(reference)
        except ValueError as error:
            left_out[reference.id] = str(error)
    if not found:
        first = next(iter(left_out))
        more = f" (and {len(left_out) - 1} others)" if len(left_out) > 1 else ""
        raise DescriptionError(f"nothing can be said of the reference {first!r}{more}: {left_out[first]}")
    return found, left_out


def draws_bytes(size: BenchSize, draws: int, places: int = 1) -> int:
    """Return the bytes of drawn permutations of the genes, and of a statistic at so many places in each layer."""
    return 8 * draws * (size.genes + (size.shape.n_layers + 1) * places)


def pairs_bytes(size: BenchSize, each: int) -> int:
    """Return the bytes of so many a pair of regulator and gene; of any two genes where no regulators are known."""
    return each * (size.regulators or size.genes) * size.genes


def hardest(nulls: Sequence[NullResult]) -> NullResult | None:
    """Return the null with the largest p for the best place, of equal ones that with the least z; None if none moves.

    A null that moves nothing shows nothing, and is no hurdle: such as genes that change places with genes of like
    degree, where all members of the reference have one degree and nobody else has any.
    """
    moving = [null for null in nulls if null.moved > 0.0]
    return max(moving, key=lambda null: (null.p_any, -float(null.z.max())), default=None)


def largest_p(nulls: Sequence[NullResult]) -> float:
    """Return the p for the best place of the :func:`hardest` null; 1 where no null moves anything."""
    null = hardest(nulls)
    return 1.0 if null is None else null.p_any


def p_in_words(nulls: Sequence[NullResult], place: str | None = "layer", held: Mapping[str, str] = HELD) -> str:
    """Return the largest p over nulls in words, and what is not controlled because a null moves nothing.

    Parameters
    ----------
    nulls
        Of one statistic.
    place
        Over what the best was taken; None where there is one place.
    held
        What each null controls, in the plural; by its name where nothing is said of it.
    """
    moving = sum(null.moved > 0.0 for null in nulls)
    still = [null.null for null in nulls if not null.moved > 0.0]
    of = "" if place is None else f" for the best {place}"
    over = f"the largest over {moving} nulls" if moving > 1 else "of one null"
    said = f"p{of} is {largest_p(nulls):.2g}, {over}" if moving else "no null can give a p"
    if not still:
        return said
    what = " and ".join(held.get(name, f"labels of {name}") for name in still)
    move = "moves" if len(still) == 1 else "move"
    return f"{said}; {what} are not controlled here ({' and '.join(still)} {move} nothing)"


def smallest(
    found: Mapping[str, T],
    p: Callable[[T], float],
    draws: int,
    *,
    drawn: str = "draws",
    about: str | None = None,
    of: str = "reference",
    among: str = "them",
) -> tuple[str, str]:
    """Return which reference a sentence is about, and how it begins: of the one with the smallest p, or of a given one.

    Parameters
    ----------
    found
        What was seen of each, by id; of equal ones the first is returned.
    p
        The p of what was seen.
    draws, drawn
        Draws behind each p, none of which is below 1 / (1 + draws), and what they are.
    about
        Which one was picked in another model, whose sentence is about it; None for the smallest p. One of which nothing
        was seen leaves the smallest p too.
    of
        What is chosen among, one of them.
    among
        Over what a p is not corrected: the ids alone, or places besides.
    """
    values = {name: p(item) for name, item in found.items()}
    name = min(values, key=values.__getitem__)
    if len(values) == 1:
        return name, f"{of.capitalize()} {name!r}"
    if about in values:
        return about, f"{about!r}, which was picked of {len(values)} {of}s in the model beside it"
    equal = sum(value == values[name] for value in values.values())
    floor = f", the least that {draws} {drawn} can give" if values[name] <= 1.0 / (1.0 + draws) else ""
    uncorrected = f"before any correction for choosing among {among}"
    if equal > 1:
        shared = f"{equal} of {len(values)} {of}s share the smallest p ({values[name]:.2g}{floor})"
        return name, f"{shared}, {uncorrected}; the first of these is {name!r}"
    return name, f"{name!r} has the smallest p of {len(values)} {of}s{floor}, {uncorrected}"
