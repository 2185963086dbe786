from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry.nulls import against, gene_schemes, quantile_strata
from theodolite.gates.kernels import permutations


def test_p_counts_the_observed_value_among_the_draws():
    drawn = np.arange(99.0)[:, None]
    found = against("test", np.array([95.0]), drawn, moved=1.0)
    assert found.p[0] == pytest.approx((1 + 4) / 100) and found.p_any == found.p[0]
    assert against("test", np.array([1e9]), drawn, moved=1.0).p[0] == found.floor == pytest.approx(0.01)
    assert found.z[0] == pytest.approx((95.0 - 49.0) / np.arange(99.0).std())


def test_the_best_of_many_places_pays_for_the_choice():
    rng = np.random.default_rng(0)
    chosen, paid = 0, 0
    for _ in range(200):
        everything = rng.standard_normal((200, 20))
        found = against("test", everything[0], everything[1:], moved=1.0)
        chosen += found.p.min() <= 0.05
        paid += found.p_any <= 0.05
    assert chosen > 100, "the smallest of twenty p-values is small by choice"
    # A binomial of 200 at 0.05 stays at or below 21 in all but 1 of 1,000 runs.
    assert paid <= 21


def test_a_place_that_no_draw_changes_shows_nothing():
    found = against("test", np.array([3.0, 1.0]), np.tile([3.0, 0.0], (19, 1)), moved=0.0)
    assert found.z.tolist() == [0.0, 0.0] and found.p[0] == 1.0


def test_strata_hold_genes_of_like_degree_and_blocks_hold_families():
    degree = np.repeat([0.0, 1.0, 2.0, 5.0, 40.0], 6)
    schemes = gene_schemes(30, degree=degree, families=[f"f{i // 2}" for i in range(30)])
    assert list(schemes) == ["gene_labels", "degree_strata", "family_block_swap"]
    for image in permutations(schemes["degree_strata"], 20, 1):
        assert np.array_equal(degree[image], degree)
    for image in permutations(schemes["family_block_swap"], 20, 1):
        assert np.array_equal(image[::2] // 2, image[1::2] // 2)
    assert len(set(quantile_strata(degree, 5))) >= 4
    with pytest.raises(ValueError, match="2 families for 30 genes"):
        gene_schemes(30, families=["a", "b"])
