"""Tokenised cells: for each cell the tokens that a model reads, and which gene each token is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_GENE", "Tokens"]

NO_GENE = -1
"""Stands where a token is no gene of the model: special tokens and padding."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Cells as a model reads them, one after another.

    Attributes
    ----------
    indptr
        Shape (cells + 1,), int64: cell ``c`` has the tokens ``indptr[c]`` to ``indptr[c + 1]``.
    ids
        Shape (n,), int32: rows of the model's token embedding.
    genes
        Shape (n,), int32: position of the token in ``model.genes``; :data:`NO_GENE` for special tokens.
    values
        Shape (n,), float32: what a model reads beside the token (log1p CP10K, or a bin); None where it reads none.
    cut
        Shape (cells,), int32: expressed genes of the vocabulary that did not fit into the model's context.

    Raises
    ------
    ValueError
        If the arrays do not fit together.
    """

    indptr: NDArray[np.int64]
    ids: NDArray[np.int32]
    genes: NDArray[np.int32]
    values: NDArray[np.float32] | None
    cut: NDArray[np.int32]

    def __post_init__(self) -> None:
        n = len(self.ids)
        lengths = {"genes": len(self.genes), "values": n if self.values is None else len(self.values)}
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong or len(self.indptr) != len(self.cut) + 1 or self.indptr[0] != 0 or self.indptr[-1] != n:
            raise ValueError(
                f"{n} tokens, {wrong or lengths} and {len(self.cut)} cells with indptr of {len(self.indptr)} "
                f"({self.indptr[0]} to {self.indptr[-1]}) do not fit together"
            )

    def __len__(self) -> int:
        return len(self.cut)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each cell, special ones included."""
        return np.diff(self.indptr)

    def presence(self, n_genes: int) -> NDArray[np.int64]:
        """Return for each of a model's genes the number of cells in which it is a token."""
        return np.bincount(self.genes[self.genes >= 0], minlength=n_genes).astype(np.int64)

    def take(self, cells: Sequence[int] | NDArray[np.integer]) -> Tokens:
        """Return some cells, in the order given."""
        rows = np.asarray(cells, dtype=np.int64)
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
        places = np.repeat(self.indptr[rows], lengths) + within
        values = None if self.values is None else self.values[places]
        return Tokens(indptr, self.ids[places], self.genes[places], values, self.cut[rows])
