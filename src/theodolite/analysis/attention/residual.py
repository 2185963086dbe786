"""What is left of a score when gene statistics, and co-expression, are taken out of it (arXiv 2602.17532).

A score is predicted from what is known of both genes of a pair by a fit that saw neither, and the prediction is
subtracted. Folds that share genes would not do: three statistics name a gene nearly uniquely, so trees would learn each
gene's own level, and the residual would have lost hubs to a fit that was never told of hubs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.nulls import null_summary
from theodolite.data.cells import GeneStatistics
from theodolite.gates.confounds import residual_bipartite, residual_pairs, retention
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.gates.effects import auroc, effect_with_interval
from theodolite.judgements import Effect

__all__ = ["KEPT", "DEGREE_Z", "Learner", "Residual", "Retained", "gene_features", "residualised", "retained_signals"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Learner = Literal["ols", "boosting", "splines"]
"""``ols``: least squares on the statistics as they are. ``boosting``: 200 histogram trees of depth 6 at rate 0.05.
``splines``: the project's own fit, with a free effect of each gene and splines of co-expression
(:mod:`theodolite.gates.confounds`), which needs co-expression."""

KEPT = 0.80
"""Share of the raw AUROC beyond chance that a signal of its own keeps."""
DEGREE_Z = 3.0
"""Standard deviations of the degree-preserving null that it lies beyond."""
_TREES: Mapping[str, Any] = {"max_iter": 200, "max_depth": 6, "learning_rate": 0.05, "early_stopping": False}


@dataclass(frozen=True, eq=False)
class Residual:
    """A score without what was predicted of it.

    Attributes
    ----------
    matrix
        Shape (r, t): score minus prediction for the candidates, 0 elsewhere.
    r2
        Share of the variance of the candidates' scores that the out-of-fold predictions explain; it can be below 0.
    disjoint
        Whether every prediction came from a fit that saw neither gene on either side. False where so few regulators
        there are that some fits could only leave out the regulator as a row and the target as a column.
    """

    matrix: Floats
    r2: float
    disjoint: bool


@dataclass(frozen=True)
class Retained:
    """What one signal keeps under one adjustment.

    Attributes
    ----------
    signal, reference, learner
        Which score, held against what, adjusted how.
    adjusted_for
        ``genes``, or ``genes`` and ``coexpression``.
    r2, disjoint
        As of :class:`Residual`.
    raw, residual
        AUROC - 0.5 before and after, with intervals over families.
    retention
        (residual AUROC - 0.5) / (raw AUROC - 0.5), with an interval over the same resamples of families of regulators
        and of targets.
    degree_z
        The raw AUROC against graphs with the degrees of the reference, in standard deviations; NaN if none were drawn.
    """

    signal: str
    reference: str
    learner: Learner
    adjusted_for: tuple[str, ...]
    r2: float
    disjoint: bool
    raw: Effect
    residual: Effect
    retention: Effect
    degree_z: float

    @property
    def accepted(self) -> bool:
        """Whether the rule of the paper is met: retention 0.80 or more, and a degree-preserving z above 3."""
        return self.retention.estimate >= KEPT and self.degree_z > DEGREE_Z


def gene_features(statistics: GeneStatistics | Floats, genes: Sequence[str]) -> Floats:
    """Return mean, variance and dropout of genes as columns, shape (n, 3), in the order of ``genes``.

    Parameters
    ----------
    statistics
        Statistics by name, from counts of the same cells, or an array (n, k) that is in order already.
    genes
        The n genes of the score.

    Raises
    ------
    ValueError
        If a gene has no statistics, or a number is not finite.
    """
    if isinstance(statistics, GeneStatistics):
        position = {gene: index for index, gene in enumerate(statistics.genes)}
        absent = [gene for gene in genes if gene not in position]
        if absent:
            raise ValueError(f"no statistics of {', '.join(map(repr, absent[:5]))}; compute them from the same cells")
        statistics = statistics.matrix()[[position[gene] for gene in genes]]
    if statistics.ndim != 2 or len(statistics) != len(genes) or not np.isfinite(statistics).all():
        raise ValueError(
            f"gene statistics have shape {statistics.shape} for {len(genes)} genes; need one row of finite numbers a "
            "gene"
        )
    return np.asarray(statistics, dtype=np.float64)


def residualised(
    edges: EdgeLabels,
    score: NDArray[np.floating],
    statistics: GeneStatistics | Floats,
    *,
    coexpression: NDArray[np.floating] | None = None,
    learner: Learner = "ols",
    folds: int = 5,
    training_pairs: int = 200_000,
    halves: Floats | None = None,
    seed: int = 0,
) -> Residual:
    """Take gene statistics, and co-expression if given, out of a score without sight of the labels.

    Parameters
    ----------
    edges
        The candidates; labels are not looked at.
    score
        Shape (n, n).
    statistics
        Mean, variance and dropout of the n genes; see :func:`gene_features`.
    coexpression
        Shape (n, n), from expression of the same cells: itself and its absolute value are two more features.
    learner
        See :data:`Learner`.
    folds
        Folds of genes on either side, families whole.
    training_pairs
        Pairs drawn to fit on at the most, which bounds memory and time; about 100 bytes each.
    halves
        Shape (2, n, n): co-expression in two halves of the cells. With ``splines`` its error of measurement is then
        allowed for, without which a part of what co-expression explains stays in the score.
    seed
        Seed of folds, samples and trees.

    Raises
    ------
    ValueError
        If a shape does not fit, there are too few families to hold any out, or a learner lacks co-expression.
    """
    features = gene_features(statistics, edges.genes)
    matrix = edges.matrix(score)
    related = None if coexpression is None else edges.matrix(coexpression)
    if learner == "splines":
        return _by_splines(edges, matrix, features, related, halves, seed)
    if halves is not None:
        raise ValueError(f"learner {learner!r} does not allow for errors of measurement; use 'splines' with halves")
    predicted = np.zeros_like(matrix)
    disjoint = True
    for number, (test, train, apart) in enumerate(_cross_fits(edges, folds, seed)):
        disjoint &= apart
        known = _sample(train, training_pairs, seed, number)
        x, y = _design(edges, features, related, known), matrix[known]
        if not edges.directed:
            # A pair has no order, so it is learnt in both, and predicted as the mean of both.
            x, y = np.concatenate([x, _design(edges, features, related, known, turned=True)]), np.tile(y, 2)
        model = _learner(learner, seed).fit(x, y)
        place = np.nonzero(test)
        fit = model.predict(_design(edges, features, related, place))
        if not edges.directed:
            fit = (fit + model.predict(_design(edges, features, related, place, turned=True))) / 2.0
        predicted[place] = fit
    return Residual(np.where(edges.candidates, matrix - predicted, 0.0), _r2(edges, matrix, predicted), disjoint)


def _learner(learner: Learner, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    return LinearRegression() if learner == "ols" else HistGradientBoostingRegressor(**_TREES, random_state=seed)


def _r2(edges: EdgeLabels, matrix: Floats, predicted: Floats) -> float:
    left, all_of_it = (matrix - predicted)[edges.candidates], matrix[edges.candidates]
    spread = float(((all_of_it - all_of_it.mean()) ** 2).sum())
    return 1.0 - float((left**2).sum()) / spread if spread > 0.0 else 0.0


def _design(
    edges: EdgeLabels, features: Floats, related: Floats | None, place: tuple[Any, ...], *, turned: bool = False
) -> Floats:
    """Return one row a pair: statistics of its row gene, of its column gene, and co-expression."""
    first, second = features[edges.rows[place[0]]], features[edges.columns[place[1]]]
    parts = [second, first] if turned else [first, second]
    if related is not None:
        value = related[place][:, None]
        parts += [value, np.abs(value)]
    return np.hstack(parts)


def _sample(train: Bools, most: int, seed: int, number: int) -> tuple[Any, ...]:
    known = np.nonzero(train)
    if len(known[0]) <= most:
        return known
    chosen = np.sort(np.random.default_rng([seed, number]).choice(len(known[0]), most, replace=False))
    return tuple(axis[chosen] for axis in known)


def _cross_fits(edges: EdgeLabels, folds: int, seed: int) -> Iterator[tuple[Bools, Bools, bool]]:
    """Yield the pairs to predict, those to fit on, and whether the two share no family on either side."""
    row_family, column_family = np.array(edges.row_families), np.array(edges.column_families)
    rows = family_folds(edges.row_families, folds, seed, "regulators" if edges.directed else "genes")
    columns = family_folds(edges.column_families, folds, seed, "targets") if edges.directed else rows
    for a in range(int(rows.max()) + 1):
        for b in range(int(columns.max()) + 1) if edges.directed else range(a, int(columns.max()) + 1):
            test = (rows == a)[:, None] & (columns == b)[None, :]
            if not edges.directed:
                test |= test.T
            test &= edges.candidates
            if not test.any():
                continue
            held_out = np.union1d(row_family[rows == a], column_family[columns == b])
            free = ~np.isin(row_family, held_out)[:, None] & ~np.isin(column_family, held_out)[None, :]
            train = free & edges.candidates
            apart = bool(train.any())
            if not apart and edges.directed:
                train = (rows != a)[:, None] & (columns != b)[None, :] & edges.candidates
            if not train.any():
                raise ValueError(
                    f"{edges.name}: no pair is left to fit on when {len(held_out)} families are held out; there are "
                    f"{len(set(edges.row_families))} families of rows. Give more regulators or genes, or more folds"
                )
            yield test, train, apart


def _by_splines(
    edges: EdgeLabels, matrix: Floats, features: Floats, related: Floats | None, halves: Floats | None, seed: int
) -> Residual:
    if related is None:
        raise ValueError("learner 'splines' takes co-expression out with the gene statistics; pass coexpression=")
    parts = None if halves is None else np.stack([edges.matrix(half) for half in halves])
    if edges.directed:
        left = residual_bipartite(
            matrix,
            related[None],
            features[edges.rows],
            features[edges.columns],
            edges.candidates,
            edges.row_families,
            edges.column_families,
            halves=parts,
            seed=seed,
        )
    else:
        whole = [_symmetric(part) for part in (matrix, related)]
        both = None if parts is None else np.stack([_symmetric(part) for part in parts])
        left = residual_pairs(
            whole[0], whole[1][None], features[edges.rows], edges.row_families, halves=both, seed=seed
        )
    return Residual(np.where(edges.candidates, left, 0.0), _r2(edges, matrix, matrix - left), True)


def _symmetric(matrix: Floats) -> Floats:
    upper = np.triu(matrix, 1)
    return np.asarray(upper + upper.T)


def retained_signals(
    edges: EdgeLabels,
    signals: Mapping[str, NDArray[np.floating]],
    statistics: GeneStatistics | Floats,
    *,
    coexpression: NDArray[np.floating] | None = None,
    learners: Sequence[Learner] = ("ols", "boosting"),
    folds: int = 5,
    training_pairs: int = 200_000,
    resamples: int = 2_000,
    rewirings: int = 200,
    seed: int = 0,
) -> tuple[Retained, ...]:
    """Say what signals keep of their AUROC when gene statistics, and then co-expression as well, are taken out.

    Parameters
    ----------
    edges
        A reference, or the effects of perturbations.
    signals
        Scores (n, n) by name, such as one layer of attention, and the absolute co-expression as rival. The layer is one
        that was chosen elsewhere (``choosing``).
    statistics, coexpression, learners, folds, training_pairs
        See :func:`residualised`. Without ``coexpression`` only gene statistics are taken out, and with it both
        adjustments are reported.
    resamples
        Bootstrap resamples of families.
    rewirings
        Draws of the degree-preserving null; 0 leaves it out, and then nothing is accepted.
    seed
        Seed of everything drawn.

    Returns
    -------
    tuple of Retained
        Signal after signal, learner after learner. A signal is not adjusted for co-expression where it is a function
        of it alone: that would leave nothing, by construction.

    Raises
    ------
    ValueError
        As :func:`residualised`.
    """
    found = []
    for name, score in signals.items():
        matrix = edges.matrix(score)
        raw = edges.items(matrix)
        z = float("nan")
        if rewirings:
            z = null_summary(edges, matrix, auroc(raw), "degree_preserving", rewirings, seed).z
        for learner in learners:
            for related in _adjustments(learner, score, coexpression):
                left = residualised(
                    edges,
                    score,
                    statistics,
                    coexpression=related,
                    learner=learner,
                    folds=folds,
                    training_pairs=training_pairs,
                    seed=seed,
                )
                items = edges.items(left.matrix)
                found.append(
                    Retained(
                        signal=name,
                        reference=edges.name,
                        learner=learner,
                        adjusted_for=("genes",) if related is None else ("genes", "coexpression"),
                        r2=left.r2,
                        disjoint=left.disjoint,
                        raw=effect_with_interval(raw, seed, resamples),
                        residual=effect_with_interval(items, seed, resamples),
                        retention=retention(raw, items, seed, resamples),
                        degree_z=z,
                    )
                )
    return tuple(found)


def _adjustments(
    learner: Learner, score: NDArray[np.floating], coexpression: NDArray[np.floating] | None
) -> list[NDArray[np.floating] | None]:
    if coexpression is None:
        return [None]
    itself = np.array_equal(np.abs(score), np.abs(coexpression))
    adjusted: list[NDArray[np.floating] | None] = [] if itself else [coexpression]
    return adjusted if learner == "splines" else [None, *adjusted]
