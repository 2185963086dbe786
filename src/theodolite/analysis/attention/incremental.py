"""What a score adds to gene-level baselines that predict the same edges (arXiv 2602.17532).

A signal is accepted only if it adds something under a linear and a tree learner, with perturbations held out, with
targets held out, and with both held out at once. Held-out perturbations alone are no test: the targets of the test were
seen in training, three statistics name a target nearly uniquely, and so its base rate can be learnt by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.ranking import Ranking
from theodolite.analysis.attention.residual import gene_features
from theodolite.data.cells import GeneStatistics
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.gates.kernels import derive_seed, family_weights
from theodolite.judgements import Effect

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Gain", "GroupedSplit", "IncrementalValue", "Predictor", "incremental_value"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Predictor = Literal["logistic", "boosting"]
"""``logistic``: logistic regression of standardised features. ``boosting``: 200 histogram trees, depth 6, rate 0.05."""
GroupedSplit = Literal["perturbation", "target", "both"]
"""What the folds hold out: perturbed genes (or regulators), targets, or both at once."""

Weights = Callable[[], Iterator[Floats]]

_BASE = ""
_TREES: Mapping[str, Any] = {"max_iter": 200, "max_depth": 6, "learning_rate": 0.05, "early_stopping": False}


@dataclass(frozen=True)
class Gain:
    """What one signal adds under one learner in one split, all from predictions of held-out pairs.

    Attributes
    ----------
    signal, learner, split
        Which.
    auroc, auprc
        Of the baseline with the signal.
    base_auroc, base_auprc
        Of the baseline alone.
    d_auroc, d_auprc
        Differences, with 95 % bootstrap intervals over the groups that the split holds out. Models are not fitted anew
        in a resample, so the intervals say nothing of what another training set would have given.
    recall
        For each k: mean over perturbations of the share of affected genes among the k genes that the baseline with the
        signal ranks first, minus that of the baseline; intervals over perturbations, whatever the split.
    """

    signal: str
    learner: Predictor
    split: GroupedSplit
    auroc: float
    auprc: float
    base_auroc: float
    base_auprc: float
    d_auroc: Effect
    d_auprc: Effect
    recall: tuple[tuple[int, Effect], ...]


@dataclass(frozen=True)
class IncrementalValue:
    """Every signal under every learner in every split.

    Attributes
    ----------
    gains
        Signal after signal.
    """

    gains: tuple[Gain, ...]

    def of(self, signal: str) -> tuple[Gain, ...]:
        """Return the gains of one signal.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        found = tuple(gain for gain in self.gains if gain.signal == signal)
        if not found:
            raise KeyError(f"{signal!r} was not tried; tried: {sorted({gain.signal for gain in self.gains})}")
        return found

    def accepted(self, signal: str) -> bool:
        """Return whether the lower limit of the gain in AUROC is above 0 under both learners in all three splits.

        Raises
        ------
        KeyError
            If the signal was not tried.
        ValueError
            If a learner or a split was left out: what was not tried cannot be passed.
        """
        gains = self.of(signal)
        tried = {(gain.learner, gain.split) for gain in gains}
        needed = {(learner, split) for learner in get_args(Predictor) for split in get_args(GroupedSplit)}
        if tried != needed:
            raise ValueError(f"{signal!r} was not tried in {sorted(needed - tried)}; acceptance needs all six")
        return all(gain.d_auroc.low > 0.0 for gain in gains)

    def frame(self) -> DataFrame:
        """Return a tidy table, one row a signal, learner and split."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "signal": gain.signal,
                    "learner": gain.learner,
                    "split": gain.split,
                    "base_auroc": gain.base_auroc,
                    "auroc": gain.auroc,
                    "d_auroc": gain.d_auroc.estimate,
                    "d_auroc_low": gain.d_auroc.low,
                    "d_auroc_high": gain.d_auroc.high,
                    "d_auprc": gain.d_auprc.estimate,
                    "d_auprc_low": gain.d_auprc.low,
                    "d_auprc_high": gain.d_auprc.high,
                    **{f"d_recall@{k}": effect.estimate for k, effect in gain.recall},
                }
                for gain in self.gains
            ]
        )


def incremental_value(
    edges: EdgeLabels,
    signals: Mapping[str, NDArray[np.floating]],
    statistics: GeneStatistics | Floats,
    *,
    learners: Sequence[Predictor] = ("logistic", "boosting"),
    splits: Sequence[GroupedSplit] = ("perturbation", "target", "both"),
    folds: int = 5,
    joint_folds: int = 3,
    top_k: Sequence[int] = (10, 50, 100),
    resamples: int = 200,
    training_pairs: int = 500_000,
    target_means: bool = False,
    seed: int = 0,
) -> IncrementalValue:
    """Predict edges from gene statistics of the target, without and with each signal, on held-out groups.

    Parameters
    ----------
    edges
        Effects of perturbations, or another reference with a direction; rows are perturbations.
    signals
        Scores (n, n) by name, such as ``attention`` at a layer that was chosen elsewhere, and ``coexpression``.
    statistics
        Mean, variance and dropout of the n genes, of which those of the target are the baseline.
    learners, splits
        See :data:`Predictor` and :data:`GroupedSplit`; acceptance needs all of them.
    folds, joint_folds
        Folds of perturbations, or of targets; and of each side where both are held out, where every cell of two folds
        is predicted from pairs that share neither. Families of genes are kept whole.
    top_k
        Numbers of targets at the top of each perturbation.
    resamples
        Bootstrap resamples of the held-out families; where both sides are held out, of both (pigeonhole).
    training_pairs
        Pairs drawn to fit on at the most; about 100 bytes each.
    target_means
        Whether the baseline with a signal is held against holds the signal's own mean over perturbations too. A score
        that only knows which targets respond to anything passes without it: that is gene-level knowledge that three
        statistics lack, and no edge.
    seed
        Seed of folds, samples, trees and resamples.

    Raises
    ------
    ValueError
        If the edges have no direction, there is no signal, a shape does not fit, or a training set has one class only.
    """
    if not edges.directed or not signals:
        raise ValueError(f"{edges.name}: need edges with a direction and a signal or more, got {list(signals)}")
    target = gene_features(statistics, edges.genes)[edges.columns]
    matrices = {name: edges.matrix(score) for name, score in signals.items()}
    rows, columns = np.nonzero(edges.candidates)
    blocks: dict[str, Floats] = {_BASE: target[columns]}
    for name, matrix in matrices.items():
        blocks[name] = np.column_stack([target[columns], *_own_mean(edges, matrix, columns, target_means)])
    gains = []
    for split in splits:
        cells = list(_cells(edges, split, joint_folds if split == "both" else folds, seed))
        weights = _pair_weights(edges, split, rows, columns, resamples, seed)
        for learner in learners:
            predict = _Predictions(edges, learner, cells, rows, columns, training_pairs, seed)
            plain = None if target_means else _Scored(edges, predict(blocks[_BASE]), weights)
            for name, matrix in matrices.items():
                base = plain or _Scored(edges, predict(blocks[name]), weights)
                both = np.column_stack([blocks[name], matrix[edges.candidates]])
                full = _Scored(edges, predict(both), weights)
                gains.append(_gain(edges, name, learner, split, base, full, top_k, resamples, seed))
    order = list(matrices)
    return IncrementalValue(tuple(sorted(gains, key=lambda gain: order.index(gain.signal))))


def _own_mean(edges: EdgeLabels, matrix: Floats, columns: Ints, wanted: bool) -> list[Floats]:
    if not wanted:
        return []
    inside = np.where(edges.candidates, matrix, 0.0)
    return [(inside.sum(axis=0) / np.maximum(edges.candidates.sum(axis=0), 1))[columns]]


def _cells(edges: EdgeLabels, split: GroupedSplit, folds: int, seed: int) -> Iterator[tuple[Bools, Bools]]:
    """Yield which pairs (r, t) to predict and which to fit on."""
    row_fold, column_fold = np.zeros(len(edges.rows), dtype=np.int64), np.zeros(len(edges.columns), dtype=np.int64)
    if split != "target":
        row_fold = family_folds(edges.row_families, folds, seed, "perturbations")
    if split != "perturbation":
        column_fold = family_folds(edges.column_families, folds, seed, "targets")
    for a in range(int(row_fold.max()) + 1):
        for b in range(int(column_fold.max()) + 1):
            here, there = row_fold == a, column_fold == b
            test = here[:, None] & there[None, :] & edges.candidates
            rows = ~here if split != "target" else here
            columns = ~there if split != "perturbation" else there
            if test.any():
                yield test, rows[:, None] & columns[None, :] & edges.candidates


class _Predictions:
    """Out-of-fold predictions of one learner in one split, shape (m,) over the candidates."""

    def __init__(
        self,
        edges: EdgeLabels,
        learner: Predictor,
        cells: Sequence[tuple[Bools, Bools]],
        rows: Ints,
        columns: Ints,
        most: int,
        seed: int,
    ) -> None:
        self._truth, self._learner, self._seed, self._name = edges.truth, learner, seed, edges.name
        self._parts = []
        for number, (test, train) in enumerate(cells):
            known = np.flatnonzero(train[rows, columns])
            if len(known) > most:
                known = np.sort(np.random.default_rng([seed, number]).choice(known, most, replace=False))
            self._parts.append((np.flatnonzero(test[rows, columns]), known))

    def __call__(self, features: Floats) -> Floats:
        found = np.empty(len(self._truth))
        for test, train in self._parts:
            outcome = self._truth[train]
            if outcome.all() or not outcome.any():
                raise ValueError(
                    f"{self._name}: a training set of {len(train)} pairs holds {int(outcome.sum())} edges; give more "
                    "perturbations, or fewer folds"
                )
            model = _model(self._learner, self._seed).fit(features[train], outcome)
            found[test] = model.decision_function(features[test])
        return found


def _model(learner: Predictor, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if learner == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    return HistGradientBoostingClassifier(**_TREES, random_state=seed)


def _pair_weights(
    edges: EdgeLabels, split: GroupedSplit, rows: Ints, columns: Ints, resamples: int, seed: int
) -> Weights:
    """Return a function that yields, for each resample of the held-out families, the weight of each candidate."""
    row_index = np.unique(np.array(edges.row_families), return_inverse=True)[1]
    column_index = np.unique(np.array(edges.column_families), return_inverse=True)[1]
    by_row = family_weights(int(row_index.max()) + 1, resamples, derive_seed(seed, "perturbations"))[:, row_index]
    by_column = family_weights(int(column_index.max()) + 1, resamples, derive_seed(seed, "targets"))[:, column_index]

    def draw() -> Iterator[Floats]:
        for of_row, of_column in zip(by_row, by_column, strict=True):
            weight = np.ones(len(rows))
            if split != "target":
                weight *= of_row[rows]
            if split != "perturbation":
                weight *= of_column[columns]
            yield weight

    return draw


class _Scored:
    """Predictions of all candidates: AUROC and average precision, as they are and in each resample."""

    def __init__(self, edges: EdgeLabels, predicted: Floats, weights: Weights) -> None:
        ranking = Ranking.of(predicted)
        self.matrix = np.zeros(edges.labels.shape)
        self.matrix[edges.candidates] = predicted
        self.auroc, self.auprc = ranking.auroc(edges.truth), ranking.average_precision(edges.truth)
        draws = [
            (ranking.auroc(edges.truth, weight), ranking.average_precision(edges.truth, weight)) for weight in weights()
        ]
        self.draws = np.array(draws)


def _recalls(edges: EdgeLabels, matrix: Floats, k: int) -> Floats:
    """Return the recall of the k highest candidates of each row, shape (r,); NaN in rows without an edge."""
    found = np.full(len(edges.rows), np.nan)
    for row, (score, label, candidate) in enumerate(zip(matrix, edges.labels, edges.candidates, strict=True)):
        if label.any():
            found[row] = Ranking.of(score[candidate]).hits(label[candidate], k) / label.sum()
    return found


def _gain(
    edges: EdgeLabels,
    signal: str,
    learner: Predictor,
    split: GroupedSplit,
    base: _Scored,
    full: _Scored,
    top_k: Sequence[int],
    resamples: int,
    seed: int,
) -> Gain:
    index = np.unique(np.array(edges.row_families), return_inverse=True)[1]
    drawn = family_weights(int(index.max()) + 1, resamples, derive_seed(seed, "recall"))[:, index].astype(np.float64)
    recall = []
    for k in top_k:
        difference = _recalls(edges, full.matrix, k) - _recalls(edges, base.matrix, k)
        known = ~np.isnan(difference)
        weight = drawn[:, known]
        total = np.maximum(weight.sum(axis=1), 1.0)
        recall.append((k, _effect(float(difference[known].mean()), weight @ difference[known] / total, f"recall@{k}")))
    both = full.draws - base.draws
    return Gain(
        signal=signal,
        learner=learner,
        split=split,
        auroc=full.auroc,
        auprc=full.auprc,
        base_auroc=base.auroc,
        base_auprc=base.auprc,
        d_auroc=_effect(full.auroc - base.auroc, both[:, 0], "AUROC"),
        d_auprc=_effect(full.auprc - base.auprc, both[:, 1], "average precision"),
        recall=tuple(recall),
    )


def _effect(estimate: float, draws: Floats, unit: str) -> Effect:
    low, high = np.nanpercentile(draws, [2.5, 97.5]).tolist()
    return Effect(estimate=estimate, low=low, high=high, unit=unit)
