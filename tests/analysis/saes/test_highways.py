from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from theodolite.analysis.saes import highways

CELLS, GENES = 100, 80
CELL, GENE = np.divmod(np.arange(CELLS * GENES), GENES)
POSITIONS = CELLS * GENES


def independent(rng: np.random.Generator, features: int, rate: float) -> np.ndarray:
    return rng.random((POSITIONS, features)) < rate


def test_f12_rare_features_that_share_nothing_are_all_on_a_highway_without_a_least_count():
    """F12: the largest PMI over all targets, after no count and beside no null. Here layers are independent."""
    rng = np.random.default_rng(0)
    earlier, later = independent(rng, 200, 0.003), independent(rng, 2_000, 0.003)
    published = highways(csr_array(earlier), csr_array(later), CELL, least_together=1, draws=9)
    assert published.share > 0.99, "published: 97 to 99.8 % of the features are on a highway"
    assert published.pmi.mean() > 5.0
    for null in published.nulls:
        assert null.shares.min() > 0.99 and null.p > 0.1, "and so they are in every shuffle"
    # Features that fire often enough to be judged, beside the same rare ones, and none is on a highway.
    judged = np.concatenate([earlier, independent(rng, 50, 0.03)], axis=1)
    found = highways(csr_array(judged), csr_array(later), CELL, draws=9)
    assert found.share == 0.0 and found.eligible.tolist() == [False] * 200 + [True] * 50
    assert (found.partner == -1).all() and np.isneginf(found.pmi).all()


def test_planted_highways_are_found_with_their_partners_and_shuffles_have_none():
    rng = np.random.default_rng(1)
    earlier, later = independent(rng, 40, 0.03), independent(rng, 60, 0.03)
    later[:, 20:30] = earlier[:, :10] & (rng.random((POSITIONS, 10)) < 0.8)
    found = highways(csr_array(earlier), csr_array(later), CELL, gene=GENE)
    assert found.share == 10 / 40 and found.partner[:10].tolist() == list(range(20, 30))
    assert found.pmi[:10] == pytest.approx(np.log2(1 / 0.03), abs=0.3)
    assert found.together[0] == (earlier[:, 0] & later[:, 20]).sum() and found.eligible.all()
    assert [null.null for null in found.nulls] == ["within_cells", "within_genes", "positions"]
    for null in found.nulls:
        assert null.shares.max() == 0.0 and null.p == 1 / 20 and null.moved > 0.97


@pytest.mark.parametrize(("of", "null"), [(CELL, "within_cells"), (GENE, "within_genes")])
def test_what_features_share_by_cell_or_by_gene_stays_in_the_null_that_keeps_it(of: np.ndarray, null: str):
    """Pairs of features fire in the same few cells, or on the same few genes, each at positions of its own."""
    rng = np.random.default_rng(2)
    on = np.repeat(rng.random((int(of.max()) + 1, 15)) < 0.06, 2, axis=1)
    earlier, later = ((on[of] & (rng.random((POSITIONS, 30)) < 0.9)) for _ in range(2))
    found = highways(csr_array(earlier), csr_array(later), CELL, gene=GENE)
    assert found.share > 0.7, "over positions nearly every feature is on a highway"
    by_name = {each.null: each for each in found.nulls}
    assert by_name[null].shares.mean() == pytest.approx(found.share, abs=0.05) and by_name[null].p > 0.05
    assert all(each.p == 1 / 20 for name, each in by_name.items() if name != null)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
@settings(max_examples=20)
def test_the_best_partner_is_that_of_a_loop_over_pairs(seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    earlier, later = (rng.random((60, features)) < 0.3 for features in (4, 5))
    earlier[:8, 0] = True
    found = highways(csr_array(earlier), csr_array(later), np.arange(60) % 6, least_together=least, draws=1)
    for feature in range(4):
        pmi = {}
        for other in range(5):
            both = int((earlier[:, feature] & later[:, other]).sum())
            if both >= least:
                pmi[other] = np.log2(both * 60 / (earlier[:, feature].sum() * later[:, other].sum()))
        assert found.pmi[feature] == pytest.approx(max(pmi.values(), default=-np.inf))
        if pmi:
            assert pmi[int(found.partner[feature])] == pytest.approx(found.pmi[feature])


def test_a_stored_zero_is_silence():
    layer = csr_array(np.ones((6, 2)))
    layer.data[layer.indices == 1] = 0.0
    assert layer.nnz == 12
    found = highways(layer, layer, np.arange(6), least_together=2, draws=1)
    assert found.eligible.tolist() == [True, False] and found.together.tolist() == [6, 0]


def test_layers_that_do_not_fit_are_refused_with_a_remedy():
    layer = csr_array(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"cells of \(3,\); give both layers, a cell and a gene for the same"):
        highways(layer, layer, [0, 0, 1])
    with pytest.raises(ValueError, match="none of 2 features is active at 100 of 4 positions; read more"):
        highways(layer, layer, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="0 draws, 1 positions together, PMI of 3"):
        highways(layer, layer, [0, 0, 1, 1], least_together=1, draws=0)
