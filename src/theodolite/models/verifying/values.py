"""Prediction of hidden values on cells that a model was not given, beside rivals that need no model.

For models that read a value beside each gene: scGPT's bins, and the compact model's log counts. There are no positions
that a rival could know.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from theodolite.models.tokens import Tokens

__all__ = ["ValueScores", "gene_means", "score_values"]

DRAWS = 2000

Predict = Callable[[Tokens], NDArray[np.floating]]


class ValueScores:
    """Squared errors at hidden values, by cell, of the model and its rivals.

    Attributes
    ----------
    cells
        Shape (h,): the cell of each hidden value.
    model, rivals
        Squared errors (h,); the rivals' by name.
    """

    def __init__(
        self, cells: NDArray[np.int64], model: NDArray[np.float64], rivals: dict[str, NDArray[np.float64]]
    ) -> None:
        self.cells, self.model, self.rivals = cells, model, rivals

    def gain(self, rival: str, seed: int) -> tuple[float, float, float]:
        """Return 1 - error / error of a rival with its 95 % interval of a bootstrap over cells."""
        own, other = (np.bincount(self.cells, weights=errors) for errors in (self.model, self.rivals[rival]))
        n_cells = len(own)
        draws = np.random.default_rng(seed).multinomial(n_cells, np.full(n_cells, 1 / n_cells), DRAWS)
        low, high = np.quantile(1 - (draws @ own) / (draws @ other), (0.025, 0.975))
        return float(1 - own.sum() / other.sum()), float(low), float(high)


def gene_means(tokens: Tokens, n_genes: int) -> NDArray[np.float64]:
    """Return the mean value of each gene over the cells that have it, the mean of all values for a gene of none."""
    assert tokens.values is not None
    genes = tokens.genes >= 0
    sums = np.bincount(tokens.genes[genes], weights=tokens.values[genes], minlength=n_genes)
    times = np.bincount(tokens.genes[genes], minlength=n_genes)
    overall = float(tokens.values[genes].mean())
    return np.where(times > 0, sums / np.maximum(times, 1), overall)


def score_values(
    predict: Predict,
    fitted_on: Tokens,
    held_out: Tokens,
    n_genes: int,
    mask_value: float,
    *,
    mask_share: float = 0.15,
    seed: int = 0,
) -> ValueScores:
    """Hide a share of the values of held-out cells and score what is said of them.

    Parameters
    ----------
    predict
        From tokens to predictions, one a token.
    fitted_on, held_out
        Cells that the rivals are fitted on, and cells that nothing has seen.
    n_genes
        Genes of the model.
    mask_value
        What the model reads in place of a hidden value.
    mask_share, seed
        Of the hidden values.

    Returns
    -------
    ValueScores
        With the rivals ``gene mean`` (nothing but which gene it is, as unigram is for a model that names genes) and
        ``model, context shuffled`` (the visible values of each cell in random order).
    """
    assert held_out.values is not None
    draw = np.random.default_rng(seed)
    hidden = (draw.random(len(held_out.ids)) < mask_share) & (held_out.genes >= 0)
    truth = held_out.values[hidden].astype(np.float64)
    cells = np.repeat(np.arange(len(held_out)), held_out.lengths)[hidden]
    masked = np.where(hidden, np.float32(mask_value), held_out.values)
    shuffled = masked.copy()
    for cell in range(len(held_out)):
        here = np.arange(held_out.indptr[cell], held_out.indptr[cell + 1])
        visible = here[(held_out.genes[here] >= 0) & ~hidden[here]]
        shuffled[visible] = draw.permutation(shuffled[visible])

    def errors(values: NDArray[np.float32]) -> NDArray[np.float64]:
        read = Tokens(held_out.indptr, held_out.ids, held_out.genes, values, held_out.cut)
        return (np.asarray(predict(read), dtype=np.float64)[hidden] - truth) ** 2

    means = gene_means(fitted_on, n_genes)[held_out.genes[hidden]]
    rivals = {"gene mean": (means - truth) ** 2, "model, context shuffled": errors(shuffled)}
    return ValueScores(cells, errors(masked), rivals)
