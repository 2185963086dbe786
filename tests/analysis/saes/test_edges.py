from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.analysis.saes import edge_density, top_genes

N = 300
GENES = [f"G{i:03d}" for i in range(N)]


def random_pairs(rng: np.random.Generator, share: float, chance: np.ndarray | None = None) -> set[tuple[str, str]]:
    """Return a share of all pairs, each gene taken with its chance."""
    count = round(share * N * (N - 1) / 2)
    ends = rng.choice(N, (count, 2), p=chance)
    return {(GENES[min(a, b)], GENES[max(a, b)]) for a, b in ends.tolist() if a != b}


def test_a_planted_module_is_found_under_every_null_and_noise_is_not():
    rng = np.random.default_rng(0)
    activation = rng.gamma(0.5, 1.0, (N, 60))
    activation[:15, 0] += 10.0
    planted = {pair for pair in combinations(GENES[:15], 2) if rng.random() < 0.5}
    found = edge_density(activation, GENES, random_pairs(rng, 0.01) | planted, draws=1_999)
    assert [null.null for null in found.nulls] == ["gene_labels", "degree_preserving"]
    assert found.found().nonzero()[0].tolist() == [0] and found.nulls[0].p[0] == 1 / 2_000
    assert found.pairs[0] > 30 and found.density[0] == found.pairs[0] / 190 and found.nulls[0].expected[0] < 5.0
    assert found.frame().shape == (60, 9) and found.nulls[0].moved > 0.9


def test_f10_one_pair_or_more_annotates_features_that_mean_nothing():
    """F10 (b): with one pair in a hundred in the reference, 190 pairs of twenty random genes hold one nearly always."""
    rng = np.random.default_rng(0)
    found = edge_density(rng.gamma(0.5, 1.0, (N, 200)), GENES, random_pairs(rng, 0.01), draws=999)
    assert (found.pairs >= 1).mean() > 0.75, "published: most features of nothing are annotated"
    assert found.nulls[0].at_least_one == pytest.approx(1.0 - 0.99**190, abs=0.05)
    assert not found.found().any()
    for null in found.nulls:
        # A binomial of 200 at 0.05 stays at or below 20 in all but about 1 of 1,000 runs.
        assert (null.p <= 0.05).sum() <= 20


def test_hubs_fool_gene_labels_but_not_graphs_with_their_degrees():
    """Well-known genes have most of the pairs, and highly expressed ones are top genes of many a feature."""
    rng = np.random.default_rng(1)
    fame = rng.lognormal(0.0, 1.0, N)
    pairs = random_pairs(rng, 0.01, fame / fame.sum())
    found = edge_density(fame[:, None] * rng.gamma(1.0, 1.0, (N, 80)), GENES, pairs, draws=499)
    labels, degrees = found.nulls
    assert (labels.q <= 0.05).mean() > 0.8, "permuted labels take fame for a signal"
    # One graph is one piece of evidence for all features of its hubs, so more than one test in twenty may agree.
    assert not (degrees.q <= 0.05).any() and (degrees.p <= 0.05).mean() <= 0.2
    assert degrees.expected.mean() == pytest.approx(found.pairs.mean(), rel=0.15)


def test_paralogues_fool_gene_labels_but_not_blocks_of_families():
    """Families are linked within themselves, and a feature of one paralogue is a feature of all."""
    rng = np.random.default_rng(2)
    family = np.arange(N) // 5
    activation = rng.gamma(0.5, 1.0, (N // 5, 60))[family] + 0.01 * rng.random((N, 60))
    inside = {(GENES[5 * f + a], GENES[5 * f + b]) for f in range(N // 5) for a, b in combinations(range(5), 2)}
    names = {gene: f"f{number}" for gene, number in zip(GENES, family.tolist(), strict=True)}
    found = edge_density(activation, GENES, inside, families=names, draws=499)
    blocks = found.nulls[-1]
    assert (found.nulls[0].q <= 0.05).all() and blocks.null == "family_block_swap"
    assert (blocks.p > 0.05).all() and blocks.moved == 0.0, "whatever family it is, its members are linked"
    assert not found.found().any()


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
@settings(max_examples=8)
def test_pairs_are_counted_as_a_loop_over_sets_counts_them(seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    activation = rng.random((N, 5)) * (rng.random((N, 5)) < 0.03)
    activation[:2] += 0.1
    pairs = random_pairs(rng, 0.1)
    found = edge_density(activation, GENES, pairs, top=top, draws=1)
    for feature, drawn, number in zip(found.feature, found.drawn, found.pairs, strict=True):
        names = [GENES[i] for i in top_genes(activation, GENES, top)[feature] if i >= 0]
        assert drawn == len(names) and number == sum((min(p), max(p)) in pairs for p in combinations(names, 2))


def test_what_has_no_pairs_is_refused_with_a_remedy():
    one = np.zeros((N, 2))
    one[3] = 1.0
    with pytest.raises(ValueError, match="none of 2 features is active on two genes"):
        edge_density(one, GENES, [("G000", "G001")])
    with pytest.raises(ValueError, match="no pair of the reference joins two of the 300 genes"):
        edge_density(np.ones((N, 2)), GENES, [("A", "B")])
    with pytest.raises(ValueError, match="0 draws give no null"):
        edge_density(one, GENES, [("G000", "G001")], draws=0)
