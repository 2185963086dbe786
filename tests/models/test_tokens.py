"""Tokenised cells: taken by cell, and counted by gene."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.models.tokens import NO_GENE, Tokens

cells_of_genes = st.lists(st.lists(st.integers(0, 9), unique=True, max_size=8), min_size=1, max_size=6)


def tokens_of(cells: list[list[int]]) -> Tokens:
    """Return cells that begin with a special token; tokens of genes are their positions and 100."""
    rows = [[NO_GENE, *genes] for genes in cells]
    genes = np.array([gene for row in rows for gene in row], dtype=np.int32)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Tokens(indptr, genes + 100, genes, genes.astype(np.float32), np.zeros(len(cells), dtype=np.int32))


@given(cells_of_genes)
def test_presence_counts_cells_and_leaves_special_tokens_out(cells: list[list[int]]) -> None:
    presence = tokens_of(cells).presence(10)
    assert presence.tolist() == [sum(gene in cell for cell in cells) for gene in range(10)]


@given(cells_of_genes, st.data())
def test_cells_are_taken_in_the_order_given(cells: list[list[int]], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, len(cells) - 1), max_size=8))
    taken = tokens_of(cells).take(wanted)
    expected = tokens_of([cells[place] for place in wanted]) if wanted else None
    assert len(taken) == len(wanted)
    if expected is not None:
        for name in ("indptr", "ids", "genes", "values", "cut"):
            np.testing.assert_array_equal(getattr(taken, name), getattr(expected, name))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    empty = np.zeros(0, dtype=np.int32)
    with pytest.raises(ValueError, match="do not fit together"):
        Tokens(np.array([0, 3]), empty, empty, None, np.zeros(1, dtype=np.int32))
    with pytest.raises(ValueError, match="do not fit together"):
        Tokens(np.array([0, 0]), empty, empty, np.zeros(2, dtype=np.float32), np.zeros(1, dtype=np.int32))
