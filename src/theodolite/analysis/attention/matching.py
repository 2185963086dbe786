"""Edges against other pairs that looked as likely to be edges beforehand: matching on the propensity (2602.17532).

A logistic model says how likely a pair is an edge from gene statistics alone; each edge is held against the k other
pairs of nearest propensity. That removes the difference in statistics only as far as the model has its form right, so
the balance that was reached is reported, and an unbalanced match is no match (Austin 2011: below 0.1 standard
deviations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.ranking import Ranking
from theodolite.analysis.attention.residual import gene_features
from theodolite.data.cells import GeneStatistics
from theodolite.gates.kernels import family_weights
from theodolite.judgements import Effect

__all__ = ["BALANCED", "Balance", "Match", "MatchedScore", "matched_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BALANCED = 0.1
"""Largest standardised mean difference, in magnitude, of covariates that are balanced."""
_NAMES = ("mean", "variance", "dropout")


@dataclass(frozen=True)
class Balance:
    """Standardised mean difference of one covariate: edges minus others, in standard deviations before matching.

    Attributes
    ----------
    covariate
        Its name.
    before, after
        Against all other pairs, and against those matched, as often as they were taken.
    """

    covariate: str
    before: float
    after: float


@dataclass(frozen=True)
class MatchedScore:
    """One score before and after matching.

    Attributes
    ----------
    signal
        Name of the score.
    raw
        AUROC of all edges against all other pairs.
    matched
        AUROC of the matched edges against the matched pairs, these counted as often as they were taken.
    within
        Mean share of its own matches that an edge outscores, ties counting one half, with a 95 % bootstrap interval
        over perturbations. Chance is 0.5.
    """

    signal: str
    raw: float
    matched: float
    within: Effect


@dataclass(frozen=True)
class Match:
    """A match and what scores give in it.

    Attributes
    ----------
    reference
        Name of the edges.
    edges, matched, unmatched
        Edges, those that found a match, and those that the caliper left without one.
    pairs
        Different pairs that were taken as matches.
    balance
        Of each covariate, the propensity's logit last.
    balanced
        Whether every covariate is within 0.1 after matching. If not, ``matched`` and ``within`` still hold what the
        statistics explain, and say nothing of the score.
    scores
        Every score.
    """

    reference: str
    edges: int
    matched: int
    unmatched: int
    pairs: int
    balance: tuple[Balance, ...]
    balanced: bool
    scores: tuple[MatchedScore, ...]

    def of(self, signal: str) -> MatchedScore:
        """Return one score.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        for score in self.scores:
            if score.signal == signal:
                return score
        raise KeyError(f"{signal!r} was not matched; there are {[score.signal for score in self.scores]}")


