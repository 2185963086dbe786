"""Effects on discovery units: what an executor may look at. Exploratory; no null, no p, no verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate
from theodolite.gates.adjust import midranks
from theodolite.gates.catalogue2.views import adjusted_score
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, Measurement, PairScores

__all__ = ["exploratory_effects"]

LEAST_GENES = 3
"""A reference with fewer genes among the discovery genes shows nothing."""


def _auroc(rank: NDArray[np.float64], label: NDArray[np.bool_]) -> float:
    m, n = int(label.sum()), len(label)
    return float((rank[label].sum() - m * (m + 1) / 2) / (m * (n - m)))


def exploratory_effects(
    measurement: Measurement,
    labels: Mapping[str, NDArray[np.bool_]],
    adjustment: tuple[Covariate, ...],
    coexpression: Coexpression | None,
) -> dict[str, tuple[float, int]]:
    """Return AUROC - 0.5 of each reference in a measurement, adjusted as the gates will adjust it.

    Parameters
    ----------
    measurement
        Scores of discovery genes.
    labels
        By reference: (n,) membership of genes, (n, n) symmetric pairs of two families, or (r, t) edges.
    adjustment, coexpression
        What claims on this shape hold fixed, and the co-expression of the discovery genes where they hold that fixed.

    Returns
    -------
    dict
        Effect and number of the reference's genes; references with fewer than 3 genes, or with all, are left out.
    """
    adjusted = adjusted_score(measurement, adjustment, coexpression)
    if isinstance(measurement, GeneScores):
        rank = midranks(adjusted)
        flat = {name: (label, int(label.sum())) for name, label in labels.items()}
    else:
        assert isinstance(measurement, (PairScores, BipartiteScores))
        candidates = measurement.candidates()
        if isinstance(measurement, PairScores):
            candidates = np.triu(candidates)
        rank = midranks(adjusted[candidates])
        flat = {
            name: (edges[candidates], int(edges.any(axis=1).sum() + edges.any(axis=0).sum()))
            for name, edges in labels.items()
        }
        if isinstance(measurement, PairScores):
            flat = {name: (label, genes // 2) for name, (label, genes) in flat.items()}
    return {
        name: (_auroc(rank, label) - 0.5, genes)
        for name, (label, genes) in flat.items()
        if genes >= LEAST_GENES and label.any() and not label.all()
    }
