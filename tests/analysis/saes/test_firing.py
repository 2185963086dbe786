from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from theodolite.analysis.saes import firing_controlled

F = 400


def rates(rng: np.random.Generator, features: int = F) -> np.ndarray:
    return np.minimum(rng.lognormal(-5.0, 1.5, features), 1.0)


def test_f13_degree_follows_the_firing_rate_and_so_does_all_that_it_is_said_to_go_with():
    """F13: degree has a rho of 0.84 with the firing rate. Two counts that only follow the rate agree at rho 0.83."""
    raw, partial, p = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rate = rates(rng)
        degree, sets = (rng.poisson(scale * rate * rng.lognormal(0.0, 0.5, F)) for scale in (2_000.0, 1_000.0))
        found = firing_controlled(degree, sets, rate, draws=199, seed=seed)
        assert min(found.with_rate) > 0.75
        raw.append(found.raw)
        partial.append(found.partial)
        p.append(found.p)
    assert min(raw) > 0.75, "published: hubs are what is annotated"
    assert abs(np.mean(partial)) < 0.05 and np.max(np.abs(partial)) < 0.2
    # A binomial of 20 at 0.05 stays at or below 4 in all but about 3 of 1,000 runs.
    assert np.sum(np.array(p) <= 0.05) <= 4


def test_a_planted_relation_beyond_the_firing_rate_is_found_though_the_raw_correlation_hides_it():
    """What both share raises both; the firing rate raises one and lowers the other."""
    rng = np.random.default_rng(0)
    rate, shared = rates(rng), rng.standard_normal(F)
    lasting = shared + np.log(rate) + 0.5 * rng.standard_normal(F)
    sets = shared - np.log(rate) + 0.5 * rng.standard_normal(F)
    found = firing_controlled(lasting, sets, rate)
    assert found.raw < 0.0 and found.partial > 0.5 and found.p == 1 / 1_000
    assert found.with_rate[0] > 0.5 and found.with_rate[1] < -0.5 and found.features == F and found.classes == 20


def test_a_bend_that_a_straight_line_leaves_is_no_finding_among_features_of_like_rate():
    """Both numbers are largest at middling rates. No line takes that out, but features of like rate share it."""
    p = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rate = rates(rng)
        bend = -np.abs(rankdata(rate) / F - 0.5)
        one, other = (bend + 0.1 * rng.standard_normal(F) for _ in range(2))
        found = firing_controlled(one, other, rate, draws=199, seed=seed)
        assert found.partial > 0.4
        p.append(found.p)
    assert np.sum(np.array(p) <= 0.05) <= 4


@given(st.integers(0, 2**32 - 1), st.integers(10, 60), st.integers(1, 6))
@settings(max_examples=20)
def test_the_partial_correlation_is_that_of_the_textbook_with_ties(seed: int, features: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    rate = rates(rng, features)
    one, other = (np.append(rng.integers(0, values + 1, features - 2), [0, values]) for _ in range(2))
    found = firing_controlled(one, other, rate, draws=1)
    ab, ar, br = (float(spearmanr(x, y).statistic) for x, y in ((one, other), (one, rate), (other, rate)))
    assert found.raw == pytest.approx(ab, abs=1e-9) and found.with_rate == pytest.approx((ar, br), abs=1e-9)
    assert found.partial == pytest.approx((ab - ar * br) / np.sqrt((1.0 - ar**2) * (1.0 - br**2)), abs=1e-6)


def test_only_ranks_count_and_a_number_that_is_the_rate_leaves_nothing():
    rng = np.random.default_rng(1)
    rate, one, other = rates(rng), rng.random(F), rng.random(F)
    plain = firing_controlled(one, other, rate, draws=49)
    assert plain == firing_controlled(np.exp(9.0 * one), rankdata(other), np.sqrt(rate), draws=49)
    none = firing_controlled(np.log(rate), other, rate, draws=49)
    assert none.partial == 0.0 and none.with_rate[0] == pytest.approx(1.0) and none.p == 1.0


def test_numbers_that_cannot_be_correlated_are_refused_with_a_remedy():
    rate = np.full(12, 0.1)
    with pytest.raises(ValueError, match=r"shapes \(12,\) and \(11,\).*10 features or more"):
        firing_controlled(np.arange(12), np.arange(11), rate)
    with pytest.raises(ValueError, match="firing rates from 0 to 0.1.*leave dead features"):
        firing_controlled(np.arange(12), np.arange(12), np.append(rate[1:], 0.0))
    with pytest.raises(ValueError, match="a number is the same for all features"):
        firing_controlled(np.ones(12), np.arange(12), rate)
