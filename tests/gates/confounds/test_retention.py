from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.confounds import RETENTION_LIMIT, retention
from theodolite.gates.effects import Items, auroc, bipartite_items, pair_items

FAMILY = np.arange(24) // 2


def items(shift: float, seed: int = 0, noise: float = 1.0) -> Items:
    """Return pairs whose edges score ``shift`` higher."""
    rng = np.random.default_rng(seed)
    edges = np.triu(rng.random((24, 24)) < 0.3, 1) & (FAMILY[:, None] != FAMILY[None, :])
    edges |= edges.T
    score = np.triu(noise * rng.standard_normal((24, 24)), 1)
    return pair_items(score + score.T + shift * edges, edges, FAMILY)


def test_what_nothing_was_taken_from_is_retained_whole() -> None:
    found = retention(items(1.0), items(1.0), seed=1)
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.unit == "share of the raw effect"


def test_it_is_the_ratio_of_both_effects_with_an_interval_around_it() -> None:
    raw, residual = items(1.2), items(0.5)
    found = retention(raw, residual, seed=2)
    assert found.estimate == pytest.approx((auroc(residual) - 0.5) / (auroc(raw) - 0.5))
    assert 0.2 < found.low < found.estimate < found.high < 0.8


def test_an_effect_that_turns_round_is_retained_less_than_not_at_all() -> None:
    found = retention(items(1.2), items(-1.2), seed=3)
    assert found.estimate < -0.5 and found.high < 0.0


def test_a_raw_effect_the_wrong_way_round_leaves_nothing_to_retain() -> None:
    """Both effects negative would give a positive ratio, and so would two resamples of noise around nil."""
    found = retention(items(-1.0), items(-1.0), seed=4)
    assert (found.estimate, found.low, found.high) == (0.0, -RETENTION_LIMIT, RETENTION_LIMIT)


def test_a_raw_effect_that_may_be_nil_gives_an_interval_without_end() -> None:
    found = retention(items(0.12), items(1.0), seed=5)
    assert found.low == -RETENTION_LIMIT and found.high == RETENTION_LIMIT


def test_regulators_and_targets_are_resampled_apart() -> None:
    rng = np.random.default_rng(6)
    edges, every = rng.random((12, 40)) < 0.2, np.ones((12, 40), dtype=bool)
    score = rng.standard_normal((12, 40)) + edges

    def of(values: np.ndarray, rows: int = 3) -> Items:
        return bipartite_items(values, edges, every, np.arange(12) // rows, np.arange(40))

    found = retention(of(score), of(score - 0.5 * edges), seed=7)
    assert 0.0 < found.low < found.estimate < found.high < 0.9
    with pytest.raises(ValueError, match="raw has 4 families and residual 6; they must be the same items"):
        retention(of(score), of(score, rows=2), seed=7)
