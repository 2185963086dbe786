from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import two_nn
from theodolite.manifolds.two_nn import LEAST_POINTS


def torus(n: int, dimension: int, rng: np.random.Generator, width: int = 16) -> np.ndarray:
    """Uniform points on a flat torus, which has no edge, in a turned space of ``width`` dimensions."""
    angles = rng.uniform(0.0, 2.0 * np.pi, (n, dimension))
    flat = np.concatenate([np.cos(angles), np.sin(angles), np.zeros((n, width - 2 * dimension))], axis=1)
    return flat @ np.linalg.qr(rng.standard_normal((width, width)))[0]


@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_the_dimension_of_a_torus_is_found_whatever_its_space(dimension):
    found = two_nn(torus(1_500, dimension, np.random.default_rng(dimension)))
    assert found.dimension == pytest.approx(dimension, rel=0.12)
    assert found.low < found.dimension < found.high and found.error == pytest.approx(found.dimension / 37, rel=0.05)


def test_the_estimate_agrees_with_the_regression_of_the_paper():
    points = torus(800, 3, np.random.default_rng(7))
    distance = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)
    ratio = np.sort(distance[:, 2] / distance[:, 1])[:720]
    below = np.arange(720) / 800
    slope = float((np.log(ratio) @ -np.log1p(-below)) / np.square(np.log(ratio)).sum())
    assert two_nn(points).dimension == pytest.approx(slope, rel=0.08)


def test_the_interval_covers_in_most_samples():
    rng = np.random.default_rng(11)
    covered = sum(found.low <= 2.0 <= found.high for found in (two_nn(torus(300, 2, rng, width=4)) for _ in range(60)))
    assert covered >= 48


def test_f3_zero_rows_and_duplicates_are_dropped_and_counted():
    points = torus(200, 2, np.random.default_rng(5)) + 3.0
    padded = np.concatenate([points, points[:10], np.zeros((30, 16))])
    found, clean = two_nn(padded), two_nn(points)
    assert (found.points, found.zeros, found.duplicates) == (200, 30, 10)
    assert found.dimension == pytest.approx(clean.dimension)


def test_seven_markers_have_no_intrinsic_dimension():
    with pytest.raises(ValueError, match="7 distinct rows are too few"):
        two_nn(np.random.default_rng(0).standard_normal((7, 16)))
    few = np.random.default_rng(0).standard_normal((LEAST_POINTS - 1, 4))
    with pytest.raises(ValueError, match="too few"):
        two_nn(np.concatenate([few, few]))


def test_a_grid_and_a_bad_share_are_refused():
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2) + 1.0
    with pytest.raises(ValueError, match="such a grid has no TwoNN"):
        two_nn(grid)
    with pytest.raises(ValueError, match="discard is 1.0"):
        two_nn(torus(30, 1, np.random.default_rng(0)), discard=1.0)