def matched_scores(
    edges: EdgeLabels,
    signals: Mapping[str, NDArray[np.floating]],
    statistics: GeneStatistics | Floats,
    *,
    neighbours: int = 5,
    caliper: float | None = None,
    affected: bool = True,
    resamples: int = 2_000,
    seed: int = 0,
) -> Match:
    """Match every edge with the other pairs of nearest propensity, with replacement, and rank scores among them.

    Parameters
    ----------
    edges
        Effects of perturbations, or another reference with a direction.
    signals
        Scores (n, n) by name.
    statistics
        Mean, variance and dropout of the n genes; those of the target enter.
    neighbours
        Pairs that an edge is matched with.
    caliper
        Largest distance to a match in standard deviations of the logit of the propensity; 0.2 is usual. None for any.
    affected
        Whether the number of genes that the perturbation affects enters too: a strong perturbation makes an edge of
        many pairs. It is made of the labels, of the row as a whole, and never of the pair's target.
    resamples, seed
        Bootstrap resamples of families of perturbed genes, and seed of the order in which equal propensities are taken.

    Raises
    ------
    ValueError
        If the edges have no direction, there are fewer other pairs than neighbours, the caliper leaves no edge matched,
        or a shape does not fit.
    """
    if not edges.directed or not signals:
        raise ValueError(f"{edges.name}: need edges with a direction and a signal or more, got {list(signals)}")
    if not 1 <= neighbours <= edges.count - edges.size or (caliper is not None and not caliper > 0.0):
        raise ValueError(
            f"{neighbours!r} neighbours among {edges.count - edges.size} pairs within {caliper!r}; need 1 or more "
            "neighbours, no more than there are pairs, and a caliper above 0 or None"
        )
    rows, columns = np.nonzero(edges.candidates)
    covariates = gene_features(statistics, edges.genes)[edges.columns][columns]
    names = [*_NAMES[: covariates.shape[1]], *(f"statistic {k}" for k in range(4, covariates.shape[1] + 1))]
    if affected:
        covariates = np.column_stack([covariates, edges.labels.sum(axis=1)[rows].astype(np.float64)])
        names.append("affected")
    logit = _logit(covariates, edges.truth)
    positive, negative = np.flatnonzero(edges.truth), np.flatnonzero(~edges.truth)
    negative = negative[np.random.default_rng(seed).permutation(len(negative))]
    near, distance = _nearest(logit[positive], logit[negative], neighbours)
    allowed = np.ones_like(distance, dtype=bool)
    if caliper is not None:
        allowed = distance <= caliper * float(logit.std())
    found = allowed.any(axis=1)
    if not found.any():
        raise ValueError(f"no edge of {edges.name} has a pair within the caliper {caliper!r}; widen it")
    edge, taken, allowed = positive[found], negative[near[found]], allowed[found]
    # each edge weighs as much as its matches together, so an edge with fewer of them counts no less
    share = np.broadcast_to(1.0 / allowed.sum(axis=1, keepdims=True), allowed.shape)
    weight = np.asarray(np.bincount(taken[allowed], share[allowed], edges.count), dtype=np.float64)
    pairs = int((weight > 0.0).sum())
    weight[edge] = 1.0
    balance = _balance([*names, "logit of the propensity"], np.column_stack([covariates, logit]), edges.truth, weight)
    row_family = np.unique(np.array(edges.row_families), return_inverse=True)[1]
    group = row_family[rows[edge]]
    drawn = family_weights(int(row_family.max()) + 1, resamples, seed)[:, group].astype(np.float64)
    scores = []
    for name, score in signals.items():
        value = edges.matrix(score)[edges.candidates]
        ranking = Ranking.of(value)
        won = (value[edge][:, None] > value[taken]) + 0.5 * (value[edge][:, None] == value[taken])
        within = (won * allowed).sum(axis=1) / allowed.sum(axis=1)
        draws = drawn @ within / np.maximum(drawn.sum(axis=1), 1.0)
        low, high = np.percentile(draws[drawn.sum(axis=1) > 0.0], [2.5, 97.5]).tolist()
        scores.append(
            MatchedScore(
                signal=name,
                raw=ranking.auroc(edges.truth),
                matched=ranking.auroc(edges.truth, weight),
                within=Effect(estimate=float(within.mean()), low=low, high=high, unit="share outscored"),
            )
        )
    return Match(
        reference=edges.name,
        edges=edges.size,
        matched=len(edge),
        unmatched=edges.size - len(edge),
        pairs=pairs,
        balance=balance,
        balanced=all(abs(one.after) <= BALANCED for one in balance[:-1]),
        scores=tuple(scores),
    )


def _logit(covariates: Floats, truth: Bools) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=1e4, max_iter=2_000)).fit(covariates, truth)
    return np.asarray(model.decision_function(covariates), dtype=np.float64)


def _nearest(wanted: Floats, offered: Floats, k: int) -> tuple[Ints, Floats]:
    """Return positions in ``offered`` of the k values nearest to each of ``wanted``, and their distances, (m, k) each.

    The k nearest of a sorted list stand within k places of where the value belongs, on either side.
    """
    order = np.argsort(offered, kind="stable")
    ordered = offered[order]
    place = np.searchsorted(ordered, wanted)
    window = place[:, None] + np.arange(-k, k)[None, :]
    inside = (window >= 0) & (window < len(ordered))
    window = np.clip(window, 0, len(ordered) - 1)
    distance = np.where(inside, np.abs(ordered[window] - wanted[:, None]), np.inf)
    chosen = np.argsort(distance, axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(window, chosen, axis=1)
    return order[near].astype(np.int64), np.take_along_axis(distance, chosen, axis=1)


def _balance(names: list[str], covariates: Floats, truth: Bools, weight: Floats) -> tuple[Balance, ...]:
    inside, outside = covariates[truth], covariates[~truth]
    spread = np.sqrt((inside.var(axis=0) + outside.var(axis=0)) / 2.0)
    before = inside.mean(axis=0) - outside.mean(axis=0)
    kept = weight[truth] > 0.0
    after = inside[kept].mean(axis=0) - np.average(outside, axis=0, weights=weight[~truth])
    unit = np.where(spread > 0.0, spread, 1.0)
    pairs = zip(names, (before / unit).tolist(), (after / unit).tolist(), strict=True)
    return tuple(Balance(name, first, second) for name, first, second in pairs)
