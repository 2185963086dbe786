from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.analysis.saes import top_genes
from theodolite.analysis.saes.top_genes import membership

GENES = [f"G{i:02d}" for i in range(12)]


def test_top_genes_fall_in_activation_and_genes_with_a_mean_of_zero_never_count():
    activation = np.zeros((12, 2))
    activation[[7, 1, 4], 0] = 3.0, 2.0, 1.0
    assert top_genes(activation, GENES, 5).tolist() == [[7, 1, 4, -1, -1], [-1] * 5]
    assert membership(top_genes(activation, GENES, 2), 12).toarray().nonzero()[1].tolist() == [1, 7]


def test_ties_do_not_favour_neighbours_in_the_alphabet():
    """Paralogues are neighbours by name. Of a hundred equal genes the first twenty are no family of twenty."""
    genes = [f"RPL{i:03d}" for i in range(100)]
    chosen = top_genes(np.ones((100, 1)), genes, 20)[0]
    assert len(set(chosen.tolist())) == 20 and (chosen < 20).sum() < 10
    assert (top_genes(np.ones((100, 3)), genes, 20) == chosen).all(), "the same for every feature"


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_order_of_the_rows_does_not_matter_and_the_values_are_the_largest(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    activation, order = rng.integers(0, 4, (12, 5)).astype(float), rng.permutation(12)
    found = top_genes(activation, GENES, n)
    again = top_genes(activation[order], [GENES[i] for i in order], n)
    assert np.where(again >= 0, order[again], -1).tolist() == found.tolist()
    for feature, chosen in enumerate(found):
        largest = np.sort(activation[:, feature])[::-1][:n]
        assert activation[chosen[chosen >= 0], feature].tolist() == largest[largest > 0].tolist()


def test_what_is_no_mean_activation_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"\(3, 2\) for 12 gene names; give \(genes, features\)"):
        top_genes(np.ones((3, 2)), GENES)
    with pytest.raises(ValueError, match="names repeat: G00; average the tokens"):
        top_genes(np.ones((12, 2)), ["G00", *GENES[:11]], 3)
    with pytest.raises(ValueError, match="of G03 are not finite; leave genes without tokens out"):
        top_genes(np.where(np.arange(12)[:, None] == 3, np.nan, 1.0), GENES, 3)
    with pytest.raises(ValueError, match="a mean activation is -1; features are 0"):
        top_genes(-np.ones((12, 2)), GENES, 3)
    with pytest.raises(ValueError, match="top 20 of 12 genes; give n from 1 to 12"):
        top_genes(np.ones((12, 2)), GENES)
