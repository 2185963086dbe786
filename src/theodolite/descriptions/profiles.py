"""What descriptions over layers share: a profile as a curve, references that may be absent, memory, and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from theodolite.analysis.geometry import NullResult
from theodolite.data import Reference
from theodolite.descriptions.subject import DescriptionError
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = [
    "draws_bytes",
    "each_reference",
    "largest_p",
    "p_in_words",
    "pairs_bytes",
    "profiles",
    "smallest",
    "vectors_bytes",
]

T = TypeVar("T")


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


def largest_p(nulls: Sequence[NullResult]) -> float:
    """Return the largest over nulls of the p for the best place; 1 where no null moves anything.

    A null that moves nothing shows nothing, and is no hurdle: such as genes that change places with genes of like
    degree, where all members of the reference have one degree and nobody else has any.
    """
    return max((null.p_any for null in nulls if null.moved > 0.0), default=1.0)


def p_in_words(nulls: Sequence[NullResult], place: str | None = "layer") -> str:
    """Return the largest p over nulls in words, and which nulls move nothing; ``place`` is None where there is one."""
    still = [null.null for null in nulls if not null.moved > 0.0]
    but = f" ({', '.join(still)} moves nothing here)" if still else ""
    of = "" if place is None else f" for the best {place}"
    return f"p{of} is {largest_p(nulls):.2g}, the largest over {len(nulls) - len(still)} nulls{but}"


def smallest(found: Mapping[str, T], p: Callable[[T], float]) -> tuple[str, str]:
    """Return which reference has the smallest p, and how a sentence about it begins."""
    name = min(found, key=lambda item: p(found[item]))
    return name, f"Reference {name!r}" if len(found) == 1 else f"Of {len(found)} references {name!r} has the smallest p"
