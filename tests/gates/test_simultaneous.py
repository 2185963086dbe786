"""Intervals for the best of several places: they cover all places at once, and one place is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from theodolite.gates.confounds import retention
from theodolite.gates.effects import Items, effect_with_gains, gene_items
from theodolite.gates.simultaneous import (
    effect_somewhere,
    gain_somewhere,
    retention_somewhere,
    simultaneous_bounds,
)

PLACES, GENES, MEMBERS = 8, 200, 40
FAMILY = np.arange(GENES) // 2


def world(seed: int, effects: list[float], *, common: float = 0.5) -> list[Items]:
    """Places of expected AUROC - 0.5 ``effects``; scores share a part of their variance, and families half of it."""
    rng = np.random.default_rng(seed)
    member = np.isin(np.arange(GENES), rng.choice(GENES, MEMBERS, replace=False))

    def alike(width: int) -> np.ndarray:
        family = np.repeat(rng.standard_normal((width, GENES // 2)), 2, axis=1)
        return np.sqrt(0.5) * family + np.sqrt(0.5) * rng.standard_normal((width, GENES))

    score = np.sqrt(common) * alike(1) + np.sqrt(1 - common) * alike(len(effects))
    shift = np.sqrt(2) * norm.ppf(0.5 + np.array(effects))
    return [gene_items(row, member, FAMILY) for row in score + shift[:, None] * member]


@pytest.mark.parametrize("common", [0.0, 0.8])
@pytest.mark.parametrize(
    "effects",
    [[0.0] * PLACES, [0.25, *[0.0] * (PLACES - 1)], [0.35] * PLACES],
    ids=["nothing", "one place", "all places"],
)
def test_the_interval_of_the_best_place_covers_where_that_of_the_place_alone_does_not(effects, common) -> None:
    truth, covered, alone, above = np.array(effects), [], [], []
    for seed in range(300):
        items = world(seed, effects, common=common)
        estimate = effect_somewhere(items, 0, seed, 300)[1].estimate
        best = int(estimate.argmax())
        effect, bounds = effect_somewhere(items, best, seed, 300)
        covered.append(bool(((bounds.low <= truth) & (truth <= bounds.high)).all()))
        above.append(truth.max() <= effect.upper)
        plain = effect_with_gains(items[best], (), seed, 300)[0]
        alone.append(plain.low <= truth[best] <= plain.high)
        assert effect.low <= plain.low and effect.high >= plain.high
    assert np.mean(covered) >= 0.93
    assert np.mean(above) >= 0.93
    if max(effects) == 0.0 and common == 0.0:
        assert np.mean(alone) < 0.9, "the mistake: the best place with the interval it would have had alone"


@given(seed=st.integers(0, 10_000), places=st.integers(1, 12), scale=st.floats(0.01, 3.0))
def test_bounds_are_in_order_and_no_narrower_than_those_of_a_place_alone(seed: int, places: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    estimate = rng.normal(0.0, 0.2, places)
    draws = estimate[:, None] + scale * rng.standard_normal((places, 200))
    bounds = simultaneous_bounds(estimate, draws, 30)
    alone = np.percentile(draws, [2.5, 95.0, 97.5], axis=1)
    assert (bounds.low <= np.minimum(alone[0], bounds.median)).all()
    assert (bounds.median <= bounds.estimate).all()
    assert (bounds.estimate <= bounds.upper).all()
    assert (bounds.upper <= bounds.high).all()
    assert (bounds.upper >= alone[1]).all() and (bounds.high >= alone[2]).all()
    assert 0.0 <= bounds.tail <= 0.025


@given(seed=st.integers(0, 10_000))
def test_more_places_never_make_a_bound_tighter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    estimate = rng.normal(0.0, 0.2, 9)
    draws = estimate[:, None] + rng.uniform(0.05, 0.2, (9, 1)) * rng.standard_normal((9, 200))
    few, many = simultaneous_bounds(estimate[:3], draws[:3], 30), simultaneous_bounds(estimate, draws, 30)
    assert (many.low[:3] <= few.low).all()
    assert (many.high[:3] >= few.high).all()
    assert (many.median[:3] <= few.median).all()
    assert many.tail <= few.tail


def test_few_families_make_bounds_wider() -> None:
    rng = np.random.default_rng(1)
    estimate, draws = np.zeros(5), 0.1 * rng.standard_normal((5, 400))
    widths = [float(simultaneous_bounds(estimate, draws, units).high[0]) for units in (8, 20, 1_000)]
    assert widths[0] > widths[1] > widths[2]


def test_a_place_without_spread_and_resamples_without_a_class_do_not_spoil_the_others() -> None:
    estimate = np.array([0.5, 0.1])
    draws = np.stack([np.full(100, 0.5), 0.1 + 0.05 * np.random.default_rng(0).standard_normal(100)])
    holed = np.concatenate([draws, np.full((2, 3), np.nan)], axis=1)
    bounds, without = simultaneous_bounds(estimate, holed, 30), simultaneous_bounds(estimate, draws, 30)
    assert bounds.low[0] == bounds.high[0] == 0.5
    assert bounds.low == pytest.approx(without.low)
    assert bounds.low[1] < 0.1 < bounds.high[1]


def test_a_gain_is_held_against_every_baseline_at_every_place() -> None:
    items = world(1, [0.0, 0.3, 0.0])
    weak, strong = world(1, [0.0, 0.0, 0.0]), world(1, [0.25, 0.0, 0.0])
    assert gain_somewhere(items, 1, weak, 3, 300).gain.low > 0.0
    beaten = gain_somewhere(items, 1, [*weak, *strong], 3, 300)
    assert beaten.hardest == 3
    assert beaten.gain.low < 0.0
    assert beaten.gain.estimate == pytest.approx(
        effect_somewhere(items, 1, 3, 300)[0].estimate - beaten.baseline.estimate
    )
    # Baselines that are not the hardest can still be what the bound is held against.
    assert beaten.gain.low <= gain_somewhere(items, 1, strong, 3, 300).gain.low
    plain = effect_with_gains(items[1], [strong[0]], 3, 300)[1][0][1]
    assert beaten.gain.low <= plain.low


def test_a_baseline_that_separates_the_other_way_round_separates() -> None:
    items = world(2, [0.3, 0.0])
    turned = world(2, [-0.3, 0.0])
    gained = gain_somewhere(items, 0, turned, 3, 300)
    assert gained.baseline.estimate > 0.2
    assert gained.gain.low < 0.0


def test_what_is_left_is_reckoned_without_the_luck_of_the_choice() -> None:
    raw, residual = world(3, [0.3] * PLACES), world(3, [0.2] * PLACES)
    effect, bounds = effect_somewhere(residual, 0, 5, 300)
    best = int(bounds.estimate.argmax())
    chosen = retention_somewhere(raw[best], residual[best], bounds, best, 5, 300)
    plain = retention(raw[best], residual[best], 5, 300)
    assert chosen.estimate < plain.estimate
    assert chosen.low <= min(plain.low, chosen.estimate)
    assert chosen.high >= plain.high
    one = effect_somewhere(residual[best : best + 1], 0, 5, 300)[1]
    single = retention_somewhere(raw[best], residual[best], one, 0, 5, 300)
    assert single.estimate == pytest.approx(plain.estimate, abs=0.05)
    assert effect.upper == pytest.approx(min(0.5, float(bounds.upper.max())))


def test_nothing_is_retained_where_the_raw_effect_points_the_other_way() -> None:
    raw, residual = world(4, [-0.2]), world(4, [0.2])
    bounds = effect_somewhere(residual, 0, 5, 300)[1]
    assert retention_somewhere(raw[0], residual[0], bounds, 0, 5, 300).estimate == 0.0


def test_places_of_other_items_and_a_gain_over_nobody_are_refused() -> None:
    items = world(5, [0.1, 0.1])
    other = gene_items(np.arange(GENES, dtype=float), np.arange(GENES) < 20, np.arange(GENES))
    with pytest.raises(ValueError, match="must be of the same items"):
        effect_somewhere([items[0], other], 0, 1, 50)
    with pytest.raises(ValueError, match="a baseline or more"):
        gain_somewhere(items, 0, [], 1, 50)
