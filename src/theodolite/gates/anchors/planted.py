"""A planted order of anchors: what the nulls would show of a latent space that follows the ruler by a known amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.anchors.panel import JudgedRows, null_draws
from theodolite.gates.evidence import exceeding
from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.distances import latent_distances, same_label
from theodolite.plans import NullName

__all__ = ["WORLDS", "PlantedOrder", "classical_coordinates", "planted_draws", "planted_order"]

Floats = NDArray[np.float64]

WORLDS: Final = 30
_LEAST_DRAWS: Final = 199
_PER_LEVEL: Final = 5.0
"""Draws, as a multiple of the level's reciprocal: four exceedances then still reach it. At 0.005 that is 999."""
_STEPS: Final = 14
_SOUGHT: Final = 10
"""Worlds in which the noise is sought; the average over all of them is what is on record."""
_RANGE: Final = (-2.0, 2.0)
"""Powers of ten between which the noise is sought, in standard deviations of the coordinates."""


@dataclass(frozen=True)
class PlantedOrder:
    """How often a planted order was found.

    Attributes
    ----------
    detected, worlds
        Worlds in which every null reached the level, of those that were tried.
    planted
        What was planted: the lesser of the correlations over all pairs and over those of one branch, on average.
    """

    detected: int
    worlds: int
    planted: float


def classical_coordinates(ruler: Floats, dimension: int) -> Floats:
    """Return coordinates (n, dimension) of classical scaling: what a latent space of so many dimensions can know."""
    n = len(ruler)
    centre = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ ruler**2 @ centre)
    kept = np.argsort(values)[::-1][:dimension]
    return np.asarray(vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0)))


def planted_draws(level: float, most: int) -> int:
    """Return the draws of each null in planted worlds: enough for the level with room to spare, never more than most.

    Five times the level's reciprocal, which is 999 at a level of 0.005 and fewer above it.
    """
    return min(most, max(_LEAST_DRAWS, ceil(_PER_LEVEL / level) - 1))


def planted_order(
    rows: JudgedRows,
    nulls: Sequence[NullName],
    *,
    effect: float,
    dimension: int,
    level: float,
    draws: int,
    seed: int,
) -> PlantedOrder:
    """Plant an order in latent coordinates, and count in how many of 30 worlds all nulls reach the level.

    Coordinates are those of classical scaling of the ruler with Gaussian noise, as much of it as leaves the lesser of
    both correlations, over all pairs and over those of one branch, at ``effect`` on average. Where so many dimensions
    cannot hold that much of the ruler, less is planted.

    Parameters
    ----------
    rows
        Rows that count.
    nulls
        Nulls to beat, all of them.
    effect
        Correlation to plant.
    dimension
        Latent dimensions.
    level
        p that every null must reach.
    draws
        Most draws of each null.
    seed
        Of noise and draws.
    """
    n = len(rows.ruler)
    true = classical_coordinates(rows.ruler, dimension)
    noise = np.random.default_rng(derive_seed(seed, "planted")).standard_normal((WORLDS, n, true.shape[1]))
    unit, inside = float(true.std()) or 1.0, same_label(rows.branch)

    def shown(power: float, worlds: int) -> tuple[list[Floats], float]:
        distances = [latent_distances(true + unit * 10.0**power * world) for world in noise[:worlds]]
        least = [
            min(value for value in (pair_spearman(distance, rows.ruler, pairs) for pairs in (None, inside))
                if value is not None)
            for distance in distances
        ]  # fmt: skip
        return distances, float(np.mean(least))

    low, high = _RANGE
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if shown(middle, _SOUGHT)[1] > effect else (low, middle)
    # The end at which at least the effect is left, or all that can be.
    distances, planted = shown(low, WORLDS)
    found = np.ones(WORLDS, dtype=np.bool_)
    count = planted_draws(level, draws)
    for null in nulls:
        observed, drawn = null_draws(rows, null, distances, count, derive_seed(seed, "planted draws"))
        beaten = exceeding(drawn, observed[:, None]).sum(axis=1)
        found &= (beaten + 1) / (count + 1) <= level
    return PlantedOrder(int(found.sum()), WORLDS, planted)
