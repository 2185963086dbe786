from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import bin_trend, confidence_gradient, score_bins

N = 100
GENES = [f"G{i}" for i in range(N)]


def scored_pairs(axis: np.ndarray, rng: np.random.Generator, slope: float) -> list[tuple[str, str, float]]:
    """Pairs whose score follows how near both genes are on the axis."""
    found = []
    for _ in range(400):
        a, b = rng.choice(N, 2, replace=False)
        found.append((GENES[a], GENES[b], float(slope * axis[a] * axis[b] + rng.standard_normal())))
    return found


def test_bins_are_cut_at_quantiles_and_an_edge_belongs_to_the_bin_above():
    scores = np.arange(1.0, 11.0)
    found = score_bins(scores, 3)
    assert found.edges == pytest.approx(np.quantile(scores, [0, 1 / 3, 2 / 3, 1]))
    assert found.index.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert found.counts.tolist() == [3, 3, 4] and found.middles == pytest.approx([2.5, 5.5, 8.5])


def test_bins_without_scores_and_too_few_bins_are_refused():
    with pytest.raises(ValueError, match="many equal ones leave a bin"):
        score_bins([1.0] * 50 + [2.0], 5)
    with pytest.raises(ValueError, match="2 bins have no gradient"):
        score_bins([1.0, 2.0, 3.0], 2)


def test_f6_a_perfect_gradient_over_five_bins_has_an_exact_p():
    assert bin_trend([1.0, 1.5, 2.1, 3.2, 5.0]).p == pytest.approx(2 / 120)


def test_a_planted_gradient_is_found_over_bins_and_over_pairs():
    rng = np.random.default_rng(0)
    axis = rng.standard_normal((2, N))
    found = confidence_gradient(axis, GENES, scored_pairs(axis[0], rng, 1.5), draws=199)
    assert found.trend.rho > 0.8 and found.z.shape == (2, 5)
    assert found.rank_correlation > 0.2
    assert all(null.p[0] == null.floor for null in found.nulls), "finer than five bins can be"


def test_no_gradient_is_found_where_scores_are_random():
    p = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        axis = rng.standard_normal((1, N))
        p.append(confidence_gradient(axis, GENES, scored_pairs(axis[0], rng, 0.0), draws=99, seed=seed).nulls[0].p[0])
    # A binomial of 40 at 0.05 stays at or below 7 in all but about 1 of 1,000 runs.
    assert sum(value <= 0.05 for value in p) <= 7


def test_a_pair_counts_once_with_its_larger_score_and_strangers_are_left_out():
    rng = np.random.default_rng(1)
    axis = rng.standard_normal(N)
    pairs = scored_pairs(axis, rng, 1.0)
    twice = [*pairs, *((b, a, score - 1.0) for a, b, score in pairs), ("G0", "X", 9.0)]
    once, again = (confidence_gradient(axis, GENES, given, draws=49) for given in (pairs, twice))
    assert once.bins.edges == pytest.approx(again.bins.edges) and once.mean_z == pytest.approx(again.mean_z)
    with pytest.raises(ValueError, match="0 scored pairs are among the genes"):
        confidence_gradient(axis, GENES, [("X", "Y", 1.0)])
