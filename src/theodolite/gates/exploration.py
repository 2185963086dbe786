"""Effects on discovery units: what an executor may look at. Exploratory; no null, no p, no verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import adjusted_genes, adjusted_pairs, midranks
from theodolite.measurements import GeneScores, PairScores

__all__ = ["exploratory_effects"]

LEAST_GENES = 3
"""A reference with fewer genes among the discovery genes shows nothing."""


def _auroc(rank: NDArray[np.float64], label: NDArray[np.bool_]) -> float:
    m, n = int(label.sum()), len(label)
    return float((rank[label].sum() - m * (m + 1) / 2) / (m * (n - m)))


def exploratory_effects(
    measurement: GeneScores | PairScores, labels: Mapping[str, NDArray[np.bool_]]
) -> dict[str, tuple[float, int]]:
    """Return AUROC - 0.5 of each reference in a measurement, adjusted as the gates will adjust it.

    Parameters
    ----------
    measurement
        Scores of discovery genes.
    labels
        By reference: (n,) membership of genes, or (n, n) symmetric pairs of two families.

    Returns
    -------
    dict
        Effect and number of the reference's genes; references with fewer than 3 genes, or with all, are left out.
    """
    covariates = measurement.covariates
    if isinstance(measurement, GeneScores):
        rank = midranks(adjusted_genes(measurement.score, covariates))
        flat = {name: (label, int(label.sum())) for name, label in labels.items()}
    else:
        candidates = np.triu(measurement.candidates())
        rank = midranks(adjusted_pairs(measurement.score, covariates)[candidates])
        flat = {name: (edges[candidates], int(edges.any(axis=1).sum())) for name, edges in labels.items()}
    return {
        name: (_auroc(rank, label) - 0.5, genes)
        for name, (label, genes) in flat.items()
        if genes >= LEAST_GENES and label.any() and not label.all()
    }
