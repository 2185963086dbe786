"""Null spread of a reference's AUROC when families of regulators are swapped, without any score of a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.data.planted.noise import ParalogousNoise

__all__ = ["swap_spreads"]

_SCORES = 6
_DRAWS = 300


def swap_spreads(
    edges: NDArray[np.bool_], noise: ParalogousNoise, seeds: np.random.SeedSequence
) -> NDArray[np.float64]:
    """Return the standard deviation of AUROC - 0.5 of each reference under swaps of regulator families.

    Independent of :mod:`theodolite.gates`, so that a world does not change when a gate does.

    Parameters
    ----------
    edges
        Shape (references, r, t).
    noise
        Random scores (r, t) of the world's class, with the families of both sides.
    seeds
        Root of the random scores and of the draws.

    Returns
    -------
    numpy.ndarray
        Shape (references,): root mean square over random scores.
    """
    from scipy.stats import rankdata

    rng = np.random.default_rng(seeds)
    candidates = noise.rows[:, None] != noise.columns[None, :]
    swaps = _swaps(noise.rows, rng)
    places = [np.nonzero(matrix) for matrix in edges]
    variance = np.zeros(len(edges))
    for _ in range(_SCORES):
        score = noise.draw(rng).astype(np.float64)
        score -= score.mean(axis=0)
        score -= score.mean(axis=1, keepdims=True)
        rank = np.full(score.shape, (candidates.sum() + 1) / 2.0)
        rank[candidates] = rankdata(score[candidates])
        for index, (rows, columns) in enumerate(places):
            sums = rank[swaps[:, rows], columns].sum(axis=1)
            variance[index] += (sums / (len(rows) * (candidates.sum() - len(rows)))).var()
    return np.asarray(np.sqrt(variance / _SCORES))


def _swaps(family: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return draws (draws, r) that swap whole families among families of equal size, in the order of their genes."""
    members = [np.flatnonzero(family == name) for name in np.unique(family)]
    swaps = np.tile(np.arange(len(family)), (_DRAWS, 1))
    for size in {len(genes) for genes in members}:
        units = np.array([genes for genes in members if len(genes) == size])
        for draw in swaps:
            draw[units] = units[rng.permutation(len(units))]
    return swaps
