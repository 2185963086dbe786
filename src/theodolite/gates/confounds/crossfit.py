"""Least squares on gene-disjoint blocks: each pair is predicted by a fit that saw neither of its genes' families.

Genes are cut into folds, whole families at a time, and pairs into cells of a row fold and a column fold. Within each
cell every term and the score lose a free effect of each row and of each column. The normal equations of a fit are then
sums over the cells that share no fold with the predicted one, so that each cell is passed over once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.kernels import derive_seed

__all__ = ["Nuisance", "centred", "family_folds", "training_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_RIDGE = 1e-4
"""Share of the variance of a term: it separates terms that depend on one another and shrinks no other one visibly."""
_LEAST_AGREEMENT = 2.0
"""Standard errors of an agreement by chance: what two halves agree on less is corrected as if they agreed on this."""


def family_folds(families: Sequence[str], folds: int, seed: int, side: str) -> Ints:
    """Return the fold of each gene, shape (n,): whole families in random order, each to the fold with fewest genes.

    With fewer families than ``folds`` every family is a fold of its own. ``side`` names the genes.

    Raises
    ------
    ValueError
        If there is only one family, which leaves nothing to fit on.
    """
    sizes = Counter(families)
    names = sorted(sizes)
    if len(names) < 2:
        raise ValueError(f"all {len(families)} {side} are of one family; cross-fitting needs two families or more")
    bits = np.random.PCG64(np.random.SeedSequence(derive_seed(seed, "folds", side)))
    filled = [0] * min(folds, len(names))
    fold: dict[str, int] = {}
    for index in np.argsort(bits.random_raw(len(names)), kind="stable").tolist():
        fold[names[index]] = smallest = filled.index(min(filled))
        filled[smallest] += sizes[names[index]]
    return np.array([fold[family] for family in families], dtype=np.int64)


def centred(stack: Floats, candidates: Bools) -> Floats:
    """Return matrices (..., r, t) minus their least-squares row and column effects; 0 where there is no candidate."""
    if candidates.all():
        rows = stack.mean(axis=-1, keepdims=True)
        columns = stack.mean(axis=-2, keepdims=True)
        return np.asarray(stack - rows - columns + rows.mean(axis=-2, keepdims=True))
    weight = candidates.astype(np.float64)
    inside = stack * weight
    share = weight / np.maximum(weight.sum(axis=0), 1.0)
    # the columns' effects are eliminated, which leaves one equation a row, of rank one less or lower
    solved = np.linalg.pinv(np.diag(weight.sum(axis=1)) - share @ weight.T, rcond=1e-10, hermitian=True)
    column_sum = inside.sum(axis=-2)
    row = (inside.sum(axis=-1) - column_sum @ share.T) @ solved
    column = (column_sum - row @ weight) / np.maximum(weight.sum(axis=0), 1.0)
    return np.asarray((inside - row[..., :, None] - column[..., None, :]) * weight)


def _disjoint(a: int, b: int, shape: tuple[int, int], square: bool) -> Bools:
    """Return which of the cells share no gene with cell (a, b)."""
    first, second = np.ogrid[: shape[0], : shape[1]]
    free = (first != a) & (second != b)
    return np.asarray(free & (first != b) & (second != a) if square else free)


def training_pairs(candidates: Bools, rows: Ints, columns: Ints, *, square: bool) -> int:
    """Return the number of candidate pairs in the smallest fit; parameters as in :meth:`Nuisance.of`."""
    count = np.eye(rows.max() + 1)[rows].T @ candidates @ np.eye(columns.max() + 1)[columns]
    fits = [count[_disjoint(a, b, count.shape, square)].sum() for a, b in np.ndindex(count.shape)]
    return int(min(fits)) // (2 if square else 1)


@dataclass(frozen=True)
class Nuisance:
    """Terms prepared for fitting: what of a fit depends on no score.

    Attributes
    ----------
    rows, columns
        Indices of the genes of each fold.
    terms
        For each cell a matrix (q, pairs): its terms without the row and column effects of the cell, averaged over
        replicates.
    solvers
        For each cell a matrix (q, q) that turns the moments of its training cells into coefficients.
    average
        Shape (q, r, t): terms without row and column effects over all candidates, averaged over replicates.
    square
        Rows and columns are the same genes; then there are only cells (a, b) with a <= b.
    """

    rows: list[Ints]
    columns: list[Ints]
    terms: dict[tuple[int, int], Floats]
    solvers: dict[tuple[int, int], Floats]
    average: Floats
    square: bool

    @classmethod
    def of(cls, terms: Floats, candidates: Bools, rows: Ints, columns: Ints, *, square: bool) -> Nuisance:
        r"""Prepare terms.

        Parameters
        ----------
        terms
            Shape (p, q, r, t). With p = 1 fits are ordinary least squares. With p = 2 the terms were measured twice
            with independent errors; then :math:`X_1^\top X_2`, whose expectation holds no error, takes the place of
            :math:`X^\top X`: each replicate is the instrument of the other (Hausman, Newey, Ichimura and Powell 1991).
        candidates
            Shape (r, t).
        rows, columns
            Folds, shapes (r,) and (t,).
        square
            Rows and columns are the same genes: the fit of a pair then leaves out both folds on both sides.
        """
        by_row = [np.nonzero(rows == fold)[0] for fold in range(int(rows.max()) + 1)]
        by_column = [np.nonzero(columns == fold)[0] for fold in range(int(columns.max()) + 1)]
        shape = (len(by_row), len(by_column))
        p, q = terms.shape[:2]
        within, between = np.zeros((2, *shape, q, q))
        pairs = np.zeros(shape)
        cells = {}
        for a, b in _cells(shape, square):
            place = by_row[a][:, None], by_column[b][None, :]
            cell = centred(terms[:, :, place[0], place[1]], candidates[place]).reshape(p, q, -1)
            # a pair of genes of one fold is met twice in a square cell
            share = 0.5 if square and a == b else 1.0
            within[a, b] = share / p * sum(part @ part.T for part in cell)
            cross = cell[0] @ cell[-1].T
            between[a, b] = share / 2.0 * (cross + cross.T)
            pairs[a, b] = share * candidates[place].sum()
            cells[a, b] = share * cell.mean(axis=0)
        solvers = {}
        for a, b in cells:
            seen = _disjoint(a, b, shape, square)
            solvers[a, b] = _solver(within[seen].sum(axis=0), between[seen].sum(axis=0), pairs[seen].sum())
        return cls(by_row, by_column, cells, solvers, centred(terms.mean(axis=0), candidates), square)

    def predicted(self, score: Floats) -> Floats:
        """Return what the terms predict of a score (r, t), each pair from a fit on pairs of other families."""
        shape = (len(self.rows), len(self.columns))
        moment = np.zeros((*shape, len(self.average)))
        places = {(a, b): (self.rows[a][:, None], self.columns[b][None, :]) for a, b in self.terms}
        for cell, place in places.items():
            moment[cell] = self.terms[cell] @ score[place].reshape(-1)
        fit = np.zeros_like(score)
        for (a, b), place in places.items():
            weights = self.solvers[a, b] @ moment[_disjoint(a, b, shape, self.square)].sum(axis=0)
            fit[place] = np.tensordot(weights, self.average[:, place[0], place[1]], 1)
            if self.square:
                fit[self.columns[b][:, None], self.rows[a][None, :]] = fit[place].T
        return (fit + fit.T) / 2.0 if self.square else fit


def _cells(shape: tuple[int, int], square: bool) -> list[tuple[int, int]]:
    return [(a, b) for a, b in np.ndindex(shape) if a <= b or not square]


def _solver(within: Floats, between: Floats, pairs: float) -> Floats:
    """Return the inverse of ``between`` (q, q), bounded along directions on which the replicates hardly agree."""
    root = np.linalg.cholesky(within + _RIDGE * max(pairs, 1.0) * np.eye(len(within)))
    inverse = np.linalg.inv(root)
    agreement, direction = np.linalg.eigh(inverse @ between @ inverse.T)
    along = direction.T @ inverse
    least = min(_LEAST_AGREEMENT / max(pairs, 1.0) ** 0.5, 1.0)
    return np.asarray(along.T @ (along / np.maximum(agreement, least)[:, None]))
