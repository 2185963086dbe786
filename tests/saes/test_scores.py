"""Scores are what their definitions say, counted on held-out rows."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.saes import ArrayRows, SAETrainingError, SparseAutoencoder, score

WIDTH = 4


def axes(offset: float, features: int = WIDTH, k: int = WIDTH) -> SparseAutoencoder:
    """Reads the positive side of the first axes."""
    unit = np.eye(features, WIDTH, dtype=np.float32)
    bias = np.full(WIDTH, offset, dtype=np.float32)
    return SparseAutoencoder(unit, unit.copy(), np.zeros(features, dtype=np.float32), bias, k=k)


def normal_rows(offset: float) -> ArrayRows:
    values = (offset + np.random.default_rng(0).standard_normal((20_000, WIDTH))).astype(np.float32)
    values[10_000:] = offset + 50  # held out from training
    return ArrayRows(values, np.arange(20_000) < 10_000)


@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_half_of_the_variance_is_explained_by_the_positive_sides(offset: float) -> None:
    found = score(axes(offset), normal_rows(offset), 0)
    assert found.rows == 65_536
    assert found.explained_variance == pytest.approx(0.5, abs=0.02)
    assert found.active == pytest.approx(WIDTH / 2, rel=0.02)
    assert (found.dead, found.dense) == (0.0, 1.0)


def test_nothing_is_explained_where_nothing_is_active() -> None:
    below = axes(50.0)
    found = score(below, normal_rows(0.0), 0)
    # A mean of its own is no merit, and a wrong one makes it worse.
    assert found.explained_variance == pytest.approx(1 - (1 + 50.0**2), rel=0.01)
    assert (found.active, found.dead) == (0.0, 1.0)


def test_a_rare_feature_is_neither_dead_nor_dense() -> None:
    values = np.zeros((1_000, WIDTH), dtype=np.float32)
    values[:, 0] = np.arange(1_000)  # active in nearly all
    values[:20, 1] = 1.0  # active in 2 %
    rows = ArrayRows(np.concatenate([values, values]), np.arange(2_000) < 1_000)
    found = score(axes(0.0), rows, 1)
    assert (found.dead, found.dense) == (0.5, 0.25)
    assert found.active == pytest.approx(0.999 + 0.02, abs=0.01)
    assert found.explained_variance == pytest.approx(1.0)


def test_rows_that_are_all_the_same_have_no_variance_to_explain() -> None:
    values = np.random.default_rng(0).standard_normal((10, WIDTH)).astype(np.float32)
    with pytest.raises(SAETrainingError, match="rows to score are all the same; hold out others"):
        score(axes(0.0), ArrayRows(values, np.arange(10) == 0), 0)
