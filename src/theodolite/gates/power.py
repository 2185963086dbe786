"""Power without looking: the spread of the statistic under the nulls, from random scores in place of the observed ones.

Called before registration, when no confirmatory score exists. Random scores share part of their variance within a
homology family, as paralogues do, so that the family null has the spread it will have in the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Relation
from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs, null_effects
from theodolite.gates.standins import random_regulation
from theodolite.measurements.centring import double_centred_bipartite
from theodolite.plans import NullName

__all__ = [
    "FAMILY_SHARE",
    "POWER",
    "blinded_spread_bipartite",
    "blinded_spread_pairs",
    "blinded_spread_set",
    "minimum_detectable_effect",
    "power_asked",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

POWER = 0.90
FAMILY_SHARE = 0.5
"""Share of the variance of a random score that genes of a family have in common."""
_WORLDS = 8
_DRAWS = 500
_WINDOW = 3


def minimum_detectable_effect(spread: float, alpha: float, power: float = POWER) -> float:
    """Return the effect that a one-sided test at ``alpha`` finds with ``power``: ``(z_(1-alpha) + z_power) * spread``.

    Parameters
    ----------
    spread
        Standard deviation of the effect under the null, in the effect's unit.
    alpha, power
        Between 0 and 1.
    """
    normal = NormalDist()
    return (normal.inv_cdf(1.0 - alpha) + normal.inv_cdf(power)) * spread


def power_asked(relation: Relation | None = None) -> float:
    """Return the power that each one-sided test of a claim needs, None standing for any claim of an effect.

    A claim of no effect takes two. They fail together with at most the sum of their chances, so that each is asked for
    half of what may be missed.
    """
    return 1.0 - (1.0 - POWER) / 2.0 if relation is not None and relation.of_no_effect else POWER


def _random_rows(families: Sequence[str], width: int, rng: np.random.Generator) -> Floats:
    """Return Gaussian rows of unit variance, shape (n, width), correlated by FAMILY_SHARE within families."""
    names, family = np.unique(np.array(families), return_inverse=True)
    shared = rng.standard_normal((len(names), width))[family]
    own = rng.standard_normal((len(families), width))
    return np.asarray(FAMILY_SHARE**0.5 * shared + (1.0 - FAMILY_SHARE) ** 0.5 * own)


def _largest_spread(contrasts: Sequence[Contrast], seed: int) -> float:
    """Return the larger of the nulls' spreads, each the root mean square over the random scores."""
    variances = {
        null: np.mean(
            [null_effects(contrast, null, _DRAWS, seed + index).var() for index, contrast in enumerate(contrasts)]
        )
        for null in contrasts[0].schemes
    }
    return float(max(variances.values()) ** 0.5)


def blinded_spread_set(members: Bools, families: Sequence[str], mean: Floats, variance: Floats, seed: int) -> float:
    """Return the standard deviation of AUROC - 0.5 of a gene set under the wider of both nulls.

    Parameters
    ----------
    members, mean, variance
        Shape (n,): the reference in the block; mean expression and variance of the genes.
    families
        Family of each gene.
    seed
        Seed of the random scores and of the draws.
    """
    rng = np.random.default_rng(seed)
    worlds = [_random_rows(families, 1, rng)[:, 0] for _ in range(_WORLDS)]
    return _largest_spread([contrast_genes(score, members, families, mean, variance) for score in worlds], seed)


def blinded_spread_pairs(edges: Bools, families: Sequence[str], mean: Floats, variance: Floats, seed: int) -> float:
    """Return the standard deviation of AUROC - 0.5 of a pair list under the wider of both nulls.

    The stand-in for a pair score is the proximity (negative Euclidean distance) of random Gaussian rows in a window of
    three axes: few axes make the scores of pairs that share a gene depend on each other, as they do in a real window.

    Parameters
    ----------
    edges
        Shape (n, n), symmetric: the reference pairs in the block, none inside a family.
    families, mean, variance, seed
        As for sets.
    """
    worlds = _pair_worlds(tuple(families), mean.tobytes(), variance.tobytes(), seed)
    return _largest_spread([world.with_pairs(edges) for world in worlds], seed)


@lru_cache(maxsize=2)
def _pair_worlds(families: tuple[str, ...], mean: bytes, variance: bytes, seed: int) -> tuple[Contrast, ...]:
    """Return contrasts of random pair scores without a reference; they serve every reference of a block."""
    rng = np.random.default_rng(seed)
    nobody = np.zeros((len(families), len(families)), dtype=bool)
    worlds = []
    for _ in range(_WORLDS):
        rows = _random_rows(families, _WINDOW, rng)
        score = -np.sqrt(((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2))
        worlds.append(contrast_pairs(score, nobody, families, np.frombuffer(mean), np.frombuffer(variance)))
    return tuple(worlds)


def blinded_spread_bipartite(
    edges: Bools,
    regulator_families: Sequence[str],
    target_families: Sequence[str],
    target_mean: Floats,
    target_dropout: Floats,
    seed: int,
    *,
    coexpression: Floats | None = None,
    panel: Sequence[NullName] | None = None,
) -> float:
    """Return the standard deviation of AUROC - 0.5 of a regulatory reference under the widest of its nulls.

    The stand-in for a regulation score has no hubs, and two regulators (two targets) of a family share
    :data:`FAMILY_SHARE` of its variance at each target (regulator).

    Parameters
    ----------
    edges
        Shape (r, t): the reference in the block, no pair of it inside a family.
    regulator_families, target_families
        Families of the regulators and of the targets.
    target_mean, target_dropout
        Shape (t,): statistics of the targets from counts, for the strata.
    seed
        Seed of the random scores and of the draws.
    coexpression
        Shape (r, t): from counts of the same cells, where the panel moves edges within its ventiles.
    panel
        Nulls that will be drawn; all that the contrast has if None.

    Raises
    ------
    ValueError
        If the panel holds a null that the contrast cannot draw, or a reference pair is no candidate.
    """
    worlds = _bipartite_worlds(tuple(regulator_families), tuple(target_families), seed)
    blank = contrast_bipartite(
        worlds[0], edges, regulator_families, target_families, target_mean, target_dropout, coexpression
    )
    contrasts = [blank.replaced(world) for world in worlds]
    nulls = blank.names if panel is None else tuple(panel)
    return float(max(_mean_variance(contrasts, null, seed) for null in nulls) ** 0.5)


def _mean_variance(contrasts: Sequence[BipartiteContrast], null: NullName, seed: int) -> float:
    """Return the variance of the effect under a null, the mean over random scores that share its draws."""
    return float(np.mean([null_effects(contrast, null, _DRAWS, seed).var() for contrast in contrasts]))


@lru_cache(maxsize=2)
def _bipartite_worlds(
    regulator_families: tuple[str, ...], target_families: tuple[str, ...], seed: int
) -> tuple[Floats, ...]:
    """Return random scores of unit variance without hubs, which serve every reference of a block."""
    rng = np.random.default_rng(seed)
    regulators, targets = np.array(regulator_families), np.array(target_families)
    rows, columns = (np.unique(names, return_inverse=True)[1].astype(np.int64) for names in (regulators, targets))
    candidates = regulators[:, None] != targets[None, :]
    return tuple(
        double_centred_bipartite(random_regulation(rows, columns, FAMILY_SHARE, rng), candidates)
        for _ in range(_WORLDS)
    )
