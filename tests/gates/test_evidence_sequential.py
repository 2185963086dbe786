from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.evidence import (
    Drawn,
    Stopping,
    besag_clifford_p,
    draws_for,
    draws_to_reach,
    equivalent_p_level,
    reaching_level,
    resolves,
    sequential_evidence,
    wealth,
)
from theodolite.gates.evidence import sequential as module
from theodolite.gates.evidence.sequential import HOPELESS

worlds = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-4, 1e-3, 0.01, 0.05, 0.3, 1.0]))
rules = st.one_of(
    st.builds(
        lambda threshold, b_max: Stopping("betting", b_max, threshold=threshold),
        st.sampled_from([2.0, 20.0, 200.0]),
        st.integers(1, 2_500),
    ),
    st.builds(lambda h, b_max: Stopping("besag_clifford", b_max, h=h), st.integers(1, 12), st.integers(1, 2_500)),
)


def statistics(seed: int, tail: float, draws: int) -> np.ndarray:
    """Draws of which a share ``tail`` reaches an observed statistic of 1, some of them by a tie."""
    hit = np.random.default_rng(seed).random(draws) < tail
    return np.where(hit, 1.0 + (np.arange(draws) % 2), 0.0)


def one_at_a_time(values: np.ndarray, observed: float, rule: Stopping) -> Drawn:
    """The rule written as a loop over single draws."""
    lost = 0
    for drawn, value in enumerate(values[: rule.b_max], start=1):
        lost += value >= observed
        p = (lost + 1) / (drawn + 1)
        if rule.kind == "besag_clifford":
            if lost == rule.h:
                return Drawn(lost, drawn, rule.h / drawn, None, "exceedances")
            continue
        held = float(wealth(lost, drawn))
        if held >= rule.threshold:
            return Drawn(lost, drawn, p, held, "success")
        if held <= rule.futility or float(wealth(lost, rule.b_max)) < rule.threshold / 10:
            given_up = drawn < rule.b_max
            return Drawn(lost, drawn, p, 0.0 if given_up else held, "futility" if given_up else "exhausted")
    e = None if rule.kind == "besag_clifford" else float(wealth(lost, rule.b_max))
    return Drawn(lost, rule.b_max, (lost + 1) / (rule.b_max + 1), e, "exhausted")


@given(worlds, rules)
def test_stopping_is_decided_draw_by_draw(world, rule):
    values = statistics(*world, rule.b_max)
    assert sequential_evidence(lambda start, count: values[start : start + count], 1.0, rule) == one_at_a_time(
        values, 1.0, rule
    )


