"""What every contrast can do, whatever the shape of its scores: the seam between nulls and the gates that use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.effects import Items
from theodolite.plans import NullName

__all__ = ["AnyContrast", "Drawable", "Reach"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Reach:
    """How far a null gets from the labels as they are, known without any score.

    Attributes
    ----------
    moved
        Mean share of member genes (reference pairs) that a draw replaces by others.
    log10_arrangements
        Log10 of the number of distinct arrangements, or a lower bound of it.
    """

    moved: float
    log10_arrangements: float


class Drawable(Protocol):
    """What has a statistic that nulls draw."""

    def draw(self, null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
        """Return the statistics of draws ``start`` to ``start + draws - 1`` of a null, shape (draws,)."""

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn statistics into the unit of the effect."""


class AnyContrast(Protocol):
    """A reference against the rest of its candidates, in adjusted scores that were ranked once.

    Genes have labels and scores of shape (n,), undirected pairs (n, n) symmetric, regulators and targets (r, t).
    """

    @property
    def names(self) -> tuple[NullName, ...]:
        """Nulls that it can draw."""

    @property
    def score(self) -> Floats:
        """Adjusted scores, in the shape of the labels."""

    @property
    def labels(self) -> Bools:
        """The reference."""

    @property
    def once(self) -> Bools:
        """Which labels are of candidates, each candidate once."""

    @property
    def items(self) -> Items:
        """The same contrast sorted for bootstrap AUROCs."""

    @property
    def candidates(self) -> int:
        """Genes or pairs that were ranked."""

    @property
    def size(self) -> int:
        """Genes or pairs of the reference."""

    def observed(self) -> float:
        """Return the rank sum of the reference as it is."""

    def draw(self, null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
        """Return the rank sums of draws ``start`` to ``start + draws - 1`` of a null, shape (draws,).

        Draw k is a function of (null, seed, k) and of the contrast alone.
        """

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn rank sums into AUROC - 0.5 (Mann and Whitney)."""

    def seed(self, null: NullName, root: int) -> int:
        """Return the seed of a null's draws under a plan's root seed."""

    def reach(self, null: NullName, seed: int) -> Reach:
        """Return how far a null gets from the labels, from its first draws where no formula is exact."""

    def margins(self, null: NullName, draws: int, seed: int) -> bool | None:
        """Return whether the first draws kept what the null holds fixed; None where nothing needs a check."""

    def replaced(self, score: Floats) -> Self:
        """Return the contrast of the same labels and nulls in other scores, which are already adjusted."""

    def relabelled(self, labels: Bools) -> Self:
        """Return the contrast of another reference in the same scores; nulls that depend on labels are made anew."""
