from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from theodolite.analysis.attention import depth_profiles, edge_labels, profile_contrast

LAYERS = 8


@pytest.fixture(scope="module")
def two(world):
    """Return attention in which interactions fade and regulation grows with depth, their labels, and noise labels."""
    w = world("nothing", seed=5)
    rng = np.random.default_rng(7)
    size = len(w.genes)
    lists = [{tuple(sorted(pair)) for pair in rng.integers(40, size, (300, 2)).tolist() if pair[0] != pair[1]}
             for _ in range(2)]  # fmt: skip
    ppi, noise = (
        edge_labels([(w.genes[i], w.genes[j]) for i, j in pairs], w.genes, directed=False, name=name)
        for pairs, name in zip(lists, ("ppi", "unrelated"), strict=True)
    )
    attention = np.stack([w.noise() for _ in range(LAYERS)])
    together = ppi.labels | ppi.labels.T
    for layer in range(LAYERS):
        attention[layer] += 1.5 * together * (1 - layer / (LAYERS - 1))
        attention[layer][w.edges.rows] += 1.5 * w.edges.labels * layer / (LAYERS - 1)
    return attention, ppi, w.edges, noise


def test_a_planted_rise_and_a_planted_fall_are_found_and_an_unrelated_reference_has_no_trend(two) -> None:
    attention, ppi, regulation, noise = two
    found = depth_profiles(attention, [ppi, regulation, noise], resamples=200)
    falls, rises, flat = found.of("ppi"), found.of("nothing"), found.of("unrelated")
    assert falls.trend.rho < -0.9 and falls.trend_high < 0 and falls.q < 0.01
    assert rises.trend.rho > 0.9 and rises.trend_low > 0 and rises.q < 0.01
    assert flat.trend_low < 0 < flat.trend_high and flat.q > 0.05
    assert (falls.peak, rises.peak) == (1, LAYERS)
    assert (falls.low < falls.auroc).all() and (falls.auroc < falls.high).all()
    assert rises.peak_share > 0.5 and len(found.frame()) == 3 * LAYERS


def test_interaction_against_regulation_are_profiles_that_run_against_each_other(two) -> None:
    attention, ppi, regulation, _ = two
    found = depth_profiles(attention, [ppi, regulation], resamples=200)
    contrast = profile_contrast(found.of("ppi"), found.of("nothing"))
    assert contrast.correlation.rho == pytest.approx(
        spearmanr(found.of("ppi").auroc, found.of("nothing").auroc).statistic
    )
    assert contrast.correlation.rho < -0.8 and contrast.trend.rho < -0.9
    assert contrast.low[0] > 0 and contrast.high[-1] < 0, "the one is better at the bottom, the other at the top"
    assert np.allclose(contrast.difference, found.of("ppi").auroc - found.of("nothing").auroc)


def test_rates_are_taken_over_the_references_that_were_profiled_together(two) -> None:
    attention, ppi, regulation, noise = two
    alone = depth_profiles(attention, [noise], resamples=50).of("unrelated")
    among = depth_profiles(attention, [ppi, regulation, noise], resamples=50)
    assert alone.q == alone.trend.p
    assert all(profile.q >= profile.trend.p - 1e-12 for profile in among.profiles)


def test_f6_four_layers_cannot_give_a_small_p(two) -> None:
    attention, ppi, _, _ = two
    few = depth_profiles(attention[[0, 2, 4, 7]], [ppi], resamples=50).of("ppi")
    trend = few.trend
    assert np.isnan([few.trend_low, few.trend_high]).all(), "all resamples agree on one of so few orders"
    assert trend.rho == pytest.approx(-1.0) and trend.p == pytest.approx(2 / 24)


def test_profiles_that_cannot_be_made_or_contrasted_are_refused(two) -> None:
    attention, ppi, regulation, _ = two
    with pytest.raises(ValueError, match="over 2 layers"):
        depth_profiles(attention[:2], [ppi])
    whole = depth_profiles(attention, [ppi], resamples=20).of("ppi")
    part = depth_profiles(attention[:5], [regulation], resamples=20).of("nothing")
    with pytest.raises(ValueError, match="ppi has 8 layers and nothing 5"):
        profile_contrast(whole, part)
    with pytest.raises(KeyError, match="'string' was not profiled"):
        depth_profiles(attention, [ppi], resamples=20).of("string")