@given(worlds, rules, st.integers(1, 300), st.integers(1, 900))
def test_chunks_change_nothing(world, rule, first, largest):
    values = statistics(*world, rule.b_max)

    def draw(start: int, count: int) -> np.ndarray:
        return values[start : start + count]

    usual = sequential_evidence(draw, 1.0, rule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FIRST_CHUNK", first)
        patch.setattr(module, "_LARGEST_CHUNK", largest)
        assert sequential_evidence(draw, 1.0, rule) == usual


def test_draws_come_in_chunks_that_double():
    asked = []

    def draw(start: int, count: int) -> np.ndarray:
        asked.append((start, count))
        return np.zeros(count)

    sequential_evidence(draw, 1.0, Stopping("besag_clifford", 30_000))
    assert asked[:4] == [(0, 50), (50, 50), (100, 100), (200, 200)]
    assert max(count for _, count in asked) == 8_192
    assert sum(count for _, count in asked) == 30_000


def test_each_ending_has_its_name():
    never, always = (lambda start, count: np.zeros(count)), (lambda start, count: np.ones(count))
    assert sequential_evidence(never, 1.0, Stopping("betting", 20_000, threshold=1_000.0)).stopped == "success"
    assert sequential_evidence(never, 1.0, Stopping("betting", 500, threshold=1_000.0)).stopped == "exhausted"
    assert sequential_evidence(always, 1.0, Stopping("betting", 100, threshold=20.0)).stopped == "futility"
    assert sequential_evidence(always, 1.0, Stopping("besag_clifford", 100)).stopped == "exceedances"
    assert sequential_evidence(never, 1.0, Stopping("besag_clifford", 100)).p == 1 / 101


def test_a_bettor_gives_up_when_the_threshold_is_out_of_reach_and_not_before():
    rule = Stopping("betting", 2_000, threshold=100.0)
    most = max(lost for lost in range(200) if wealth(lost, rule.b_max) >= rule.threshold / HOPELESS)

    # Exceedances come one in fifty, or the wealth itself is lost.
    def late(hits: int) -> Drawn:
        return sequential_evidence(
            lambda start, count: np.isin(np.arange(start, start + count), 49 + 50 * np.arange(hits)) * 1.0, 1.0, rule
        )

    assert late(most).draws == rule.b_max
    given_up = late(most + 1)
    assert (given_up.stopped, given_up.draws) == ("futility", 50 * (most + 1))
    assert given_up.e == 0.0 < wealth(most + 1, 50 * (most + 1))


def test_a_tie_counts_as_an_exceedance():
    tied = sequential_evidence(lambda start, count: np.full(count, 0.3), 0.1 + 0.2, Stopping("besag_clifford", 50, h=5))
    assert (tied.exceedances, tied.draws, tied.p) == (5, 5, 1.0)


@given(st.lists(worlds, min_size=1, max_size=6), rules, st.sampled_from([0.5, 0.05, 0.02, 0.005]))
def test_several_statistics_reach_a_level_as_each_alone_does(rows, rule, alpha):
    if rule.kind == "betting":
        rule = Stopping("betting", rule.b_max, threshold=1 / alpha)
    values = np.stack([statistics(*world, rule.b_max) for world in rows])

    def alone(row: int) -> bool:
        drawn = sequential_evidence(lambda start, count: values[row, start : start + count], 1.0, rule)
        return drawn.p <= alpha if drawn.e is None else drawn.e >= 1 / alpha

    together = reaching_level(
        lambda which, start, count: values[which, start : start + count], np.ones(len(rows)), rule, alpha
    )
    assert together.tolist() == [alone(row) for row in range(len(rows))]


@pytest.mark.parametrize(("h", "b_max"), [(1, 1), (1, 9), (3, 12), (10, 40)])
def test_the_p_of_besag_and_clifford_is_uniform_on_its_values(h, b_max):
    """P(p <= u) = u for every value u that p takes, from the exact law of the rank."""
    chance, law = {0: Fraction(1)}, {}
    for drawn in range(b_max):
        moved: dict[int, Fraction] = {}
        for lost, weight in chance.items():
            worse = Fraction(lost + 1, drawn + 2)
            moved[lost + 1] = moved.get(lost + 1, Fraction(0)) + weight * worse
            moved[lost] = moved.get(lost, Fraction(0)) + weight * (1 - worse)
        if h in moved:
            law[besag_clifford_p(h, drawn + 1, h)] = moved.pop(h)
        chance = moved
    for lost, weight in chance.items():
        p = besag_clifford_p(lost, b_max, h)
        law[p] = law.get(p, Fraction(0)) + weight
    assert sum(law.values()) == 1
    for p in law:
        assert float(sum(weight for value, weight in law.items() if value <= p)) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(("alpha", "b_max"), [(0.02, 5_000), (0.005, 20_000)])
def test_a_test_that_a_p_value_would_win_nine_times_in_ten_is_won_as_often_by_betting(alpha, b_max):
    from scipy.stats import norm

    rng = np.random.default_rng(3)
    shift = norm.isf(equivalent_p_level(alpha, b_max)) + norm.ppf(0.9)
    rule = Stopping("betting", b_max, threshold=1 / alpha)
    tails = norm.sf(shift + rng.standard_normal(600))
    won = [
        sequential_evidence(lambda start, count, tail=tail: (rng.random(count) < tail) * 1.0, 1.0, rule).stopped
        == "success"
        for tail in tails
    ]
    assert np.mean(won) == pytest.approx(0.9, abs=4 * (0.09 / 600) ** 0.5)


@given(st.floats(1e-6, 0.4), st.integers(1, 100_000))
def test_draws_resolve_a_level_if_not_one_exceedance_reaches_it(alpha, draws):
    assert resolves(draws, alpha, "e") == (draws >= draws_to_reach(1 / alpha))
    assert resolves(draws, alpha) == ((draws + 1) * alpha >= 1)
    assert equivalent_p_level(alpha, draws) >= 1 / (draws + 1)


def test_betting_asks_for_more_draws_than_a_p_value():
    for alpha in (0.02, 0.001):
        assert draws_to_reach(1 / alpha) > 1 / alpha - 1
        assert resolves(draws_for(alpha), alpha, "e")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "betting"}, "threshold is None"),
        ({"kind": "betting", "threshold": 1.0}, "threshold is 1.0"),
        ({"kind": "betting", "threshold": 20.0, "futility": 1.0}, "futility is 1.0"),
        ({"kind": "besag_clifford", "b_max": 0}, "b_max is 0"),
        ({"kind": "besag_clifford", "h": 0}, "h is 0"),
    ],
)
def test_a_rule_that_cannot_stop_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Stopping(**{"b_max": 100} | fields)


def test_a_level_and_a_threshold_must_agree():
    with pytest.raises(ValueError, match=r"stops at 20.0, the level asks for 100.0"):
        reaching_level(
            lambda rows, start, count: np.zeros((len(rows), count)),
            np.ones(1),
            Stopping("betting", 100, threshold=20.0),
            0.01,
        )


@pytest.mark.parametrize(("exceedances", "draws"), [(11, 20), (10, 9), (-1, 5)])
def test_impossible_counts_are_refused(exceedances, draws):
    with pytest.raises(ValueError, match="exceedances"):
        besag_clifford_p(exceedances, draws)
