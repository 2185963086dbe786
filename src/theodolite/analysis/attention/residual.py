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
from theodolite.data.cells import GeneStatistics
from theodolite.gates.confounds import residual_bipartite, residual_pairs
from theodolite.gates.confounds.crossfit import family_folds

__all__ = ["Learner", "Residual", "gene_features", "residualised"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Learner = Literal["ols", "boosting", "splines"]
"""``ols``: least squares on the statistics as they are. ``boosting``: 200 histogram trees of depth 6 at rate 0.05.
``splines``: the project's own fit, with a free effect of each gene and splines of co-expression
(:mod:`theodolite.gates.confounds`), which needs co-expression."""

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
