from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from theodolite.gates.bipartite import contrast_bipartite
from theodolite.gates.nulls import contrast_genes, evidence_against
from theodolite.gates.power import (
    blinded_spread_bipartite,
    blinded_spread_pairs,
    blinded_spread_set,
    minimum_detectable_effect,
)
from theodolite.measurements.centring import double_centred_bipartite


def test_the_minimum_detectable_effect_is_that_of_a_normal_test():
    assert minimum_detectable_effect(0.1, 0.001) == pytest.approx(0.1 * (norm.ppf(0.999) + norm.ppf(0.9)))


def test_the_spread_of_a_set_of_unrelated_genes_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    member = np.isin(np.arange(300), rng.choice(300, 30, replace=False))
    spread = blinded_spread_set(member, [f"F{i}" for i in range(300)], *rng.gamma(2.0, 1.0, (2, 300)), seed=1)
    assert spread == pytest.approx((301 / (12 * 30 * 270)) ** 0.5, rel=0.1)


def test_paralogues_and_few_pairs_widen_the_spread():
    rng = np.random.default_rng(0)
    mean, variance = rng.gamma(2.0, 1.0, (2, 300))
    member = np.isin(np.arange(300) // 5, rng.choice(60, 8, replace=False))
    related = [f"F{i // 5}" for i in range(300)]
    unrelated = [f"F{i}" for i in range(300)]
    assert blinded_spread_set(member, related, mean, variance, 1) > 1.3 * blinded_spread_set(
        member, unrelated, mean, variance, 1
    )
    spreads = []
    for count in (30, 300):
        i, j = np.nonzero(np.triu(np.ones((100, 100)), 1))
        chosen = rng.choice(len(i), count, replace=False)
        edges = np.zeros((100, 100), dtype=bool)
        edges[i[chosen], j[chosen]] = edges[j[chosen], i[chosen]] = True
        spreads.append(blinded_spread_pairs(edges, unrelated[:100], mean[:100], variance[:100], 1))
    assert spreads[0] > 2 * spreads[1]


def test_an_effect_of_the_minimum_detectable_size_is_found_about_nine_times_in_ten():
    alpha, found = 0.01, 0
    rng = np.random.default_rng(0)
    member = np.isin(np.arange(300), rng.choice(300, 40, replace=False))
    families = [f"F{i // 2}" for i in range(300)]
    mean, variance = rng.gamma(2.0, 1.0, (2, 300))
    detectable = minimum_detectable_effect(blinded_spread_set(member, families, mean, variance, 1), alpha)
    shift = 2**0.5 * norm.ppf(0.5 + detectable)
    for seed in range(200):
        score = np.random.default_rng(seed).standard_normal(300) + shift * member
        contrast = contrast_genes(score, member, families, mean, variance)
        found += max(evidence_against(contrast, null, 999, seed).p for null in contrast.schemes) <= alpha
    assert 160 <= found <= 195


def regulon(edges: int, family: int, seed: int = 0) -> dict:
    """A reference of 48 regulators and 90 targets, spread evenly or over whole families."""
    rng = np.random.default_rng(seed)
    reference = np.zeros((48, 90), dtype=bool)
    if family == 1:
        reference.ravel()[rng.choice(reference.size, edges, replace=False)] = True
    else:
        blocks = np.zeros((48 // family, 90 // family), dtype=bool)
        blocks.ravel()[rng.choice(blocks.size, edges // family**2, replace=False)] = True
        reference = np.repeat(np.repeat(blocks, family, axis=0), family, axis=1)
    return {
        "edges": reference,
        "regulator_families": [f"R{i // family}" for i in range(48)],
        "target_families": [f"T{i // family}" for i in range(90)],
        "target_mean": rng.gamma(2.0, 1.0, 90),
        "target_dropout": rng.random(90),
    }


def test_the_spread_of_an_unrelated_regulon_is_that_of_mann_and_whitney():
    spread = blinded_spread_bipartite(**regulon(200, 1), seed=1, panel=("family_block_swap",))
    assert spread == pytest.approx((4_321 / (12 * 200 * 4_120)) ** 0.5, rel=0.1)


def test_paralogous_regulons_and_few_edges_widen_the_spread():
    spread = blinded_spread_bipartite(**regulon(216, 1), seed=1)
    assert blinded_spread_bipartite(**regulon(216, 3), seed=1) > 1.3 * spread
    assert blinded_spread_bipartite(**regulon(40, 1), seed=1) > 1.8 * spread


def test_the_widest_null_of_the_panel_counts():
    design = regulon(216, 3)
    coexpression = np.random.default_rng(2).standard_normal((48, 90))
    spreads = [
        blinded_spread_bipartite(**design, seed=1, coexpression=coexpression, panel=(null,))
        for null in ("family_block_swap", "curveball", "stratified_labels", "coexpression_strata")
    ]
    assert blinded_spread_bipartite(**design, seed=1, coexpression=coexpression) == max(spreads)
    assert blinded_spread_bipartite(**design, seed=1) == max(spreads[:3])
    with pytest.raises(ValueError, match="coexpression_strata"):
        blinded_spread_bipartite(**design, seed=1, panel=("coexpression_strata",))


def test_an_edge_signal_of_the_minimum_detectable_size_is_found_about_nine_times_in_ten():
    alpha, found = 0.01, 0
    design = regulon(120, 1)
    edges = design["edges"]
    detectable = minimum_detectable_effect(blinded_spread_bipartite(**design, seed=1), alpha)
    shift = 2**0.5 * norm.ppf(0.5 + detectable)
    blank = contrast_bipartite(np.zeros((48, 90)), **design)
    for seed in range(120):
        noise = double_centred_bipartite(np.random.default_rng(seed).standard_normal((48, 90)), blank.pairs)
        contrast = blank.replaced(noise / noise.std() + shift * edges)
        found += max(evidence_against(contrast, null, 999, seed).p for null in contrast.names) <= alpha
    assert 90 <= found <= 118
