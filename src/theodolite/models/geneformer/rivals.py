"""Rivals of masked gene prediction that look at no other gene: how frequent genes are, and how frequent at a rank."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from theodolite.models.tokens import Tokens

__all__ = ["PositionOnly", "Unigram", "position_only", "unigram"]

WINDOWS = (2, 8, 32, 128)
BACKOFFS = (3.0, 30.0, 300.0)


@dataclass(frozen=True, eq=False)
class Unigram:
    """Genes by how many training cells have them among their tokens, with half a cell added to each.

    Attributes
    ----------
    log_p
        Shape (genes,).
    """

    log_p: NDArray[np.float64]

    def log_probabilities(self, ranks: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return log probabilities (n, genes), the same at every rank."""
        return np.broadcast_to(self.log_p, (len(ranks), len(self.log_p)))


@dataclass(frozen=True, eq=False)
class PositionOnly:
    """Genes by how often they stand near a rank in training cells.

    Attributes
    ----------
    log_p
        Shape (ranks, genes); ranks beyond the last are taken for the last.
    window
        Ranks to either side that are pooled.
    backoff
        Weight of the frequency over all ranks, in tokens.
    """

    log_p: NDArray[np.float64]
    window: int
    backoff: float

    def log_probabilities(self, ranks: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return log probabilities (n, genes) at ranks counted from zero."""
        found: NDArray[np.float64] = self.log_p[np.minimum(ranks, len(self.log_p) - 1)]
        return found


def unigram(tokens: Tokens, n_genes: int) -> Unigram:
    """Fit the frequencies of genes."""
    counts = tokens.presence(n_genes) + 0.5
    return Unigram(np.log(counts / counts.sum()))


def position_only(tokens: Tokens, n_genes: int) -> PositionOnly:
    """Fit the frequencies of genes by rank.

    Window and back-off are those with which one half of the cells predicts the other half best.

    Raises
    ------
    ValueError
        If there are fewer than two cells.
    """
    if len(tokens) < 2:
        raise ValueError("a rival by rank is fitted on two cells at least")
    halves = [tokens.take(np.arange(part, len(tokens), 2)) for part in (0, 1)]
    tables = [_table(half, n_genes) for half in halves]
    other = tables[1]

    def loss(choice: tuple[int, float]) -> float:
        log_p = _smoothed(tables[0], unigram(halves[0], n_genes), *choice)
        shared = min(len(log_p), len(other))
        return -float((other[:shared] * log_p[:shared]).sum())

    window, backoff = min(product(WINDOWS, BACKOFFS), key=loss)
    log_p = _smoothed(_table(tokens, n_genes), unigram(tokens, n_genes), window, backoff)
    return PositionOnly(log_p, window, backoff)


def _table(tokens: Tokens, n_genes: int) -> NDArray[np.float64]:
    """Return how often each gene stands at each rank, (ranks, genes)."""
    cell = np.repeat(np.arange(len(tokens)), tokens.lengths)
    is_gene = tokens.genes >= 0
    cell, genes = cell[is_gene], tokens.genes[is_gene]
    starts = np.searchsorted(cell, np.arange(len(tokens)))
    ranks = np.arange(len(cell)) - starts[cell]
    table = np.zeros((int(ranks.max()) + 1, n_genes))
    np.add.at(table, (ranks, genes), 1.0)
    return table


def _smoothed(table: NDArray[np.float64], everywhere: Unigram, window: int, backoff: float) -> NDArray[np.float64]:
    summed = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
    ranks = np.arange(len(table))
    pooled = summed[np.minimum(ranks + window + 1, len(table))] - summed[np.maximum(ranks - window, 0)]
    mixed = pooled + backoff * np.exp(everywhere.log_p)
    found: NDArray[np.float64] = np.log(mixed / mixed.sum(axis=1, keepdims=True))
    return found
