"""Stand-ins for a contrast: random scores of its covariance class under its own labels and nulls, and their draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from theodolite.gates.bipartite import BipartiteContrast
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.kernels import permutations
from theodolite.gates.memo import array_key
from theodolite.gates.nulls import Contrast
from theodolite.gates.standins import (
    covariance_share,
    nearest_share,
    random_genes,
    random_pairs,
    random_regulation,
)
from theodolite.measurements.centring import double_centred, double_centred_bipartite
from theodolite.plans import NullName

__all__ = ["Known", "StandIns", "covariance_class", "design_key", "known", "planted", "replica_draws"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Known = Contrast | BipartiteContrast
_KEPT_DRAWS: Final = 1_600
"""Draws of a stand-in that are kept, of each null."""
_AT_ONCE: Final = 512
"""Draws whose permutations are held at once: they stay in the cache of the processor."""


def known(contrast: AnyContrast) -> Known:
    """Return a contrast whose shape the controls can stand in for.

    Raises
    ------
    TypeError
        If it is of another shape.
    """
    if isinstance(contrast, (Contrast, BipartiteContrast)):
        return contrast
    raise TypeError(
        f"no stand-in scores for a {type(contrast).__name__}; the controls know genes, pairs and regulators"
    )


def covariance_class(contrast: AnyContrast) -> float:
    """Return the share of the variance of the scores that families have in common, 0, 0.25, 0.5 or 0.75.

    The labels play no part. Regulators' families and targets' families may share unequally; the larger share counts,
    because it widens the spread of the statistic.

    Raises
    ------
    TypeError
        If the contrast is neither of genes, pairs nor regulators.
    """
    contrast = known(contrast)
    if isinstance(contrast, BipartiteContrast):
        share = max(
            covariance_share(contrast.score, contrast.regulator_family, contrast.pairs),
            covariance_share(contrast.score.T, contrast.target_family, contrast.pairs.T),
        )
    elif contrast.second is None:
        share = covariance_share(contrast.score[:, None], contrast.family, np.ones((len(contrast.score), 1), bool))
    else:
        between = contrast.family[:, None] != contrast.family[None, :]
        share = covariance_share(contrast.score, contrast.family, between)
    return nearest_share(share)


def _stand_in(contrast: Known, share: float, rng: np.random.Generator) -> Floats:
    """Return adjusted scores of unit variance among the candidates."""
    if isinstance(contrast, BipartiteContrast):
        score = random_regulation(contrast.regulator_family, contrast.target_family, share, rng)
        score = double_centred_bipartite(score, contrast.pairs)
        return np.asarray(score / score[contrast.pairs].std())
    if contrast.second is None:
        return random_genes(contrast.family, share, rng)
    score = double_centred(random_pairs(contrast.family, share, rng))
    between = contrast.family[:, None] != contrast.family[None, :]
    return np.asarray(score / score[between].std())


def planted(contrast: AnyContrast, effect: float, share: float, replicates: int, seed: int) -> list[Known]:
    """Return the contrast in stand-in scores, with a signal planted on its reference.

    Parameters
    ----------
    effect
        Expected AUROC - 0.5, below 0.5. For normal scores a shift of ``sqrt(2) * probit(0.5 + effect)`` gives it.
    share
        Covariance class.
    replicates, seed
        How many, and the seed of their scores.
    """
    from scipy.stats import norm

    contrast = known(contrast)
    shift = 2.0**0.5 * float(norm.ppf(0.5 + effect))
    worlds = (np.random.default_rng([seed, index]) for index in range(replicates))
    return [contrast.replaced(_stand_in(contrast, share, rng) + shift * contrast.labels) for rng in worlds]


def replica_draws(replicas: Sequence[Known], null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
    """Return the draws of contrasts that differ in their scores only, shape (len(replicas), draws).

    Equals ``contrast.draw(null, draws, seed, start)`` row by row. Gene sets are looked up at one permutation for all.
    """
    first = replicas[0]
    if not isinstance(first, Contrast) or first.second is not None:
        return np.stack([contrast.draw(null, draws, seed, start) for contrast in replicas])
    ranks = np.stack([contrast.rank for contrast in replicas], axis=1)
    parts = []
    for begin in range(start, start + draws, _AT_ONCE):
        count = min(_AT_ONCE, start + draws - begin)
        moved = permutations(first.schemes[null], count, seed, begin)[:, first.first]
        parts.append(row_indicator(moved, len(ranks)) @ ranks)
    return np.ascontiguousarray(np.concatenate(parts).T)


class StandIns:
    """Contrasts that differ in their scores only, and those of their draws that were asked for, the first ones.

    Parameters
    ----------
    contrasts
        As :func:`planted` returns them.
    """

    def __init__(self, contrasts: Sequence[Known]) -> None:
        self.contrasts = contrasts
        self.observed = np.array([contrast.observed() for contrast in contrasts])
        self._drawn: dict[tuple[int, NullName, int, int, int], Floats] = {}

    def draw(self, rows: Ints, null: NullName, root: int, start: int, count: int) -> Floats:
        """Return draws ``start`` to ``start + count - 1`` of these contrasts, shape (len(rows), count).

        ``root`` is the seed from which each null's is derived.
        """
        seed = self.contrasts[0].seed(null, root)
        keys = [(int(row), null, seed, start, count) for row in rows]
        missing = [key for key in keys if key not in self._drawn]
        found = self._drawn
        if missing:
            drawn = replica_draws([self.contrasts[key[0]] for key in missing], null, count, seed, start)
            new = dict(zip(missing, drawn, strict=True))
            if start + count <= _KEPT_DRAWS:
                self._drawn |= new
            else:
                found = {**{key: self._drawn[key] for key in keys if key not in new}, **new}
        return np.stack([found[key] for key in keys])

    @staticmethod
    def weigh(stand_ins: StandIns) -> int:
        """Return about how many bytes stand-ins hold: scores, ranks, what their nulls prepare of these, and draws."""
        return sum(6 * contrast.score.nbytes + 32 * _KEPT_DRAWS for contrast in stand_ins.contrasts)


def row_indicator(places: Ints, width: int) -> csr_array:
    """Return a sparse (len(places), width) matrix with ones at the places of each row."""
    rows, count = places.shape
    return csr_array((np.ones(places.size), places.ravel(), np.arange(0, places.size + 1, count)), shape=(rows, width))


def design_key(contrast: AnyContrast) -> str:
    """Return a digest of everything but the scores: labels, families, candidates and nulls."""
    contrast = known(contrast)
    if isinstance(contrast, BipartiteContrast):
        return contrast.design
    arrays: list[NDArray[np.generic] | None] = [contrast.labels, contrast.family]
    for scheme in contrast.schemes.values():
        arrays += [scheme.size, scheme.count, scheme.genes]
    if contrast.strata is not None:
        arrays += [contrast.strata.order, contrast.strata.bounds]
    return array_key(*arrays)
