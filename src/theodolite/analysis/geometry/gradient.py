"""Whether the signal of scored pairs grows with the confidence of the reference (arXiv 2602.22247 §STRING gradient)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.exact import ExactSpearman, spearman_exact
from theodolite.analysis.geometry.inputs import coordinates_by_layer, families_of
from theodolite.analysis.geometry.nulls import NullResult, against, gene_schemes
from theodolite.analysis.geometry.poles import co_pole, pole_size, poles, share_kept
from theodolite.gates.kernels import derive_seed, permutations

__all__ = ["ConfidenceGradient", "ScoreBins", "bin_trend", "confidence_gradient", "score_bins"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ScoreBins:
    """Quantile bins of scores.

    Attributes
    ----------
    edges
        Shape (bins + 1,): quantiles of the scores, in their unit.
    index
        Shape (m,): bin of each score; a score on an inner edge belongs to the bin above.
    counts
        Shape (bins,).
    middles
        Shape (bins,): middles between edges.
    """

    edges: Floats
    index: Ints
    counts: Ints
    middles: Floats


def score_bins(scores: ArrayLike, bins: int = 5) -> ScoreBins:
    """Cut scores at their quantiles (numpy's linear ones).

    Raises
    ------
    ValueError
        If there are fewer than three bins, or so many equal scores that a bin is empty.
    """
    values = np.asarray(scores, dtype=np.float64)
    if bins < 3:
        raise ValueError(f"{bins} bins have no gradient; give 3 or more")
    edges = np.quantile(values, np.linspace(0.0, 1.0, bins + 1))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    if (counts == 0).any():
        raise ValueError(f"{len(values)} scores with many equal ones leave a bin of {bins} empty; give fewer bins")
    return ScoreBins(edges, index.astype(np.int64), counts.astype(np.int64), (edges[:-1] + edges[1:]) / 2.0)


def bin_trend(mean_z: ArrayLike) -> ExactSpearman:
    """Return the Spearman correlation of bins, in rising order of confidence, with their mean z, and its exact p.

    Five bins in perfect order have rho = 1 and a two-sided p of 2/120, never less; the t-approximation that gives
    1e-24 for them does not apply.
    """
    values = np.asarray(mean_z, dtype=np.float64)
    return spearman_exact(np.arange(len(values)), values)


@dataclass(frozen=True, eq=False)
class ConfidenceGradient:
    """Co-pole signal by bin of the reference's score.

    Attributes
    ----------
    bins
        The bins.
    z
        Shape (layers, bins): z of the co-pole rate against permuted gene labels.
    mean_z
        Shape (bins,): mean over layers.
    trend
        Of ``mean_z`` over bins. Bins share genes, so its p describes the order of a few numbers.
    rank_correlation
        Correlation over pairs of the score's rank with the share of layers at which the pair is at one pole.
    nulls
        For ``rank_correlation``, the gene labels permuted as in :func:`co_pole`: the test of the gradient.
    """

    bins: ScoreBins
    z: Floats
    mean_z: Floats
    trend: ExactSpearman
    rank_correlation: float
    nulls: tuple[NullResult, ...]


def confidence_gradient(
    coordinates: ArrayLike,
    genes: Sequence[str],
    scored: Iterable[tuple[str, str, float]],
    *,
    bins: int = 5,
    k: int | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> ConfidenceGradient:
    """Describe how the share of pairs at one pole rises with their score.

    Parameters
    ----------
    coordinates, genes, k, families, draws, seed
        As in :func:`co_pole`.
    scored
        Pairs with the score of the reference. A pair that is named twice has its larger score; pairs with a gene
        outside ``genes`` are left out.
    bins
        Quantile bins.

    Raises
    ------
    ValueError
        If fewer pairs than bins are among the genes, or as in :func:`co_pole`.
    """
    position = {gene: place for place, gene in enumerate(genes)}
    found: dict[tuple[int, int], float] = {}
    for first, second, score in scored:
        if first in position and second in position and first != second:
            pair = (min(position[first], position[second]), max(position[first], position[second]))
            found[pair] = max(score, found.get(pair, -np.inf))
    if len(found) < bins:
        raise ValueError(f"{len(found)} scored pairs are among the genes, too few for {bins} bins; check the names")
    ends, scores = np.array(sorted(found), dtype=np.int64), np.array([found[pair] for pair in sorted(found)])
    cut = score_bins(scores, bins)
    values = coordinates_by_layer(coordinates, genes)
    z = np.empty((len(values), bins))
    for index in range(bins):
        named = [(genes[a], genes[b]) for a, b in ends[cut.index == index].tolist()]
        z[:, index] = co_pole(values, genes, named, k=k, draws=draws, seed=seed).nulls[0].z
    mean_z = z.mean(axis=0)
    observed, nulls = _over_pairs(values, genes, ends, scores, k, families, draws, seed)
    return ConfidenceGradient(cut, z, mean_z, bin_trend(mean_z), observed, nulls)


def _over_pairs(
    values: Floats,
    genes: Sequence[str],
    ends: Ints,
    scores: Floats,
    k: int | None,
    families: Mapping[str, str] | None,
    draws: int,
    seed: int,
) -> tuple[float, tuple[NullResult, ...]]:
    """Return the rank correlation of score and share of layers at one pole, and its nulls."""
    from scipy.stats import rankdata

    n = values.shape[1]
    side = poles(values, pole_size(n, k))
    centred = rankdata(scores)
    centred = (centred - centred.mean()) / centred.std()

    def correlation(images: Ints) -> Floats:
        first, second = images[:, ends[:, 0]], images[:, ends[:, 1]]
        shares = np.mean([pole[first] * pole[second] == 1 for pole in side], axis=0)
        ranks = rankdata(shares, axis=1)
        spread = ranks.std(axis=1)
        return np.asarray(
            np.divide(
                (ranks - ranks.mean(axis=1, keepdims=True)) @ centred / len(centred),
                spread,
                out=np.zeros(len(ranks)),
                where=spread > 0.0,
            )
        )

    observed = correlation(np.arange(n)[None])
    degree = np.bincount(ends.ravel(), minlength=n).astype(np.float64)
    schemes = gene_schemes(n, degree=degree, families=families_of(families, genes) if families else None)
    nulls = []
    for name, scheme in schemes.items():
        images = permutations(scheme, draws, derive_seed(seed, "gradient", name))
        drawn = np.concatenate([correlation(part) for part in np.array_split(images, max(draws // 50, 1))])
        moved = 1.0 - share_kept(images, ends[:, 0], ends[:, 1])
        nulls.append(against(name, observed, drawn[:, None], moved=moved))
    return float(observed[0]), tuple(nulls)
