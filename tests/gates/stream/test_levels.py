from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.e_values import ELond
from online_fdr.p_values.investing.lond.lond import Lond

from theodolite.gates.stream import StreamExhausted, e_lond_level, gamma, level_at, level_rule, settle_level

RULES = st.sampled_from(["r-lond", "e-lond"])


def test_levels_and_decisions_are_those_of_lond_for_dependent_tests(package_weights):
    q, n_max = 0.10, 200
    oracle = Lond(alpha=q, dependent=True)
    oracle.seq = package_weights(n_max)
    supports = 0
    for t, p in enumerate(10 ** -np.random.default_rng(0).uniform(0, 6, n_max), start=1):
        level = settle_level(t, supports, q, n_max)
        rejected = oracle.test_one(float(p))
        assert level.alpha == pytest.approx(oracle.alpha)
        assert (p <= level.alpha) == rejected
        supports += rejected
    assert supports > 20


@pytest.mark.parametrize("seed", range(3))
def test_levels_and_decisions_are_those_of_e_lond(seed, package_weights):
    q, n_max = 0.10, 200
    oracle = ELond(alpha=q, gamma_seq=package_weights(n_max))
    supports = 0
    for t, e in enumerate(10 ** np.random.default_rng(seed).uniform(-1, 6, n_max), start=1):
        level = e_lond_level(t, supports, q, n_max)
        rejected = oracle.test_one(float(e))
        assert level.alpha == pytest.approx(oracle.current_level)
        assert (e >= 1 / level.alpha) == rejected
        supports += rejected
    assert 20 < supports < 180


@pytest.mark.parametrize(("t", "supports", "e_needed"), [(1, 0, 200), (10, 3, 686), (50, 10, 1_163), (200, 30, 1_685)])
def test_what_a_support_costs_in_the_published_sequence_without_rescaling(t, supports, e_needed):
    """The constant 0.0722 sums to 0.329 over 4,000 tests; without our rescaling levels are smaller by that factor."""
    assert 1 / e_lond_level(t, supports, 0.10, 4_000).alpha == pytest.approx(0.329 * e_needed, rel=0.01)


@given(st.integers(1, 300), st.data())
def test_the_two_rules_differ_by_the_harmonic_number(t, data):
    before = data.draw(st.integers(0, t - 1))
    for_p, for_e = settle_level(t, before, 0.1, 300), e_lond_level(t, before, 0.1, 300)
    assert (for_p.gamma, for_p.harmonic) == (for_e.gamma, for_e.harmonic)
    assert for_p.alpha == for_e.alpha / for_e.harmonic
    assert level_at("r-lond", t, before, 0.1, 300) == for_p
    assert level_at("e-lond", t, before, 0.1, 300) == for_e


def test_the_false_discovery_rate_of_a_null_stream_is_below_its_target():
    rng, campaigns, false = np.random.default_rng(1), 2_000, 0
    for _ in range(campaigns):
        false += any(p <= settle_level(t, 0, 0.1, 200).alpha for t, p in enumerate(rng.random(60), start=1))
    assert false / campaigns < 0.1


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_e_lond_keeps_the_false_discovery_rate_when_e_values_depend_on_each_other(correlation):
    """Likelihood ratios of equicorrelated normal variables; one in five has a mean of 3.5 and is a true claim."""
    rng, campaigns, tests, q = np.random.default_rng(2), 400, 100, 0.10
    proportions, found = [], 0
    for _ in range(campaigns):
        shared, own = rng.normal(), rng.normal(size=tests)
        true = rng.random(tests) < 0.2
        z = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own + 3.5 * true
        supported = []
        for t, e in enumerate(np.exp(3.5 * z - 3.5**2 / 2), start=1):
            if e >= 1 / e_lond_level(t, len(supported), q, 200).alpha:
                supported.append(t - 1)
        proportions.append(np.mean(~true[supported]) if supported else 0.0)
        found += int(true[supported].sum())
    assert found > campaigns
    assert np.mean(proportions) <= q


@pytest.mark.parametrize("true_claims", [0, 1, 6])
def test_the_least_favourable_dependence_uses_up_the_target_and_no_more(true_claims):
    """After some true claims come nulls whose e-values never occur together and just reach their level when they do.

    Each null e-value is 1 / alpha with probability alpha, so its mean is 1; one uniform variable, laid out on a grid
    and not drawn, decides which of them occurs. The false-discovery rate is q times the gammas of the nulls.
    """
    q, n_max, grid = 0.10, 200, 1_000
    alphas = [e_lond_level(t, true_claims, q, n_max).alpha for t in range(true_claims + 1, n_max + 1)]
    assert sum(alphas) < 1
    occurring = np.searchsorted(np.cumsum(alphas), (np.arange(grid) + 0.5) / grid)
    rate = 0.0
    for null in occurring:
        supports, false = 0, 0
        for t in range(1, n_max + 1):
            true = t <= true_claims
            e = 1e9 if true else (1 / alphas[null] if t - true_claims - 1 == null else 0.0)
            supported = e >= 1 / e_lond_level(t, supports, q, n_max).alpha
            supports += supported
            false += supported and not true
        rate += false / max(supports, 1) / grid
    assert rate == pytest.approx(q * sum(gamma(t, n_max) for t in range(true_claims + 1, n_max + 1)), abs=1 / grid)
    assert rate <= q + 1 / grid


@given(RULES, st.integers(1, 300), st.data())
def test_the_provisional_level_is_never_above_the_level_at_record(name, t, data):
    before = data.draw(st.integers(0, t - 1))
    rule = level_rule("s", q=0.1, n_max=300, provisional_t=t, supports_before=before, rule=name)
    settled_t = data.draw(st.integers(before + 1, t))
    more = data.draw(st.integers(before, settled_t - 1))
    assert rule.provisional_alpha <= level_at(rule.rule, settled_t, more, 0.1, 300).alpha * (1 + 1e-12)


def test_a_plan_locks_r_lond_unless_told_otherwise():
    assert level_rule("s", q=0.1, n_max=300, provisional_t=1, supports_before=0).rule == "r-lond"


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'lond'"):
        level_at("lond", 1, 0, 0.1, 200)


@pytest.mark.parametrize("level", [settle_level, e_lond_level])
def test_a_stream_ends(level):
    with pytest.raises(StreamExhausted, match="test 201 of a stream of 200"):
        level(201, 0, 0.1, 200)


@pytest.mark.parametrize("level", [settle_level, e_lond_level])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 0.1, 10), "supports before"),
        ((3, 3, 0.1, 10), "0 to 2"),
        ((1, 0, 1.0, 10), "q is"),
        ((1, 0, 0.1, 0), "n_max"),
    ],
)
def test_numbers_out_of_range_are_refused(level, arguments, message):
    with pytest.raises(ValueError, match=message):
        level(*arguments)
