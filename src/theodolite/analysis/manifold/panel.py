"""Panels: what a manifold search reads of some anchors, and their split into donors to search and to judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.canonical import digest, sha256_bytes
from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.dimension import LEAST_DONORS
from theodolite.manifolds.distances import checked_distances

__all__ = ["Panel", "PanelSplit", "panel", "split_by_donor"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Panel:
    """Anchors with their features, rulers and labels; made by :func:`panel`, which checks them.

    Attributes
    ----------
    layers
        Features of each place in the model, such as the residual stream after a block; shape (n, width) each. Drifts
        are taken between neighbours in this order.
    rulers
        Shape (n, n) each.
    expression
        Shape (n, genes): what the model was given, for the baselines.
    static
        Shape (n, width): the model's gene vectors without the model
        (:func:`theodolite.analysis.manifold.static_features`), or None where there are none.
    donors, branches, depths, blocks
        Labels, n each. Blocks are what rows are exchangeable within, such as donor and tissue.
    tips
        Branches that are held out in turn. A trunk is none.
    """

    layers: Mapping[str, Floats]
    rulers: Mapping[str, Floats]
    expression: Floats
    static: Floats | None
    donors: tuple[str, ...]
    branches: tuple[str, ...]
    depths: tuple[str, ...]
    blocks: tuple[str, ...]
    tips: tuple[str, ...]

    def part(self, chosen: Bools) -> Panel:
        """Return the panel of some rows, shape (n,)."""

        def labels(values: Sequence[str]) -> tuple[str, ...]:
            return tuple(value for value, taken in zip(values, chosen, strict=True) if taken)

        return Panel(
            layers={name: rows[chosen] for name, rows in self.layers.items()},
            rulers={name: ruler[np.ix_(chosen, chosen)] for name, ruler in self.rulers.items()},
            expression=self.expression[chosen],
            static=None if self.static is None else self.static[chosen],
            donors=labels(self.donors),
            branches=labels(self.branches),
            depths=labels(self.depths),
            blocks=labels(self.blocks),
            tips=self.tips,
        )

    @cached_property
    def sha256(self) -> str:
        """Content hash of everything."""

        def hashed(array: Floats | None) -> list[object] | None:
            return None if array is None else [list(array.shape), sha256_bytes(np.ascontiguousarray(array).tobytes())]

        return digest(
            {
                # The order of layers decides what a drift is.
                "layers": [[name, hashed(rows)] for name, rows in self.layers.items()],
                "rulers": {name: hashed(ruler) for name, ruler in self.rulers.items()},
                "expression": hashed(self.expression),
                "static": hashed(self.static),
                "labels": [self.donors, self.branches, self.depths, self.blocks, self.tips],
            }
        )


def panel(
    layers: Mapping[str, ArrayLike],
    rulers: Mapping[str, ArrayLike],
    expression: ArrayLike,
    *,
    donors: Sequence[str],
    branches: Sequence[str],
    depths: Sequence[object],
    tips: Sequence[str],
    blocks: Sequence[str] | None = None,
    static: ArrayLike | None = None,
) -> Panel:
    """Check and return a panel; see :class:`Panel` for what is what.

    Parameters
    ----------
    layers, rulers, expression, static
        Arrays of the same n rows.
    donors, branches, tips
        Labels of rows, and the branches to hold out.
    depths
        Distance of each row from the root, of which only equality counts.
    blocks
        The donors where None.

    Raises
    ------
    ValueError
        If there is no layer or ruler, numbers are not finite, lengths differ, or a tip is no branch.
    """
    n = len(donors)
    if not layers or not rulers:
        raise ValueError(
            f"{len(layers)} layers and {len(rulers)} rulers are nothing to search; give one of each or more"
        )

    def matrix(what: str, values: ArrayLike) -> Floats:
        array = np.array(values, dtype=np.float64)
        if array.ndim != 2 or len(array) != n or not np.isfinite(array).all():
            raise ValueError(f"{what} of shape {array.shape} must be a matrix ({n}, width) of finite numbers")
        return array

    labels = {"branches": tuple(branches), "depths": tuple(map(str, depths)), "blocks": tuple(blocks or donors)}
    if wrong := [f"{len(values)} {name}" for name, values in labels.items() if len(values) != n]:
        raise ValueError(f"{', '.join(wrong)} for {n} rows; give one for each row")
    if missing := [name for name in tips if name not in branches]:
        raise ValueError(f"no row has the branch {', '.join(map(repr, missing))}; there are {sorted(set(branches))}")
    if len(tips) < 2 or len(set(tips)) < len(tips):
        raise ValueError(f"the branches to hold out are {list(tips)!r}; name two or more, each once")
    return Panel(
        layers={name: matrix(f"the layer {name!r}", rows) for name, rows in layers.items()},
        rulers={name: checked_distances(f"distances of {name!r}", ruler, n) for name, ruler in rulers.items()},
        expression=matrix("expression", expression),
        static=None if static is None else matrix("static features", static),
        donors=tuple(donors),
        tips=tuple(tips),
        **labels,
    )


@dataclass(frozen=True, eq=False)
class PanelSplit:
    """A panel whose donors are divided in two.

    Attributes
    ----------
    whole
        All rows.
    seen
        Shape (n,): rows of discovery donors, which a search reads and the locked candidate is fitted on.

    Raises
    ------
    ValueError
        If a side has fewer than :data:`~theodolite.gates.anchors.margin.LEAST_DONORS` donors, a donor is on both,
        or a branch that is to be held out is missing from one.
    """

    whole: Panel
    seen: Bools

    def __post_init__(self) -> None:
        sides: list[set[str]] = []
        for side, chosen in (("discovery", self.seen), ("confirmation", ~self.seen)):
            rows = np.flatnonzero(chosen)
            sides.append({self.whole.donors[row] for row in rows})
            if len(sides[-1]) < LEAST_DONORS:
                raise ValueError(
                    f"{len(sides[-1])} donors for {side}; give {LEAST_DONORS} or more to each side, {2 * LEAST_DONORS} "
                    "in all"
                )
            branches = {self.whole.branches[row] for row in rows}
            if missing := [name for name in self.whole.tips if name not in branches]:
                raise ValueError(
                    f"no {side} donor has rows of {', '.join(missing)}; leave these out of the branches to hold out, "
                    "or split with another seed"
                )
        if both := sorted(sides[0] & sides[1]):
            raise ValueError(f"the donors {', '.join(both[:5])} are on both sides; put all rows of a donor on one")

    @cached_property
    def discovery(self) -> Panel:
        """What a search may read: it has no row of another donor."""
        return self.whole.part(self.seen)


def split_by_donor(whole: Panel, *, share: float = 0.5, seed: int = 0) -> PanelSplit:
    """Divide donors at random.

    Parameters
    ----------
    whole
        All rows.
    share
        Of the donors that a search reads, rounded.
    seed
        Of the draw, which depends on the names of the donors and on nothing that was measured.

    Raises
    ------
    ValueError
        If a side has too few donors, or lacks a branch.
    """
    names = sorted(set(whole.donors))
    draw = np.random.default_rng(derive_seed(seed, "discovery donors"))
    chosen = {names[place] for place in draw.permutation(len(names))[: round(share * len(names))]}
    return PanelSplit(whole, np.array([name in chosen for name in whole.donors], dtype=np.bool_))
