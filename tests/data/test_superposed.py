"""A world of superposed features has the rates that it says, and rows that are sums of its vectors and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.data.superposed import superposed_world


def test_features_are_active_at_their_rates_each_whatever_the_others_are() -> None:
    world = superposed_world(0, rows=50_000, width=20, features=60, active=3.0)
    assert world.rate.sum() == pytest.approx(3.0)
    assert world.rate.min() >= 0.01
    counted = np.diag(world.together) / 50_000
    np.testing.assert_allclose(counted, world.rate, atol=5 * np.sqrt(world.rate.max() / 50_000))
    # Of independent features P(i and j) / min(P(i), P(j)) is the larger rate.
    assert world.coactivation() == pytest.approx(world.rate.max(), abs=0.06)
    assert world.rate.max() <= world.coactivation()


def test_rows_are_sums_of_few_unit_vectors() -> None:
    # As many dimensions as features, so that what is active can be solved for.
    world = superposed_world(1, rows=3_000, width=30, features=30, active=2.0)
    np.testing.assert_allclose(np.linalg.norm(world.dictionary, axis=1), 1.0, atol=1e-6)
    codes = np.linalg.solve(world.dictionary.T.astype(float), world.values.T.astype(float)).T
    active = codes > 0.25
    assert np.abs(codes[~active]).max() < 0.01
    assert codes[active].min() > 0.49
    np.testing.assert_array_equal(active.T.astype(int) @ active.astype(int), world.together)


def test_a_seed_makes_the_same_world_again() -> None:
    first, second, other = (superposed_world(seed, rows=100, width=5, features=9, active=1.0) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.values, second.values)
    assert not np.array_equal(first.dictionary, other.dictionary)


def test_rates_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="500 features of a rate of at least 0.01 are more than 4.0 active ones a row"):
        superposed_world(0, rows=10, width=5, features=500, active=4.0)
    with pytest.raises(ValueError, match="give more features or fewer active"):
        superposed_world(0, rows=10, width=5, features=4, active=3.9)
