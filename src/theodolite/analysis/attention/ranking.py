"""One sort of scores, and what labels give under it: AUROC, average precision, and the top k, with weights or without.

Equal scores are one group. Wherever an order inside a group would decide, the mean over its orders is taken, so nothing
depends on the order in which pairs were listed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranking", "TopK"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class TopK:
    """What is among the k highest scores.

    Attributes
    ----------
    k
        Pairs that were looked at; all candidates where there are fewer than asked for.
    precision, recall, f1
        Share of them that are edges, share of the edges that are among them, and the harmonic mean of the two. Where
        the k-th score is shared, these follow from the mean number of edges over the orders of its group.
    """

    k: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Items by falling score.

    Attributes
    ----------
    order
        Shape (m,): positions of the items.
    ends
        Shape (g,): items up to the end of each group of equal scores.
    """

    order: Ints
    ends: Ints

    @classmethod
    def of(cls, values: Floats) -> Ranking:
        """Sort scores, shape (m,), all finite."""
        order = np.argsort(-values, kind="stable")
        ordered = values[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
        return cls(order.astype(np.int64), ends.astype(np.int64))

    def _passed(self, truth: Bools, weights: Floats | None) -> tuple[Floats, Floats]:
        """Return the weight of edges, and of all items, up to the end of each group."""
        label = truth[self.order].astype(np.float64)
        if weights is None:
            return np.cumsum(label)[self.ends - 1], self.ends.astype(np.float64)
        weight = weights[self.order]
        return np.cumsum(label * weight)[self.ends - 1], np.cumsum(weight)[self.ends - 1]

    def auroc(self, truth: Bools, weights: Floats | None = None) -> float:
        """Return the share of (edge, other) comparisons that the edge wins, ties counting one half.

        ``truth`` has shape (m,), and so have the weights of the items, if any. NaN where a class is empty or has no
        weight.
        """
        hits, passed = self._passed(truth, weights)
        positive, negative = hits[-1], passed[-1] - hits[-1]
        if positive <= 0.0 or negative <= 0.0:
            return float("nan")
        before = np.concatenate([[0.0], hits[:-1]])
        misses = np.diff(passed - hits, prepend=0.0)
        return float((misses * (before + hits)).sum() / 2.0 / (positive * negative))

    def average_precision(self, truth: Bools, weights: Floats | None = None) -> float:
        """Return the area under precision and recall as steps; without skill it is the share of edges (prevalence).

        NaN where there is no edge, or none with a weight.
        """
        hits, passed = self._passed(truth, weights)
        if hits[-1] <= 0.0:
            return float("nan")
        precision = np.divide(hits, passed, out=np.zeros_like(hits), where=passed > 0.0)
        return float((np.diff(hits, prepend=0.0) * precision).sum() / hits[-1])

    def hits(self, truth: Bools, k: int) -> float:
        """Return the edges among the k highest scores; the mean over the orders of a group that k cuts."""
        passed = np.concatenate([[0], self.ends]).astype(np.float64)
        found = np.concatenate([[0.0], np.cumsum(truth[self.order].astype(np.float64))[self.ends - 1]])
        return float(np.interp(float(k), passed, found))

    def top(self, truth: Bools, k: int) -> TopK:
        """Return precision, recall and F1 of the k highest scores.

        Raises
        ------
        ValueError
            If k is not positive or there is no edge.
        """
        edges = int(truth.sum())
        if k < 1 or not edges:
            raise ValueError(f"the top {k!r} of {len(truth)} pairs with {edges} edges; need k and edges of 1 or more")
        k = min(k, len(truth))
        found = self.hits(truth, k)
        return TopK(k, found / k, found / edges, 2.0 * found / (k + edges))
